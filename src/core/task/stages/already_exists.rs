//! The service said TaskAlreadyExists: converged once Describe has found the task.

use crate::api::{Phase, Reason, StartRecord, StartedBy};
use crate::core::answer::Operation;
use crate::core::task::memory::{AttemptKnown, LastDescribe};
use crate::core::task::observation::Observation;
use crate::core::task::plan::{Plan, Step, TaskAddress};
use crate::core::task::stages::following;
use crate::core::task::status::draft::{Identity, StatusDraft, TaskIn};
use crate::core::timing;

/// What to do after TaskAlreadyExists, until the task is found, or it is plain that it was the token that exists.
pub(crate) fn assess(o: &Observation<'_>, known: &AttemptKnown) -> Plan {
    let record = &known.record;
    let describe = Step::Describe(TaskAddress::from(record));
    let is_known_missing = o.observed.phase() == Some(Phase::Unknown);
    if let Some(retry) = o.backoff_of(&[Operation::Describe]) {
        let message = format!(
            "task {} exists already, and it can't be described: {}; it is tried again at nextAttemptTime",
            record.task_id, retry.message
        );
        let mut draft = StatusDraft::new(Phase::Pending, retry.class.reason(), message, TaskIn::Nowhere);
        draft.next_attempt = Some(retry.retry_at);
        let wait = Step::Wait(Some(retry.retry_at));
        return if is_known_missing {
            Plan::act(wait)
        } else {
            Plan::say(draft, wait)
        };
    }
    let Some(heard) = o.memory.heard_of(&record.task_id) else {
        // After a restart a task that was missing is not asked for before its time, unless the spec was edited.
        return match o.observed.next_look(o.now) {
            Some(time) if is_known_missing && o.observed.is_observed() => Plan::act(Step::Wait(Some(time))),
            _ => Plan::act(describe),
        };
    };
    if heard.task.is_some() {
        return following::assess(o, &identity(record));
    }
    missing(o, known, heard, describe)
}

/// The identity of a task that exists, and that nobody can prove to be this resource's own.
pub(crate) fn identity(record: &StartRecord) -> Identity {
    Identity {
        task_id: record.task_id.clone(),
        region: record.region.clone(),
        token: record.token.clone(),
        started_by: StartedBy::Other,
        reason: Reason::AlreadyExists,
    }
}

fn missing(o: &Observation<'_>, known: &AttemptKnown, heard: &LastDescribe, describe: Step) -> Plan {
    let record = &known.record;
    let since = o.memory.missing_since.unwrap_or(heard.at);
    // Where an attempt went unanswered the task may be our own, and late.
    let is_settled = if known.unanswered {
        o.memory.shows_nothing_started(known)
    } else {
        o.memory.is_missing_for_good(&record.task_id)
    };
    if !is_settled && o.observed.phase() != Some(Phase::Unknown) {
        let next = o.settings.poll.next(heard.at, since, &o.observed.uid);
        let message = format!(
            "task {} exists already; waiting for the service to show it",
            record.task_id
        );
        let draft = StatusDraft::new(Phase::Pending, Reason::AlreadyExists, message, TaskIn::Nowhere);
        return Plan::say(draft, describe.when(next, o.now));
    }
    let next = timing::after(heard.at, timing::MISSING_POLL.unsigned_abs());
    let message = format!(
        "the service says that the task exists already, and doesn't know a task {}: most likely the client request token \
         belongs to another task. Nothing was started; set another spec.clientRequestToken, or remove it",
        record.task_id
    );
    let mut draft = StatusDraft::new(Phase::Unknown, Reason::TokenInUse, message, TaskIn::Nowhere);
    draft.next_attempt = Some(next);
    Plan::say(draft, describe.when(next, o.now))
}
