//! Nothing was started: hold back, queue, or begin.

use jiff::{SignedDuration, Timestamp};

use crate::api::{Attempt, DeletionPolicy, Phase, Reason, StartRecord};
use crate::core::answer::{Operation, Trouble};
use crate::core::decide::is_at_rest;
use crate::core::facts::Wish;
use crate::core::memory::{Answered, AttemptKnown, Setback};
use crate::core::observe::Observation;
use crate::core::queue::Admission;
use crate::core::sketch::{Sketch, TaskIn};
use crate::core::step::{Step, Verdict};
use crate::core::timing;

/// A wait for the call budget alone that is shorter than this is not written into a status.
const NOT_WORTH_TELLING: SignedDuration = SignedDuration::from_secs(3);

/// What to do while nothing was started. `refused` is a record whose every attempt was refused.
pub(crate) fn assess(o: &Observation<'_>, refused: Option<&AttemptKnown>) -> Verdict {
    let wish = match &o.facts.wish {
        Ok(wish) => wish,
        Err(error) => {
            return rejected(
                Reason::InvalidSpec,
                format!("the stored spec can't be understood: {error}; correct it"),
            );
        }
    };
    if let Some(verdict) = held_by_spec(wish) {
        return verdict;
    }
    if let Some(Answered::Invalid { message, generation }) = refused.and_then(|known| known.answer.as_ref())
        && *generation == o.facts.generation
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
        return Verdict::say(waiting(o, Reason::RegionMissing, message), Step::Wait(None));
    };
    if let Some(setback) = held_back(o) {
        return Verdict::say(after_setback(o, setback, wish), Step::Wait(Some(setback.retry_at)));
    }
    match o.admission {
        Admission::Free => begin(o, wish, region, refused),
        Admission::Paced { until, .. } if until.duration_since(o.now) <= NOT_WORTH_TELLING => {
            Verdict::act(Step::Wait(Some(until)))
        }
        Admission::Paced { ahead, until } => Verdict::say(queued(wish, region, ahead), Step::Wait(Some(until))),
        Admission::Behind(ahead) => Verdict::say(queued(wish, region, ahead), Step::Wait(None)),
        Admission::LimitedUntil(time) => Verdict::say(limited(wish, region, time), Step::Wait(Some(time))),
    }
}

/// Whether nothing but the queue holds the start back.
pub(crate) fn wants_a_slot(o: &Observation<'_>, refused: Option<&AttemptKnown>) -> bool {
    let invalid = refused.is_some_and(|known| {
        matches!(&known.answer, Some(Answered::Invalid { generation, .. }) if *generation == o.facts.generation)
    });
    o.facts.wish.as_ref().is_ok_and(|wish| !wish.suspend && !wish.cancel) && !invalid && held_back(o).is_none()
}

/// What holds back this resource alone. When a limit of the region's is probed again is the queue's affair.
pub(crate) fn held_back<'a>(o: &Observation<'a>) -> Option<&'a Setback> {
    o.held_back(&[Operation::Start])
        .filter(|setback| setback.trouble != Trouble::LimitExceeded)
}

fn held_by_spec(wish: &Wish) -> Option<Verdict> {
    let sketch = if wish.cancel {
        let message = "cancelled by spec.cancel before anything was started; nothing will be";
        Sketch::new(Phase::Canceled, Reason::CanceledBeforeStart, message, TaskIn::Nowhere)
    } else if wish.suspend {
        let message = "nothing is started while spec.suspend is true; set it to false to start";
        Sketch::new(Phase::Suspended, Reason::Suspended, message, TaskIn::Nowhere)
    } else {
        return None;
    };
    Some(Verdict::say(sketch, Step::Wait(None)))
}

fn rejected(reason: Reason, message: String) -> Verdict {
    Verdict::say(
        Sketch::new(Phase::Rejected, reason, message, TaskIn::Nowhere),
        Step::Wait(None),
    )
}

