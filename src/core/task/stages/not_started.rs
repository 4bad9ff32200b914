//! Nothing was started: hold back, queue, or begin.

use std::time::{Duration, Instant};

use crate::api::{Phase, Reason, StartRecord};
use crate::core::answer::{ErrorClass, Operation};
use crate::core::queue::Admission;
use crate::core::task::approval::{self, Gate};
use crate::core::task::attempt::{AttemptAnswer, KnownAttempt};
use crate::core::task::desired::DesiredTask;
use crate::core::task::finalizer;
use crate::core::task::observation::Observation;
use crate::core::task::plan::Plan;
use crate::core::task::retry::Retry;
use crate::core::task::status::approved::Judgement;
use crate::core::task::status::draft::StatusDraft;
use crate::core::task::step::Step;
use crate::core::timing;

/// A wait for the call budget alone that is shorter than this is not written into a status.
const TOO_SHORT_TO_SAY: Duration = Duration::from_secs(3);

/// What to do while nothing was started. `refused` is a record whose every attempt was refused.
pub(crate) fn plan(o: &Observation<'_>, refused: Option<&KnownAttempt>, admission: Admission) -> Plan {
    let desired = match &o.observed.desired {
        Ok(desired) => desired,
        Err(error) => {
            let message = format!("the stored spec can't be understood: {error}; correct it");
            return Plan::say(StatusDraft::new(Phase::Rejected, Reason::InvalidSpec, message));
        }
    };
    if let Some(draft) = held_by_spec(desired) {
        return Plan::say(draft);
    }
    if let Some(message) = refused.and_then(|known| invalid(o, known)) {
        let message = format!(
            "the service refused the request: {message}; nothing was started. It is tried again when the spec \
             changes: correct it, or set suspend to true and back once the audit or the actions exist"
        );
        return Plan::say(StatusDraft::new(Phase::Rejected, Reason::InvalidRequest, message));
    }
    let Some(region) = o.region() else {
        let message = "no AWS region is known: set spec.region, or AWS_REGION of the operator";
        return Plan::say(StatusDraft::new(phase(o), Reason::RegionMissing, message));
    };
    if o.is_too_large() {
        let message = "the resource has more than 1 MiB, so a status might not fit into it any more; nothing is started. \
                       Remove annotations, labels or owner references";
        return Plan::say(StatusDraft::new(phase(o), Reason::ResourceTooLarge, message));
    }
    let retry = start_retry(o);
    if let Some(retry) = retry.filter(|retry| retry.at > o.now.monotonic) {
        return Plan::say(refused_before(o, desired, retry)).wake_up_at(Some(retry.at));
    }
    let judgement = match &desired.approval {
        None => None,
        Some(approval) => match approval::gate(o, desired, approval, region, admission) {
            Gate::Open(judgement) => Some(judgement),
            Gate::Closed(plan) => return *plan,
        },
    };
    let plan = match admission {
        Admission::Free => begin(o, desired, region, refused),
        // What went wrong is told until something goes well, also while the resource waits for its turn.
        Admission::Paced { until, .. } if retry.is_some() => Plan::keep_status().wake_up_at(Some(until)),
        Admission::Behind { .. } if retry.is_some() => Plan::keep_status(),
        Admission::Paced { until, .. } if o.now.monotonic + TOO_SHORT_TO_SAY >= until => {
            Plan::keep_status().wake_up_at(Some(until))
        }
        Admission::Paced {
            ahead,
            namespaces,
            until,
        } => Plan::say(queued(desired, region, ahead, namespaces)).wake_up_at(Some(until)),
        Admission::Behind { ahead, namespaces } => Plan::say(queued(desired, region, ahead, namespaces)),
        Admission::LimitedUntil(until) => Plan::say(limited(o, desired, region, until)).wake_up_at(Some(until)),
    };
    match judgement {
        Some(judgement) => show(plan, o, desired, region, judgement),
        None => plan,
    }
}

/// What was made of the plan stands in the status before anything is started. A phase that proves that nothing was sent
/// under a record is not left for that: [`begin`] leaves it in its turn.
fn show(plan: Plan, o: &Observation<'_>, desired: &DesiredTask, region: &str, judgement: Judgement) -> Plan {
    let is_at_rest = o.observed.record.is_some() && o.observed.no_request_in_flight();
    let is_shown = is_at_rest || judgement.is_shown(o.observed);
    plan.map_draft(|draft| match draft {
        None if is_shown => None,
        draft => Some(
            draft
                .unwrap_or_else(|| about_to_start(desired, region))
                .judged(judgement),
        ),
    })
}

