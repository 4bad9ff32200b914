//! A start may have taken effect and nobody knows: settle it before anything else.

use crate::api::{DeletionPolicy, Phase, Reason, StartRecord};
use crate::core::answer::{Described, ErrorClass, Operation};
use crate::core::queue::Admission;
use crate::core::task::compare::{Difference, difference};
use crate::core::task::memory::{Answered, AttemptKnown, LastDescribe, Retry};
use crate::core::task::observation::Observation;
use crate::core::task::plan::{Plan, Step, TaskAddress};
use crate::core::task::stages::{already_exists, copied, following};
use crate::core::task::status::draft::{StatusDraft, TaskIn};
use crate::core::timing;

/// What to do while an attempt is open: the same Start again, or Describe, until one of them settles it.
pub(crate) fn assess(o: &Observation<'_>, known: &AttemptKnown) -> Plan {
    let record = &known.record;
    let heard = o.memory.heard_of(&record.task_id);
    if let Some(LastDescribe { task: Some(task), .. }) = heard {
        let is_foreign = o.observed.desired.as_ref().is_ok_and(|desired| {
            o.observed.still_asks_for(record) && matches!(difference(task, desired), Some(Difference::Member(_)))
        });
        // The task exists, so the same Start can't begin another: its answer tells whose the task is.
        if may_replay(o, known) && !is_foreign && !is_past_proving(o, known, task) {
            return say(o, known, attempt_start(o, known));
        }
        return following::assess(o, &already_exists::identity(record));
    }
    if heard.is_some() && is_older_than_retention(o, known) && o.memory.shows_nothing_started(known) {
        let message = copied::forgotten(&record.task_id, copied::ANOTHER_ID);
        return Plan::say(
            StatusDraft::new(Phase::Unknown, Reason::TaskExpired, message, TaskIn::Nowhere),
            Step::Wait(None),
        );
    }
    if may_replay(o, known) && wants_a_start(o) && has_a_slot(o) && !needs_a_look(known, heard) {
        return say(o, known, attempt_start(o, known));
    }
    say(o, known, look(o, known, heard))
}

/// The step, and when it is to be done if it has to wait.
struct Attempting<'a> {
    step: Step,
    retry: Option<&'a Retry>,
}

/// The same Start again: only on an object that was just read, and not before its time.
fn attempt_start<'a>(o: &Observation<'a>, known: &AttemptKnown) -> Attempting<'a> {
    if let Some(retry) = o.backoff_of(&[Operation::Start]) {
        return Attempting {
            step: Step::Wait(Some(retry.retry_at)),
            retry: Some(retry),
        };
    }
    Attempting {
        step: if o.is_fresh {
            Step::Start(known.record.clone())
        } else {
            Step::Read
        },
        retry: None,
    }
}

fn look<'a>(o: &Observation<'a>, known: &AttemptKnown, heard: Option<&LastDescribe>) -> Attempting<'a> {
    let record = &known.record;
    let describe = Step::Describe(TaskAddress::from(record));
    if let Some(retry) = o.backoff_of(&[Operation::Describe]) {
        return Attempting {
            step: Step::Wait(Some(retry.retry_at)),
            retry: Some(retry),
        };
    }
    let next = heard.filter(|heard| heard.at >= known.last_sent).map(|heard| {
        let settled = timing::after(known.last_sent, timing::SIGNATURE_LIFETIME.unsigned_abs());
        let next = o.settings.poll.next(heard.at, known.last_sent, &o.observed.uid);
        // The look that settles it is not put off.
        if heard.at < settled { next.min(settled) } else { next }
    });
    match next {
        Some(next) if next > o.now => Attempting {
            step: Step::Wait(Some(next)),
            retry: None,
        },
        _ => Attempting {
            step: describe,
            retry: None,
        },
    }
}

