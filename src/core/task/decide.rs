//! The decision: from an observation to the next step.
//!
//! Which stage of life a resource is in:
//!
//! | what is known | stage |
//! |---|---|
//! | deletionTimestamp | [`deletion`] |
//! | phase Completed, Failed, Canceled; Rejected or Conflict for this generation; a record whose task has expired | [`finished`] |
//! | status.taskId, or a Start that was answered with success | [`following`] |
//! | a record of another uid for the same request | [`copied`] |
//! | a record whose attempts are not all answered | [`open_attempt`] |
//! | a record that was answered with TaskAlreadyExists | [`already_exists`] |
//! | nothing, or a record under which nothing was started | [`before_start`] |

use std::time::Instant;

use jiff::Timestamp;

use crate::api::{Phase, Reason, StartRecord, StartedBy};
use crate::core::queue::Admission;
use crate::core::task::memory::{Answered, AttemptKnown, Memory};
use crate::core::task::observation::{Observation, Settings};
use crate::core::task::observed::ObservedTask;
use crate::core::task::plan::{Plan, Step};
use crate::core::task::stages::{already_exists, before_start, copied, deletion, finished, following, open_attempt};
use crate::core::task::status::draft::{Identity, find};
use crate::core::task::status::phase::{ConditionType, has_ended};

/// The next step for a resource.
#[must_use]
pub fn decide(observation: &Observation<'_>) -> Step {
    let Plan { draft, step } = assess(observation);
    draft
        .and_then(|draft| draft.status_to_write(observation.observed, observation.now))
        .map_or(step, |status| Step::WriteStatus(Box::new(status)))
}

/// Whether nothing is left to do for a resource, ever, unless it changes: whatever the service has said or may say.
///
/// One that names no task is not looked at: the service may have said to this process that there is one.
#[must_use]
pub fn is_done(observed: &ObservedTask, settings: &Settings, (now, instant): (Timestamp, Instant)) -> bool {
    let names_its_task = observed.status.as_ref().is_some_and(|status| status.task_id.is_some());
    let observation = Observation {
        now,
        instant,
        since: now,
        observed,
        is_fresh: false,
        memory: &Memory::default(),
        admission: Admission::Free,
        settings,
    };
    names_its_task && observed.phase().is_some_and(has_ended) && decide(&observation) == Step::Wait(None)
}

fn assess(o: &Observation<'_>) -> Plan {
    if o.observed.deleting_since.is_some() {
        return deletion::assess(o);
    }
    let stage = Stage::of(o);
    match stage {
        Stage::Finished(phase) => finished::assess(o, phase),
        Stage::Following(identity) => following::assess(o, &identity),
        Stage::Copied(record) => copied::assess(o, &record),
        Stage::Open(known) => open_attempt::assess(o, &known),
        Stage::AlreadyExists(known) => already_exists::assess(o, &known),
        Stage::NotStarted(known) => before_start::assess(o, known.as_ref()),
    }
}

/// Which stage of life a resource is in.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// It has ended.
    Finished(Phase),
    /// Its task is known.
    Following(Identity),
    /// Its start record was written for another resource.
    Copied(StartRecord),
    /// Nobody knows whether a start took effect.
    Open(AttemptKnown),
    /// The task id, or the token, exists, and the service has yet to show the task.
    AlreadyExists(AttemptKnown),
    /// Nothing was started. The record, if there is one, was refused.
    NotStarted(Option<AttemptKnown>),
}