fn waiting(o: &Observation<'_>, reason: Reason, message: impl Into<String>) -> Sketch {
    // Throttling and the like don't cost a place in the queue, so they don't change the phase either.
    let phase = if o.facts.phase() == Some(Phase::Queued) {
        Phase::Queued
    } else {
        Phase::Pending
    };
    Sketch::new(phase, reason, message, TaskIn::Nowhere)
}

fn after_setback(o: &Observation<'_>, setback: &Setback, wish: &Wish) -> Sketch {
    let task_id = &wish.task_id;
    let mut sketch = waiting(
        o,
        setback.trouble.reason(),
        format!(
            "task {task_id} was not started: {}; it is tried again at nextAttemptTime",
            setback.message
        ),
    );
    sketch.next_attempt = Some(setback.retry_at);
    sketch
}

fn queued(wish: &Wish, region: &str, ahead: usize) -> Sketch {
    let task_id = &wish.task_id;
    let message = format!(
        "task {task_id} waits for its turn to be started in {region}; {ahead} were ahead of it when this was written"
    );
    Sketch::new(Phase::Queued, Reason::Queued, message, TaskIn::Nowhere)
}

fn limited(wish: &Wish, region: &str, until: Timestamp) -> Sketch {
    let task_id = &wish.task_id;
    let message = format!(
        "task {task_id} waits because the service runs its limit of tasks in {region} already, some of them not started \
         by this operator; it is tried again at nextAttemptTime"
    );
    let mut sketch = Sketch::new(Phase::Queued, Reason::LimitExceeded, message, TaskIn::Nowhere);
    sketch.next_attempt = Some(until);
    sketch
}

fn begin(o: &Observation<'_>, wish: &Wish, region: &str, refused: Option<&AttemptKnown>) -> Verdict {
    // Once a request may be in the air, the status must not say that there is none. It says so until the record
    // stands: a crash in between leaves a record under which nothing was sent, and a status that knows it. An
    // Unknown alone is left at once, because it would take the new record for the old one.
    let leaves_rest = is_at_rest(o.facts) || open_attempt_shown(o).is_some();
    let about_to_start = || {
        let message = format!("task {} is about to be started in {region}", wish.task_id);
        Sketch::new(Phase::Pending, Reason::Starting, message, TaskIn::Nowhere)
    };
    if o.facts.phase() == Some(Phase::Unknown) {
        return Verdict::say(about_to_start(), Step::Read);
    }
    let token = wish.token.as_deref().unwrap_or(&o.facts.uid);
    if let Some(known) = refused
        && is_reusable(o, known, token, region)
    {
        let sketch = leaves_rest.then(about_to_start);
        return Verdict {
            sketch,
            step: if o.is_fresh {
                Step::Start(known.record.clone())
            } else {
                Step::Read
            },
        };
    }
    Verdict::act(Step::WriteRecord {
        record: StartRecord {
            task_id: wish.task_id.clone(),
            token: token.to_owned(),
            request_hash: wish.request_hash.clone(),
            region: region.to_owned(),
            uid: o.facts.uid.clone(),
            time: o.now,
        },
        with_finalizer: wish.deletion_policy == DeletionPolicy::Cancel,
    })
}

fn open_attempt_shown<'a>(o: &Observation<'a>) -> Option<&'a Attempt> {
    o.facts.status.as_ref().and_then(|status| status.attempt.as_ref())
}

/// Whether the record that stands already says what is to be sent, and was written by this process not long ago.
fn is_reusable(o: &Observation<'_>, known: &AttemptKnown, token: &str, region: &str) -> bool {
    let record = &known.record;
    o.facts.still_asks_for(record)
        && !known.unanswered
        && record.token == token
        && record.region == region
        && o.now.duration_since(record.time).abs() < timing::RECORD_REUSE
        && (o.facts.has_finalizer() || o.facts.deletion_policy() == DeletionPolicy::Orphan)
}