/// Whether nothing but the queue holds the start back.
pub(in crate::core::task) fn wants_a_slot(o: &Observation<'_>, refused: Option<&KnownAttempt>) -> bool {
    let is_held_by_spec = o.observed.desired.as_ref().map_or(true, DesiredTask::holds_start_back);
    let is_invalid = refused.and_then(|known| invalid(o, known)).is_some();
    let is_backing_off = start_retry(o).is_some_and(|retry| retry.at > o.now.monotonic);
    let approval = o
        .observed
        .desired
        .as_ref()
        .ok()
        .and_then(|desired| desired.approval.as_ref());
    let is_held_by_approval = approval.is_some_and(|approval| !approval::is_passed(o, approval));
    !is_held_by_spec && !o.is_too_large() && !is_invalid && !is_backing_off && !is_held_by_approval
}

/// What failed of this resource alone. When a limit of the region's is probed again is the queue's affair.
fn start_retry<'a>(o: &Observation<'a>) -> Option<&'a Retry> {
    o.retry_of(Operation::Start)
        .filter(|retry| retry.class != ErrorClass::LimitExceeded)
}

/// The service's message, where it has refused this generation of the spec.
fn invalid<'a>(o: &Observation<'_>, known: &'a KnownAttempt) -> Option<&'a str> {
    match &known.answer {
        Some(AttemptAnswer::Invalid { message, generation }) if *generation == o.observed.generation => Some(message),
        _ => None,
    }
}

/// What the status says while the spec asks that nothing is started.
pub(super) fn held_by_spec(desired: &DesiredTask) -> Option<StatusDraft> {
    if desired.cancel {
        let message = "cancelled by spec.cancel before anything was started; nothing will be";
        Some(StatusDraft::new(Phase::Canceled, Reason::CanceledBeforeStart, message))
    } else if desired.suspend {
        let message = "nothing is started while spec.suspend is true; set it to false to start";
        Some(StatusDraft::new(Phase::Suspended, Reason::Suspended, message))
    } else {
        None
    }
}

/// Throttling and the like don't cost a place in the queue, so they don't change the phase either.
fn phase(o: &Observation<'_>) -> Phase {
    if o.observed.phase() == Some(Phase::Queued) {
        Phase::Queued
    } else {
        Phase::Pending
    }
}

fn refused_before(o: &Observation<'_>, desired: &DesiredTask, retry: &Retry) -> StatusDraft {
    let message = format!(
        "task {} was not started: {}; it is tried again at nextAttemptTime",
        desired.task_id, retry.message
    );
    StatusDraft::new(phase(o), retry.class.reason(), message).trying_again(Some(retry))
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
    StatusDraft::new(Phase::Queued, Reason::Queued, message)
}

fn limited(o: &Observation<'_>, desired: &DesiredTask, region: &str, until: Instant) -> StatusDraft {
    let task_id = &desired.task_id;
    let message = format!(
        "task {task_id} waits because the service runs its limit of tasks in {region} already, some of them not started \
         by this operator; it is tried again at nextAttemptTime"
    );
    let mut draft = StatusDraft::new(Phase::Queued, Reason::LimitExceeded, message);
    draft.next_attempt = Some(o.now.wall_time_of(until));
    draft
}

fn begin(o: &Observation<'_>, desired: &DesiredTask, region: &str, refused: Option<&KnownAttempt>) -> Plan {
    // Write the record first, then leave the resting phase, then send. If the process crashes after the record, the
    // resting phase still proves that nothing was sent. An Unknown alone is left at once, because it would take the
    // new record for the old one.
    if o.observed.phase() == Some(Phase::Unknown) {
        return Plan::say(about_to_start(desired, region)).command(Step::Read, None);
    }
    let token = desired.token.as_deref().unwrap_or(&o.observed.uid);
    if let Some(known) = refused.filter(|known| is_reusable(o, known, token, region)) {
        let shows_attempt = o
            .observed
            .status
            .as_ref()
            .is_some_and(|status| status.attempt.is_some());
        let leaves_rest = o.observed.no_request_in_flight() || shows_attempt;
        let draft = leaves_rest.then(|| about_to_start(desired, region));
        return Plan::say_if(draft).command(o.start_step(&known.record), None);
    }
    let record = StartRecord {
        task_id: desired.task_id.clone(),
        token: token.to_owned(),
        request_hash: desired.request_hash.clone(),
        region: region.to_owned(),
        uid: o.observed.uid.clone(),
        time: o.now.wall,
    };
    let with_finalizer = finalizer::is_wanted(o);
    Plan::keep_status().command(Step::WriteRecord { record, with_finalizer }, None)
}

fn about_to_start(desired: &DesiredTask, region: &str) -> StatusDraft {
    let message = format!("task {} is about to be started in {region}", desired.task_id);
    StatusDraft::new(Phase::Pending, Reason::Starting, message)
}

/// Whether the record that stands already says what is to be sent, and was written by this process not long ago.
fn is_reusable(o: &Observation<'_>, known: &KnownAttempt, token: &str, region: &str) -> bool {
    let record = &known.record;
    o.observed.still_asks_for(record)
        && known.opened_at.is_none()
        && record.token == token
        && record.region == region
        && o.now.wall.duration_since(record.time).abs() < timing::RECORD_REUSE
        && (o.observed.has_finalizer() || !finalizer::is_wanted(o))
}
