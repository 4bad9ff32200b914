//! The service said TaskAlreadyExists: converged once Describe has found the task.

use std::time::Instant;

use crate::api::{Phase, Reason};
use crate::core::answer::Operation;
use crate::core::task::attempt::KnownAttempt;
use crate::core::task::known_task::KnownTask;
use crate::core::task::memory::LastDescribe;
use crate::core::task::observation::Observation;
use crate::core::task::plan::Plan;
use crate::core::task::stages::following;
use crate::core::task::status::draft::StatusDraft;
use crate::core::task::step::{Step, TaskAddress};
use crate::core::timing;

/// What to do after TaskAlreadyExists, until the task is found, or it is plain that it was the token that exists.
pub(crate) fn plan(o: &Observation<'_>, known: &KnownAttempt) -> Plan {
    let record = &known.record;
    let describe = Step::Describe(TaskAddress::from(record));
    let last = o.memory.last_describe_of(&record.task_id);
    if last.is_some_and(|last| last.task.is_some()) {
        return following::plan(o, &KnownTask::of_somebody_else(record));
    }
    let is_known_missing = o.observed.phase() == Some(Phase::Unknown);
    if let Some(retry) = o.retry_of(Operation::Describe) {
        let message = format!(
            "task {} exists already, and it can't be described: {}; it is tried again at nextAttemptTime",
            record.task_id, retry.message
        );
        let draft = StatusDraft::new(Phase::Pending, retry.class.reason(), message).trying_again(Some(retry));
        // An Unknown keeps its reason until the service says something about the task.
        return Plan::say_if((!is_known_missing).then_some(draft)).observe(describe, Some(retry.at));
    }
    if let Some(last) = last {
        return missing(o, known, last, describe);
    }
    // After a restart a task that was missing is not asked for before its time, unless the spec was edited.
    let waits = is_known_missing && o.observed.is_observed();
    let next = o.observed.next_look(o.now.wall).filter(|_| waits);
    Plan::keep_status().observe(describe, next.map(|time| o.now.instant_of(time)))
}

fn missing(o: &Observation<'_>, known: &KnownAttempt, last: &LastDescribe, describe: Step) -> Plan {
    let task_id = &known.record.task_id;
    // Where an attempt went unanswered the task may be our own, and late.
    let is_settled = if known.opened_at.is_some() {
        o.memory.shows_nothing_started(known)
    } else {
        o.memory.is_missing_for_good(task_id)
    };
    if !is_settled && o.observed.phase() != Some(Phase::Unknown) {
        let message = format!("task {task_id} exists already; waiting for the service to show it");
        let draft = StatusDraft::new(Phase::Pending, Reason::AlreadyExists, message);
        return Plan::say(draft).observe(describe, Some(next_look(o, last)));
    }
    let message = format!(
        "the service says that the task exists already, and doesn't know a task {task_id}: most likely the client request \
         token belongs to another task. Nothing was started; set another spec.clientRequestToken, or remove it"
    );
    let mut draft = StatusDraft::new(Phase::Unknown, Reason::TokenInUse, message);
    draft.next_attempt = Some(timing::after(last.at.wall, timing::MISSING_POLL));
    Plan::say(draft).observe(describe, Some(last.at.monotonic + timing::MISSING_POLL))
}

/// The next look for a task that the service doesn't show yet.
pub(super) fn next_look(o: &Observation<'_>, last: &LastDescribe) -> Instant {
    let missing_for = last.at.elapsed_since(o.memory.missing_since(last));
    o.settings.poll.next(last.at.monotonic, missing_for, &o.observed.uid)
}
