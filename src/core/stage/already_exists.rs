//! The service said TaskAlreadyExists: converged once Describe has found the task.

use crate::api::{Phase, Reason, StartRecord, StartedBy};
use crate::core::answer::Operation;
use crate::core::memory::{AttemptKnown, Heard};
use crate::core::observe::Observation;
use crate::core::sketch::{Identity, Sketch, TaskIn};
use crate::core::stage::following;
use crate::core::step::{Step, TaskAddress, Verdict};
use crate::core::timing;

/// What to do after TaskAlreadyExists, until the task is found, or it is plain that it was the token that exists.
pub(crate) fn assess(o: &Observation<'_>, known: &AttemptKnown) -> Verdict {
    let record = &known.record;
    let describe = Step::Describe(TaskAddress::from(record));
    let is_known_missing = o.facts.phase() == Some(Phase::Unknown);
    if let Some(setback) = o.held_back(&[Operation::Describe]) {
        let message = format!(
            "task {} exists already, and it can't be described: {}; it is tried again at nextAttemptTime",
            record.task_id, setback.message
        );
        let mut sketch = Sketch::new(Phase::Pending, setback.trouble.reason(), message, TaskIn::Nowhere);
        sketch.next_attempt = Some(setback.retry_at);
        let wait = Step::Wait(Some(setback.retry_at));
        return if is_known_missing {
            Verdict::act(wait)
        } else {
            Verdict::say(sketch, wait)
        };
    }
    let Some(heard) = o.memory.heard_of(&record.task_id) else {
        // After a restart a task that was missing is not asked for before its time, unless the spec was edited.
        return match o.facts.next_look(o.now) {
            Some(time) if is_known_missing && o.facts.is_observed() => Verdict::act(Step::Wait(Some(time))),
            _ => Verdict::act(describe),
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

fn missing(o: &Observation<'_>, known: &AttemptKnown, heard: &Heard, describe: Step) -> Verdict {
    let record = &known.record;
    let since = o.memory.missing_since.unwrap_or(heard.at);
    // Where an attempt went unanswered the task may be our own, and late.
    let is_settled = if known.unanswered {
        o.memory.shows_nothing_started(known)
    } else {
        o.memory.is_missing_for_good(&record.task_id)
    };
    if !is_settled && o.facts.phase() != Some(Phase::Unknown) {
        let next = o.settings.poll.next(heard.at, since, &o.facts.uid);
        let message = format!(
            "task {} exists already; waiting for the service to show it",
            record.task_id
        );
        let sketch = Sketch::new(Phase::Pending, Reason::AlreadyExists, message, TaskIn::Nowhere);
        return Verdict::say(sketch, describe.when(next, o.now));
    }
    let next = timing::after(heard.at, timing::MISSING_POLL.unsigned_abs());
    let message = format!(
        "the service says that the task exists already, and doesn't know a task {}: most likely the client request token \
         belongs to another task. Nothing was started; set another spec.clientRequestToken, or remove it",
        record.task_id
    );
    let mut sketch = Sketch::new(Phase::Unknown, Reason::TokenInUse, message, TaskIn::Nowhere);
    sketch.next_attempt = Some(next);
    Verdict::say(sketch, describe.when(next, o.now))
}
