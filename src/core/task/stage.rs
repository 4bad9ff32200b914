//! Which stage of life a resource is in: found once in a pass, and handed to the queue and to the plan.
//!
//! | what is known, in this order | stage |
//! |---|---|
//! | a Start that this process saw answered with success, before any status names its task | [`Stage::Following`] |
//! | phase Completed, Failed, Canceled; Rejected or Conflict for this generation | [`Stage::Finished`] |
//! | status.taskId | [`Stage::Following`] |
//! | a record that can't be read | [`Stage::UnreadableRecord`] |
//! | a record of another uid for the same request | [`Stage::Copied`] |
//! | a record whose attempts are not all answered | [`Stage::OpenAttempt`] |
//! | a record that was answered with TaskAlreadyExists | [`Stage::AlreadyExists`] |
//! | nothing, or a record under which nothing was started | [`Stage::NotStarted`] |

use super::attempt::{AttemptAnswer, KnownAttempt};
use super::desired::DesiredTask;
use super::known_task::KnownTask;
use super::observation::Observation;
use super::status::phase::{ConditionType, has_ended};
use crate::api::{Phase, Reason, StartRecord};

/// Which stage of life a resource is in.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// It has ended.
    Finished(Phase),
    /// Its task is known.
    Following(KnownTask),
    /// Nobody knows what its start record says; this is why.
    UnreadableRecord(String),
    /// Its start record was written for another resource.
    Copied(StartRecord),
    /// Nobody knows whether a start took effect.
    OpenAttempt(KnownAttempt),
    /// The task id, or the token, exists, and the service has yet to show the task.
    AlreadyExists(KnownAttempt),
    /// Nothing was started. The record, if there is one, was refused.
    NotStarted(Option<KnownAttempt>),
}

impl Stage {
    /// Finds the stage from what was observed alone, never from what was done last.
    pub fn of(o: &Observation<'_>) -> Self {
        let observed = o.observed;
        if let Some(task) = just_started(o) {
            return Self::Following(task);
        }
        match observed.phase() {
            Some(phase) if has_ended(phase) => return Self::Finished(phase),
            Some(phase @ (Phase::Rejected | Phase::Conflict)) if observed.is_observed() => {
                return Self::Finished(phase);
            }
            // Edited: whatever the edit, it is reason to try again.
            Some(Phase::Rejected | Phase::Conflict) => {}
            _ => {
                if let Some(task) = KnownTask::in_status(o) {
                    return Self::Following(task);
                }
            }
        }
        if let Some(problem) = &observed.unreadable_record {
            return Self::UnreadableRecord(problem.clone());
        }
        match &observed.record {
            None => Self::NotStarted(None),
            Some(record) if record.uid != observed.uid => Self::of_a_copy(o, record),
            Some(record) => Self::under(o, record),
        }
    }

    /// The record of another resource. With another request, or another id, it says nothing about this one.
    fn of_a_copy(o: &Observation<'_>, record: &StartRecord) -> Self {
        if o.observed.still_asks_for(record) {
            Self::Copied(record.clone())
        } else {
            Self::NotStarted(None)
        }
    }

    /// The stage under a record of the resource's own.
    fn under(o: &Observation<'_>, record: &StartRecord) -> Self {
        let asks_the_same = o.observed.still_asks_for(record);
        let known = o.memory.attempt_under(record, o.known_since);
        if o.observed.no_request_in_flight() {
            return Self::at_rest(o, asks_the_same, known);
        }
        if o.memory.is_open(&known) || asks_the_same && o.memory.may_have_expired(&known, &o.now) {
            return Self::OpenAttempt(known);
        }
        match &known.answer {
            // Edited before the service showed the task: what exists under the old id was not started by this
            // resource, unless an attempt went unanswered and may still turn up.
            Some(AttemptAnswer::AlreadyExists)
                if asks_the_same || known.opened_at.is_some() && !o.memory.shows_nothing_started(&known) =>
            {
                Self::AlreadyExists(known)
            }
            _ => Self::NotStarted(Some(known)),
        }
    }

    /// The stage where the status proves that no request is in flight.
    fn at_rest(o: &Observation<'_>, asks_the_same: bool, known: KnownAttempt) -> Self {
        let desired = o.observed.desired.as_ref();
        let holds_back = desired.is_ok_and(DesiredTask::holds_start_back);
        match (o.observed.phase(), o.observed.reason_of(ConditionType::Ready)) {
            (Some(Phase::Unknown), Some(Reason::TaskExpired)) if asks_the_same => Self::Finished(Phase::Unknown),
            // What is not to be started need not look for the owner of the token.
            (Some(Phase::Unknown), reason) if asks_the_same && !(holds_back && reason == Some(Reason::TokenInUse)) => {
                Self::AlreadyExists(known)
            }
            _ => Self::NotStarted(Some(known)),
        }
    }
}

/// The task that this process has started, and that no status names yet: whatever phase a write says that comes late,
/// from before the start.
fn just_started(o: &Observation<'_>) -> Option<KnownTask> {
    let observed = o.observed;
    let record = observed.record.as_ref().filter(|record| record.uid == observed.uid)?;
    if observed.status.as_ref().is_some_and(|status| status.task_id.is_some()) {
        return None;
    }
    let known = o.memory.attempt.as_ref().filter(|known| known.record == *record)?;
    let Some(AttemptAnswer::Success { task_id }) = &known.answer else {
        return None;
    };
    Some(KnownTask::just_started(o, record, task_id))
}