/// Whether no replay will tell whose the task is, or it doesn't matter any more.
fn is_past_proving(o: &Observation<'_>, known: &AttemptKnown, task: &Described) -> bool {
    let refused_for_good = known.answer == Some(Answered::Refused)
        && o.memory
            .retry
            .as_ref()
            .is_some_and(|retry| matches!(retry.class, ErrorClass::AccessDenied | ErrorClass::UnexpectedAnswer));
    refused_for_good || task.state.is_ended()
}

/// Only while the spec still gives the same request, and the service can't have forgotten the task.
fn may_replay(o: &Observation<'_>, known: &AttemptKnown) -> bool {
    o.observed.still_asks_for(&known.record)
        && !is_older_than_retention(o, known)
        && !matches!(known.answer, Some(Answered::Invalid { .. }))
}

fn wants_a_start(o: &Observation<'_>) -> bool {
    o.observed.deleting_since.is_none()
        && o.observed
            .desired
            .as_ref()
            .is_ok_and(|desired| !desired.suspend && !desired.cancel)
}

/// It may be that the task doesn't run yet, and that as many as may run do.
const fn has_a_slot(o: &Observation<'_>) -> bool {
    matches!(o.admission, Admission::Free)
}

/// After a refusal the task of an earlier attempt may exist all the same: look before the next attempt.
fn needs_a_look(known: &AttemptKnown, heard: Option<&LastDescribe>) -> bool {
    known.answer == Some(Answered::Refused) && heard.is_none_or(|heard| heard.at < known.last_sent)
}

fn is_older_than_retention(o: &Observation<'_>, known: &AttemptKnown) -> bool {
    timing::is_record_expired(known.record.time, o.now)
}

fn say(o: &Observation<'_>, known: &AttemptKnown, attempting: Attempting<'_>) -> Plan {
    let record = &known.record;
    let Attempting { step, retry } = attempting;
    let class = retry.map(|retry| format!(" ({})", retry.message)).unwrap_or_default();
    let next = what_is_next(o, known);
    let message = format!(
        "a start of task {} in {} was sent and its answer was not seen{class}; {next}",
        record.task_id, record.region
    );
    let mut draft = StatusDraft::new(Phase::Pending, Reason::AttemptUnanswered, message, TaskIn::Nowhere);
    draft.attempt = Some(record.clone());
    draft.next_attempt = retry.map(|retry| retry.retry_at);
    let needs_finalizer = o.observed.deleting_since.is_none()
        && !o.observed.has_finalizer()
        && o.observed.deletion_policy() == DeletionPolicy::Cancel;
    let step = if needs_finalizer { Step::AddFinalizer } else { step };
    // The status shows the attempt already, and its answer will be written in a moment.
    let is_about_to_start = matches!(step, Step::Read | Step::Start(_));
    if is_about_to_start && o.observed.is_observed() && is_shown(o, record) {
        return Plan::act(step);
    }
    Plan::say(draft, step)
}

/// What a person should know of how it will be settled.
fn what_is_next(o: &Observation<'_>, known: &AttemptKnown) -> String {
    const LOOKS: &str = "the service is asked until it shows the task, or for 15 minutes; then nothing was started";
    if !o.observed.still_asks_for(&known.record) {
        format!("the spec has changed since, so {LOOKS}")
    } else if let Some(Answered::Invalid { message, .. }) = &known.answer {
        format!("the service refuses the same request now: {message}; {LOOKS}")
    } else if !may_replay(o, known) || !wants_a_start(o) {
        LOOKS.to_owned()
    } else if !has_a_slot(o) {
        "as many tasks run as may, so the service is asked until it shows this one, or there is a slot to send the same \
         request again"
            .to_owned()
    } else {
        "the same request is sent again, which can't start a second task".to_owned()
    }
}

fn is_shown(o: &Observation<'_>, record: &StartRecord) -> bool {
    let status = o.observed.status.as_ref();
    let shown = status.filter(|status| status.phase == Some(Phase::Pending));
    shown.and_then(|status| status.attempt.as_ref()).is_some_and(|attempt| {
        attempt.task_id == record.task_id
            && attempt.request_hash == record.request_hash
            && attempt.region == record.region
    })
}
