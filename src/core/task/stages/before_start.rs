//! Nothing was started: hold back, queue, or begin.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::api::{Attempt, DeletionPolicy, Phase, Reason, StartRecord};
use crate::core::answer::{ErrorClass, Operation};
use crate::core::queue::Admission;
use crate::core::task::decide::is_at_rest;
use crate::core::task::memory::{Answered, AttemptKnown, Retry};
use crate::core::task::observation::Observation;
use crate::core::task::observed::DesiredTask;
use crate::core::task::plan::{Plan, Step};
use crate::core::task::status::draft::{StatusDraft, TaskIn};
use crate::core::timing;

/// A wait for the call limiter alone that is shorter than this is not written into a status.
const NOT_WORTH_TELLING: Duration = Duration::from_secs(3);

/// What to do while nothing was started. `refused` is a record whose every attempt was refused.
pub(crate) fn assess(o: &Observation<'_>, refused: Option<&AttemptKnown>) -> Plan {
    let desired = match &o.observed.desired {
        Ok(desired) => desired,
        Err(error) => {
            return rejected(
                Reason::InvalidSpec,
                format!("the stored spec can't be understood: {error}; correct it"),
            );
        }
    };
    if let Some(plan) = held_by_spec(desired) {
        return plan;
    }
    if let Some(Answered::Invalid { message, generation }) = refused.and_then(|known| known.answer.as_ref())
        && *generation == o.observed.generation
    {
        return rejected(
            Reason::InvalidRequest,
            format!(
                "the service refused the request: {message}; nothing was started. It is tried again when the spec \
                 changes: correct it, or set suspend to true and back once the audit or the actions exist"
            ),
        );
    }
    let Some(region) = o.region() else {
        let message = "no AWS region is known: set spec.region, or AWS_REGION of the operator";
        return Plan::say(waiting(o, Reason::RegionMissing, message), Step::Wait(None));
    };
    if let Some(retry) = backoff_of(o) {
        return Plan::say(after_setback(o, retry, desired), Step::Wait(Some(retry.retry_at)));
    }
    match o.admission {
        Admission::Free => begin(o, desired, region, refused),
        Admission::Paced { until, .. } if until.saturating_duration_since(o.instant) <= NOT_WORTH_TELLING => {
            Plan::act(Step::Wait(Some(by_wall_clock(o, until))))
        }
        Admission::Paced {
            ahead,
            namespaces,
            until,
        } => Plan::say(
            queued(desired, region, ahead, namespaces),
            Step::Wait(Some(by_wall_clock(o, until))),
        ),
        Admission::Behind { ahead, namespaces } => {
            Plan::say(queued(desired, region, ahead, namespaces), Step::Wait(None))
        }
        Admission::LimitedUntil(until) => {
            let time = by_wall_clock(o, until);
            Plan::say(limited(desired, region, time), Step::Wait(Some(time)))
        }
    }
}

/// Whether nothing but the queue holds the start back.
pub(crate) fn wants_a_slot(o: &Observation<'_>, refused: Option<&AttemptKnown>) -> bool {
    let invalid = refused.is_some_and(|known| {
        matches!(&known.answer, Some(Answered::Invalid { generation, .. }) if *generation == o.observed.generation)
    });
    o.observed
        .desired
        .as_ref()
        .is_ok_and(|desired| !desired.suspend && !desired.cancel)
        && !invalid
        && backoff_of(o).is_none()
}

/// What holds back this resource alone. When a limit of the region's is probed again is the queue's affair.
pub(crate) fn backoff_of<'a>(o: &Observation<'a>) -> Option<&'a Retry> {
    o.backoff_of(&[Operation::Start])
        .filter(|retry| retry.class != ErrorClass::LimitExceeded)
}

fn held_by_spec(desired: &DesiredTask) -> Option<Plan> {
    let draft = if desired.cancel {
        let message = "cancelled by spec.cancel before anything was started; nothing will be";
        StatusDraft::new(Phase::Canceled, Reason::CanceledBeforeStart, message, TaskIn::Nowhere)
    } else if desired.suspend {
        let message = "nothing is started while spec.suspend is true; set it to false to start";
        StatusDraft::new(Phase::Suspended, Reason::Suspended, message, TaskIn::Nowhere)
    } else {
        return None;
    };
    Some(Plan::say(draft, Step::Wait(None)))
}

fn rejected(reason: Reason, message: String) -> Plan {
    Plan::say(
        StatusDraft::new(Phase::Rejected, reason, message, TaskIn::Nowhere),
        Step::Wait(None),
    )
}

