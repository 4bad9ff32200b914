//! The task is known: observe it to its end, and cancel it where that is asked for and it is this resource's own.

mod canceling;
mod differs;
mod ended;
mod missing;
mod running;

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::api::Phase;
use crate::core::answer::{Described, Operation};
use crate::core::task::attempt::AttemptAnswer;
use crate::core::task::finalizer;
use crate::core::task::known_task::KnownTask;
use crate::core::task::memory::{CancelOutcome, LastDescribe};
use crate::core::task::observation::Observation;
use crate::core::task::plan::Plan;
use crate::core::task::retry::Retry;
use crate::core::task::status::subject::TaskIn;
use crate::core::task::step::Step;
use crate::core::timing;

/// What to do about a task that exists, or did when it was last seen.
pub(crate) fn plan(o: &Observation<'_>, task: &KnownTask) -> Plan {
    let view = View { o, task };
    let last = o.memory.last_describe_of(&task.task_id);
    match last {
        None => view.unseen(),
        Some(last) => match &last.task {
            None => view.missing(last),
            Some(described) => view.seen(last, described),
        },
    }
}

/// Whether a task may be cancelled: it is this resource's own, as far as anybody knows.
pub(super) fn may_cancel(o: &Observation<'_>, task: &KnownTask) -> bool {
    View { o, task }.may_cancel(o.memory.described(&task.task_id))
}

/// A known task, and what is known about it.
struct View<'a> {
    o: &'a Observation<'a>,
    task: &'a KnownTask,
}

impl View<'_> {
    /// The service has not shown the task to this process yet.
    fn unseen(&self) -> Plan {
        let o = self.o;
        let was_missing = self.is_written() && o.observed.phase() == Some(Phase::Unknown);
        if was_missing && o.observed.deleting_since.is_none() {
            return self.unseen_since_it_was_missing();
        }
        self.pursue(None)
    }

    /// The service showed the task.
    fn seen(&self, last: &LastDescribe, described: &Described) -> Plan {
        if let Some(member) = self.difference(described) {
            return self.differs(described, member);
        }
        if described.state.is_ended() {
            return self.ended(described);
        }
        let deadline = self
            .deadline(Some(described))
            .filter(|deadline| *deadline > self.o.now.wall);
        self.pursue(Some(last))
            .wake_up_at(deadline.map(|deadline| self.o.now.instant_of(deadline)))
    }

    /// Follows a task that runs, as far as anybody can see, and cancels it where that is asked for.
    fn pursue(&self, last: Option<&LastDescribe>) -> Plan {
        let described = last.and_then(|last| last.task.as_ref());
        let plan = if let Some(reason) = self.cancel_reason(described).filter(|_| self.may_cancel(described)) {
            self.cancel(Plan::say(self.canceling(described, reason)))
        } else if let Some(retry) = self.describe_retry() {
            Plan::say(self.out_of_sight(described, retry))
        } else if described.is_none() && self.is_written() {
            Plan::keep_status()
        } else {
            Plan::say(self.running(described))
        };
        self.observe(self.guard(plan), last)
    }

    /// Puts the finalizer back where an own task runs without it.
    fn guard(&self, plan: Plan) -> Plan {
        if self.task.is_own() && self.is_written() && finalizer::is_missing(self.o) {
            plan.first(Step::AddFinalizer)
        } else {
            plan
        }
    }

    /// Observes at its own pace, whatever becomes of a command.
    fn observe(&self, plan: Plan, last: Option<&LastDescribe>) -> Plan {
        let at = match self.describe_retry() {
            Some(retry) => Some(retry.at),
            None => match last {
                None => self.first_look(),
                Some(_) if self.cancel_found_it_not_running(last) => None,
                Some(last) => Some(self.next_look(last)),
            },
        };
        plan.observe(Step::Describe(self.task.address()), at)
    }

    /// A task that was just started is not shown at once.
    fn first_look(&self) -> Option<Instant> {
        let known = self.o.memory.attempt.as_ref()?;
        matches!(known.answer, Some(AttemptAnswer::Success { .. }))
            .then(|| timing::later(known.last_sent, self.o.settings.poll.min))
    }

    fn next_look(&self, last: &LastDescribe) -> Instant {
        let age = match &last.task {
            Some(described) => self.age(described, last.at.wall),
            None => last.at.elapsed_since(self.o.memory.missing_since(last)),
        };
        self.o.settings.poll.next(last.at.monotonic, age, &self.o.observed.uid)
    }

    /// How old the task was by then.
    fn age(&self, described: &Described, then: Timestamp) -> Duration {
        let started = self.start_time(Some(described)).unwrap_or(then);
        Duration::try_from(then.duration_since(started)).unwrap_or_default()
    }

    /// The service said that the task isn't running, after it was last described: only a Describe after that can say
    /// what became of it.
    fn cancel_found_it_not_running(&self, last: Option<&LastDescribe>) -> bool {
        let cancel = self.o.memory.last_cancel;
        cancel.is_some_and(|cancel| {
            cancel.outcome == CancelOutcome::NotRunning && last.is_none_or(|last| last.at.monotonic < cancel.at)
        })
    }

    fn is_written(&self) -> bool {
        let status = self.o.observed.status.as_ref();
        status.and_then(|status| status.task_id.as_ref()) == Some(&self.task.task_id)
    }

    fn subject(&self) -> TaskIn {
        TaskIn::Known(self.task.clone())
    }

    /// What failed last with Describe, until it goes well.
    fn describe_retry(&self) -> Option<&Retry> {
        self.o.retry_of(Operation::Describe)
    }

    fn start_time(&self, described: Option<&Described>) -> Option<Timestamp> {
        let written = || self.o.observed.status.as_ref()?.start_time.as_ref().map(|time| time.0);
        described.and_then(|described| described.start_time).or_else(written)
    }

    /// Whether the service has forgotten the task by then; what has its id after that is somebody else's.
    fn is_past_retention(&self, then: Timestamp) -> bool {
        let recorded = self.o.observed.record.as_ref().map(|record| record.time);
        let started = self.start_time(None).into_iter().chain(recorded).min();
        started.is_some_and(|started| then.duration_since(started) >= timing::TASK_LIFETIME)
    }
}