impl Stage {
    /// Finds the stage from observed alone, never from what was done last.
    #[must_use]
    pub fn of(o: &Observation<'_>) -> Self {
        let observed = o.observed;
        let asks_the_same = observed
            .record
            .as_ref()
            .is_some_and(|record| observed.still_asks_for(record));
        if let Some(identity) = identity_just_heard(o) {
            return Self::Following(identity);
        }
        match observed.phase() {
            Some(phase) if has_ended(phase) => return Self::Finished(phase),
            Some(phase @ (Phase::Rejected | Phase::Conflict)) if observed.is_observed() => {
                return Self::Finished(phase);
            }
            // Edited: whatever the edit, it is reason to try again.
            Some(Phase::Rejected | Phase::Conflict) => {}
            _ => {
                if let Some(identity) = identity_in_status(o) {
                    return Self::Following(identity);
                }
            }
        }
        let Some(record) = &observed.record else {
            return Self::NotStarted(None);
        };
        if record.uid != observed.uid {
            // With another request, or another id, it says nothing about this resource.
            return if asks_the_same {
                Self::Copied(record.clone())
            } else {
                Self::NotStarted(None)
            };
        }
        let known = o.memory.attempt_under(record, o.since);
        if is_at_rest(observed) {
            // Leaving one of these phases is written before the next record is: nothing can be in the air.
            let holds_back = observed
                .desired
                .as_ref()
                .is_ok_and(|desired| desired.suspend || desired.cancel);
            return match (observed.phase(), reason_written(observed)) {
                (Some(Phase::Unknown), Some(Reason::TaskExpired)) if asks_the_same => Self::Finished(Phase::Unknown),
                // What is not to be started need not look for the owner of the token.
                (Some(Phase::Unknown), reason)
                    if asks_the_same && !(holds_back && reason == Some(Reason::TokenInUse)) =>
                {
                    Self::AlreadyExists(known)
                }
                _ => Self::NotStarted(Some(known)),
            };
        }
        if o.memory.is_open(&known) || asks_the_same && o.memory.may_have_expired(&known, o.now) {
            return Self::Open(known);
        }
        match &known.answer {
            // Edited before the service showed the task: what exists under the old id was not started by this
            // resource, unless an attempt went unanswered and may still turn up.
            Some(Answered::AlreadyExists)
                if asks_the_same || known.unanswered && !o.memory.shows_nothing_started(&known) =>
            {
                Self::AlreadyExists(known)
            }
            _ => Self::NotStarted(Some(known)),
        }
    }
}

/// Whether the status says that no request is in the air: phases that are only ever left by writing another
/// before a record is written.
#[must_use]
pub fn is_at_rest(observed: &ObservedTask) -> bool {
    let phase = observed.phase();
    let no_attempt = observed.status.as_ref().is_none_or(|status| status.attempt.is_none());
    no_attempt
        && matches!(
            phase,
            Some(Phase::Suspended | Phase::Rejected | Phase::Conflict | Phase::Canceled | Phase::Unknown)
        )
}

/// The task that this process has started, and that no status names yet: whatever phase a write says that comes late,
/// from before the start.
fn identity_just_heard(o: &Observation<'_>) -> Option<Identity> {
    let observed = o.observed;
    let record = observed.record.as_ref().filter(|record| record.uid == observed.uid)?;
    if observed.status.as_ref().is_some_and(|status| status.task_id.is_some()) {
        return None;
    }
    let known = o.memory.attempt.as_ref().filter(|known| known.record == *record)?;
    let Some(Answered::Success { task_id, unclaimed }) = &known.answer else {
        return None;
    };
    let own = record.token == observed.uid && *unclaimed;
    Some(Identity {
        task_id: task_id.clone(),
        region: record.region.clone(),
        token: record.token.clone(),
        started_by: if own { StartedBy::This } else { StartedBy::Other },
        reason: Reason::Started,
    })
}

fn reason_written(observed: &ObservedTask) -> Option<Reason> {
    let ready = find(&observed.status.as_ref()?.conditions, ConditionType::Ready)?;
    Reason::ALL
        .iter()
        .copied()
        .find(|reason| reason.as_str() == ready.reason)
}

fn identity_in_status(o: &Observation<'_>) -> Option<Identity> {
    let status = o.observed.status.as_ref()?;
    let started = find(&status.conditions, ConditionType::Started);
    let by_us = started.is_some_and(|started| started.reason == Reason::Started.as_str());
    Some(Identity {
        task_id: status.task_id.clone()?,
        // Never none: what has an id is followed, and nothing is started.
        region: status
            .region
            .clone()
            .or_else(|| o.region().map(str::to_owned))
            .unwrap_or_default(),
        token: status.client_request_token.clone().unwrap_or_default(),
        started_by: if o.observed.owns_task() {
            StartedBy::This
        } else {
            StartedBy::Other
        },
        reason: if by_us { Reason::Started } else { Reason::AlreadyExists },
    })
}