fn waiting(o: &Observation<'_>, reason: Reason, message: impl Into<String>) -> StatusDraft {
    // Throttling and the like don't cost a place in the queue, so they don't change the phase either.
    let phase = if o.observed.phase() == Some(Phase::Queued) {
        Phase::Queued
    } else {
        Phase::Pending
    };
    StatusDraft::new(phase, reason, message, TaskIn::Nowhere)
}

fn after_setback(o: &Observation<'_>, retry: &Retry, desired: &DesiredTask) -> StatusDraft {
    let task_id = &desired.task_id;
    let mut draft = waiting(
        o,
        retry.class.reason(),
        format!(
            "task {task_id} was not started: {}; it is tried again at nextAttemptTime",
            retry.message
        ),
    );
    draft.next_attempt = Some(retry.retry_at);
    draft
}

fn by_wall_clock(o: &Observation<'_>, until: Instant) -> Timestamp {
    timing::after(o.now, until.saturating_duration_since(o.instant))
}

fn queued(desired: &DesiredTask, region: &str, ahead: usize, namespaces: usize) -> StatusDraft {
    let task_id = &desired.task_id;
    // Its own namespace is one of them.
    let others = match namespaces.saturating_sub(1) {
        0 => String::new(),
        1 => ", and 1 other namespace takes turns with it".to_owned(),
        others => format!(", and {others} other namespaces take turns with it"),
    };
    let message = format!(
        "task {task_id} waits for its turn to be started in {region}; {ahead} were ahead of it in its namespace{others}, \
         when this was written"
    );
    StatusDraft::new(Phase::Queued, Reason::Queued, message, TaskIn::Nowhere)
}

fn limited(desired: &DesiredTask, region: &str, until: Timestamp) -> StatusDraft {
    let task_id = &desired.task_id;
    let message = format!(
        "task {task_id} waits because the service runs its limit of tasks in {region} already, some of them not started \
         by this operator; it is tried again at nextAttemptTime"
    );
    let mut draft = StatusDraft::new(Phase::Queued, Reason::LimitExceeded, message, TaskIn::Nowhere);
    draft.next_attempt = Some(until);
    draft
}

fn begin(o: &Observation<'_>, desired: &DesiredTask, region: &str, refused: Option<&AttemptKnown>) -> Plan {
    // Once a request may be in the air, the status must not say that there is none. It says so until the record
    // stands: a crash in between leaves a record under which nothing was sent, and a status that knows it. An
    // Unknown alone is left at once, because it would take the new record for the old one.
    let leaves_rest = is_at_rest(o.observed) || open_attempt_shown(o).is_some();
    let about_to_start = || {
        let message = format!("task {} is about to be started in {region}", desired.task_id);
        StatusDraft::new(Phase::Pending, Reason::Starting, message, TaskIn::Nowhere)
    };
    if o.observed.phase() == Some(Phase::Unknown) {
        return Plan::say(about_to_start(), Step::Read);
    }
    let token = desired.token.as_deref().unwrap_or(&o.observed.uid);
    if let Some(known) = refused
        && is_reusable(o, known, token, region)
    {
        let draft = leaves_rest.then(about_to_start);
        return Plan {
            draft,
            step: if o.is_fresh {
                Step::Start(known.record.clone())
            } else {
                Step::Read
            },
        };
    }
    Plan::act(Step::WriteRecord {
        record: StartRecord {
            task_id: desired.task_id.clone(),
            token: token.to_owned(),
            request_hash: desired.request_hash.clone(),
            region: region.to_owned(),
            uid: o.observed.uid.clone(),
            time: o.now,
        },
        with_finalizer: desired.deletion_policy == DeletionPolicy::Cancel,
    })
}

fn open_attempt_shown<'a>(o: &Observation<'a>) -> Option<&'a Attempt> {
    o.observed.status.as_ref().and_then(|status| status.attempt.as_ref())
}

/// Whether the record that stands already says what is to be sent, and was written by this process not long ago.
fn is_reusable(o: &Observation<'_>, known: &AttemptKnown, token: &str, region: &str) -> bool {
    let record = &known.record;
    o.observed.still_asks_for(record)
        && !known.unanswered
        && record.token == token
        && record.region == region
        && o.now.duration_since(record.time).abs() < timing::RECORD_REUSE
        && (o.observed.has_finalizer() || o.observed.deletion_policy() == DeletionPolicy::Orphan)
}
