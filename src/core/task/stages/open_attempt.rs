//! A start may have taken effect and nobody knows: settle it before anything else.
//!
//! Two tracks settle it: the same Start again, which can't begin a second task, and Describe. Neither waits for the
//! other's failures.

use std::time::Instant;

use crate::api::{Phase, Reason, StartRecord};
use crate::core::answer::{Described, ErrorClass, Operation};
use crate::core::queue::Admission;
use crate::core::task::approval;
use crate::core::task::attempt::{AttemptAnswer, KnownAttempt};
use crate::core::task::compare::{Difference, difference};
use crate::core::task::finalizer;
use crate::core::task::known_task::KnownTask;
use crate::core::task::memory::LastDescribe;
use crate::core::task::observation::Observation;
use crate::core::task::plan::Plan;
use crate::core::task::retry::Retry;
use crate::core::task::stages::following;
use crate::core::task::status::draft::StatusDraft;
use crate::core::task::status::messages::{ANOTHER_ID, forgotten};
use crate::core::task::step::{Step, TaskAddress};
use crate::core::timing;

/// What to do while an attempt is open: the same Start again, and Describe, until one of them settles it.
pub(crate) fn plan(o: &Observation<'_>, known: &KnownAttempt, admission: Admission) -> Plan {
    let view = View { o, known, admission };
    let last = o.memory.last_describe_of(&known.record.task_id);
    match last {
        Some(LastDescribe { task: Some(task), .. }) => view.found(last, task),
        Some(_) if view.is_expired() && o.memory.shows_nothing_started(known) => {
            let message = forgotten(&known.record.task_id, ANOTHER_ID);
            Plan::say(StatusDraft::new(Phase::Unknown, Reason::TaskExpired, message))
        }
        _ => view.not_found(last),
    }
}

struct View<'a> {
    o: &'a Observation<'a>,
    known: &'a KnownAttempt,
    admission: Admission,
}

impl View<'_> {
    /// The task exists, so the same Start can't begin another: its answer tells whose the task is.
    fn found(&self, last: Option<&LastDescribe>, task: &Described) -> Plan {
        if self.may_replay() && !self.is_foreign(task) && !task.state.is_ended() && !self.is_refused_for_good() {
            return self.say(last, true);
        }
        following::plan(self.o, &KnownTask::of_somebody_else(&self.known.record))
    }

    fn not_found(&self, last: Option<&LastDescribe>) -> Plan {
        let replays = self.may_replay() && self.wants_a_start() && self.has_a_slot() && !self.needs_a_look(last);
        self.say(last, replays)
    }

    fn say(&self, last: Option<&LastDescribe>, replays: bool) -> Plan {
        let record = &self.known.record;
        let mut plan = Plan::say(self.draft());
        if finalizer::is_missing(self.o) {
            plan = plan.first(Step::AddFinalizer);
        }
        if replays {
            let at = self.o.retry_of(Operation::Start).map(|retry| retry.at);
            plan = plan.command(self.o.start_step(record), at);
        }
        // A replay may stop being possible without any change of the resource.
        plan.observe(Step::Describe(TaskAddress::from(record)), self.next_look(last))
    }

    fn next_look(&self, last: Option<&LastDescribe>) -> Option<Instant> {
        if let Some(retry) = self.o.retry_of(Operation::Describe) {
            return Some(retry.at);
        }
        let known = self.known;
        let last = last.filter(|last| last.at.monotonic >= known.last_sent)?;
        let settled = known.last_sent + timing::SIGNATURE_LIFETIME;
        let since_sent = last.at.elapsed_since(known.last_sent);
        let next = self
            .o
            .settings
            .poll
            .next(last.at.monotonic, since_sent, &self.o.observed.uid);
        // The look that settles it is not put off.
        Some(if last.at.monotonic < settled {
            next.min(settled)
        } else {
            next
        })
    }

    /// Only while the spec still gives the same request, the service can't have forgotten the task, and the last
    /// request leaves Describe the time to settle it.
    fn may_replay(&self) -> bool {
        let opened_at = self.known.opened_at.unwrap_or(self.o.now.monotonic);
        self.o.observed.still_asks_for(&self.known.record)
            && !self.is_expired()
            && self.o.now.elapsed_since(opened_at) < timing::REPLAY_WINDOW
            && !matches!(self.known.answer, Some(AttemptAnswer::Invalid { .. }))
    }

    fn wants_a_start(&self) -> bool {
        let desired = self.o.observed.desired.as_ref();
        self.o.observed.deleting_since.is_none()
            && desired.is_ok_and(|desired| !desired.holds_start_back() && approval::still_holds(self.o, desired))
    }

    /// It may be that the task doesn't run yet, and that as many as may run do.
    const fn has_a_slot(&self) -> bool {
        matches!(self.admission, Admission::Free)
    }

    /// After an answer that says nothing about an earlier attempt, Describe looks before the next replay. It is not
    /// waited for while it fails.
    fn needs_a_look(&self, last: Option<&LastDescribe>) -> bool {
        let was_refused = self.known.answer == Some(AttemptAnswer::Refused);
        let has_looked = last.is_some_and(|last| last.at.monotonic >= self.known.last_sent);
        was_refused && !has_looked && self.o.retry_of(Operation::Describe).is_none()
    }

    fn is_expired(&self) -> bool {
        timing::is_record_expired(self.known.record.time, self.o.now.wall)
    }

    /// The task does something else than the record's request, so nobody of this resource started it.
    fn is_foreign(&self, task: &Described) -> bool {
        let desired = self.o.observed.desired.as_ref();
        desired.is_ok_and(|desired| matches!(difference(task, desired), Some(Difference::Member(_))))
    }

    /// No replay will tell whose the task is.
    fn is_refused_for_good(&self) -> bool {
        let is_for_good =
            |retry: &Retry| matches!(retry.class, ErrorClass::AccessDenied | ErrorClass::UnexpectedAnswer);
        self.known.answer == Some(AttemptAnswer::Refused) && self.o.retry_of(Operation::Start).is_some_and(is_for_good)
    }

    fn draft(&self) -> StatusDraft {
        let record = &self.known.record;
        let retries = [Operation::Start, Operation::Describe].map(|operation| self.o.retry_of(operation));
        let failures: Vec<&str> = retries.iter().flatten().map(|retry| retry.message.as_str()).collect();
        let failures = if failures.is_empty() {
            String::new()
        } else {
            format!(" ({})", failures.join("; "))
        };
        let message = format!(
            "a start of task {} in {} was sent and its answer was not seen{failures}; {}",
            record.task_id,
            record.region,
            self.what_comes_next()
        );
        let mut draft = StatusDraft::new(Phase::Pending, Reason::AttemptUnanswered, message);
        draft.attempt = Some(StartRecord::clone(record));
        let next = retries.into_iter().flatten().min_by_key(|retry| retry.at);
        draft.trying_again(next)
    }

    /// How the attempt will be settled.
    fn what_comes_next(&self) -> String {
        const LOOKS: &str = "the service is asked until it shows the task, or for 15 minutes; then nothing was started";
        if !self.o.observed.still_asks_for(&self.known.record) {
            format!("the spec has changed since, so {LOOKS}")
        } else if let Some(AttemptAnswer::Invalid { message, .. }) = &self.known.answer {
            format!("the service refuses the same request now: {message}; {LOOKS}")
        } else if !self.may_replay() || !self.wants_a_start() {
            LOOKS.to_owned()
        } else if !self.has_a_slot() {
            "as many tasks run as may, so the service is asked until it shows this one, or there is a slot to send the \
             same request again"
                .to_owned()
        } else {
            "the same request is sent again, which can't start a second task".to_owned()
        }
    }
}
