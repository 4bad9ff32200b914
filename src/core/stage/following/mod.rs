//! The task is known: follow it to its end, and cancel it where that is asked for and it is this resource's own.

mod canceling;
mod ended;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::{DeletionPolicy, Phase, Reason, StartedBy};
use crate::core::answer::{Described, Operation, TaskState, Trouble};
use crate::core::compare::{Difference, difference};
use crate::core::memory::{Answered, Heard, Setback};
use crate::core::observe::Observation;
use crate::core::phase::ConditionType;
use crate::core::sketch::{Identity, Sketch, TaskIn, find};
use crate::core::stage::copied;
use crate::core::step::{Step, TaskAddress, Verdict};
use crate::core::timing;

/// What to do about a task that exists, or did when it was last seen.
pub(crate) fn assess(o: &Observation<'_>, identity: &Identity) -> Verdict {
    let view = View { o, identity };
    let heard = o.memory.heard_of(&identity.task_id);
    if view.may_send_cancel(heard) {
        return view.cancel(heard);
    }
    match heard {
        None => view.unseen(),
        Some(Heard {
            task: Some(task), at, ..
        }) => view.seen(task, *at),
        Some(Heard { task: None, at, .. }) => view.missing(*at),
    }
}

/// Where a task is.
pub(crate) fn address(identity: &Identity) -> TaskAddress {
    TaskAddress {
        task_id: identity.task_id.clone(),
        region: identity.region.clone(),
    }
}

struct View<'a> {
    o: &'a Observation<'a>,
    identity: &'a Identity,
}

impl View<'_> {
    fn is_written(&self) -> bool {
        self.o.facts.status.as_ref().and_then(|status| status.task_id.as_ref()) == Some(&self.identity.task_id)
    }

    fn task(&self) -> TaskIn {
        TaskIn::Known(self.identity.clone())
    }

    fn describe(&self) -> Step {
        Step::Describe(address(self.identity))
    }

    fn start_time(&self, task: Option<&Described>) -> Option<Timestamp> {
        let written = || self.o.facts.status.as_ref()?.start_time.as_ref().map(|time| time.0);
        task.and_then(|task| task.start_time).or_else(written)
    }

    /// The service has not been asked by this process yet.
    fn unseen(&self) -> Verdict {
        let o = self.o;
        if !self.is_written() {
            let sketch = self.running(None, None);
            return Verdict::say(sketch, Step::Wait(Some(o.now)));
        }
        if let Some(setback) = o.held_back(&[Operation::Describe]) {
            return self.after_setback(None, setback);
        }
        if o.facts.phase() == Some(Phase::Unknown) {
            return match o.facts.next_look(o.now) {
                _ if o.facts.deleting_since.is_some() => Verdict::act(self.describe()),
                _ if self.is_expired_in_status() && o.facts.is_observed() => Verdict::act(Step::Wait(None)),
                // An edit is reason to ask at once.
                Some(time) if o.facts.is_observed() => Verdict::act(Step::Wait(Some(time))),
                _ => Verdict::act(self.describe()),
            };
        }
        if self.needs_finalizer() {
            return Verdict::act(Step::AddFinalizer);
        }
        let just_started = o
            .memory
            .attempt
            .as_ref()
            .filter(|known| matches!(known.answer, Some(Answered::Success { .. })));
        match just_started.map(|known| timing::after(known.last_sent, o.settings.poll.min)) {
            Some(first) if first > o.now => Verdict::act(Step::Wait(Some(first))),
            _ => Verdict::act(self.describe()),
        }
    }

    fn is_expired_in_status(&self) -> bool {
        let conditions = self
            .o
            .facts
            .status
            .as_ref()
            .map(|status| status.conditions.as_slice())
            .unwrap_or_default();
        find(conditions, ConditionType::Stalled).is_some_and(|stalled| stalled.reason == Reason::TaskExpired.as_str())
    }

    /// The service showed the task at this time.
    fn seen(&self, task: &Described, at: Timestamp) -> Verdict {
        if let Some(member) = self.conflict(Some(task)) {
            return self.differs(task, member);
        }
        if task.state.is_ended() {
            return self.ended(task);
        }
        let o = self.o;
        let setback = o.held_back(&[Operation::Describe]);
        if let Some(setback) = setback.filter(|setback| is_worth_telling(setback)) {
            return self.after_setback(Some(task), setback);
        }
        let sketch = self.running(Some(task), self.wants_cancel(Some(task)));
        let step = match setback {
            _ if self.needs_finalizer() => Step::AddFinalizer,
            Some(setback) => Step::Wait(Some(setback.retry_at)),
            None => self.poll(at, Some(task)),
        };
        Verdict::say(sketch, step)
    }

    /// The member in which the task differs from the spec. A member that the service doesn't show says nothing
    /// against a task that this resource started itself.
    fn conflict(&self, task: Option<&Described>) -> Option<&'static str> {
        let wish = self.o.facts.wish.as_ref().ok()?;
        match difference(task?, wish)? {
            Difference::Member(member) => Some(member),
            Difference::NotShown(member) => (self.identity.started_by == StartedBy::Other).then_some(member),
        }
    }

    fn differs(&self, task: &Described, member: &str) -> Verdict {
        let task_id = &self.identity.task_id;
        let message = format!(
            "task {task_id} in {} exists already and does something else: its {member} is not what this spec says. It is not \
             followed. Set another spec.taskId, or make the spec the same as the task",
            self.identity.region
        );
        let mut identity = self.identity.clone();
        identity.reason = Reason::AlreadyExists;
        let mut sketch = Sketch::new(Phase::Conflict, Reason::TaskDiffers, message, TaskIn::Known(identity));
        sketch.described = Some(Described {
            statistics: BTreeMap::new(),
            ..task.clone()
        });
        Verdict::say(sketch, Step::Wait(None))
    }

    fn running(&self, task: Option<&Described>, cancel: Option<Reason>) -> Sketch {
        let task_id = &self.identity.task_id;
        let (reason, message) = match task.map(|task| &task.state) {
            Some(TaskState::Other(state)) => (
                Reason::UnknownState,
                format!(
                    "task {task_id} is in state {state:?}, which this version doesn't know; it is followed further"
                ),
            ),
            _ if cancel.is_some() => (
                Reason::CancelIgnored,
                format!("task {task_id} runs; it was not started by this resource, so it is not cancelled"),
            ),
            _ => (
                Reason::InProgress,
                format!("task {task_id} runs in {}", self.identity.region),
            ),
        };
        let mut sketch = Sketch::new(Phase::Running, reason, message, self.task());
        sketch.described = task.cloned();
        sketch
    }

    fn after_setback(&self, task: Option<&Described>, setback: &Setback) -> Verdict {
        let message = format!(
            "task {} was started; how far it is can't be seen: {}; it is tried again at nextAttemptTime",
            self.identity.task_id, setback.message
        );
        let phase = self
            .o
            .facts
            .phase()
            .filter(|phase| matches!(phase, Phase::Canceling | Phase::Unknown))
            .unwrap_or(Phase::Running);
        let mut sketch = Sketch::new(phase, setback.trouble.reason(), message, self.task());
        sketch.described = task.cloned();
        sketch.next_attempt = Some(setback.retry_at);
        let wait = Step::Wait(Some(setback.retry_at));
        // An Unknown keeps its reason until the service says something about the task.
        if phase == Phase::Running {
            Verdict::say(sketch, wait)
        } else {
            Verdict::act(wait)
        }
    }

    /// The service said "not found" at this time, though the start was seen.
    fn missing(&self, at: Timestamp) -> Verdict {
        let o = self.o;
        let since = o.memory.missing_since.unwrap_or(at);
        // A deletion only waits for the grace period, whatever was said before.
        let is_deleted = o.facts.deleting_since.is_some();
        if !is_deleted && self.is_past_retention(at) {
            let message = copied::forgotten(&self.identity.task_id, copied::ANOTHER_RESOURCE);
            return Verdict::say(
                Sketch::new(Phase::Unknown, Reason::TaskExpired, message, self.task()),
                Step::Wait(None),
            );
        }
        let until_it_is_shown = |step| Verdict {
            sketch: (!self.is_written()).then(|| self.running(None, None)),
            step,
        };
        if let Some(setback) = o.held_back(&[Operation::Describe]) {
            return if is_worth_telling(setback) {
                self.after_setback(None, setback)
            } else {
                until_it_is_shown(Step::Wait(Some(setback.retry_at)))
            };
        }
        let is_in_grace = !o.memory.is_missing_for_good(&self.identity.task_id);
        if is_in_grace && (is_deleted || o.facts.phase() != Some(Phase::Unknown)) {
            let next = o.settings.poll.next(at, since, &o.facts.uid);
            return until_it_is_shown(self.describe().when(next, o.now));
        }
        let next = timing::after(at, timing::MISSING_POLL.unsigned_abs());
        let message = format!(
            "task {} was started in {}, and the service doesn't know it: look whether the operator's credentials and \
             endpoint are those of the account it was started in. It is asked for again every hour and never started again",
            self.identity.task_id, self.identity.region
        );
        let mut sketch = Sketch::new(Phase::Unknown, Reason::TaskNotFound, message, self.task());
        sketch.next_attempt = Some(next);
        Verdict::say(sketch, self.describe().when(next, o.now))
    }

    fn next_poll(&self, last: Timestamp, task: Option<&Described>) -> Timestamp {
        let started = self.start_time(task).unwrap_or(last);
        self.o.settings.poll.next(last, started, &self.o.facts.uid)
    }

    /// Describe when it is time, or wait until then; a deadline is not slept through.
    fn poll(&self, last: Timestamp, task: Option<&Described>) -> Step {
        let next = self.next_poll(last, task);
        if next <= self.o.now {
            return self.describe();
        }
        let deadline = self.deadline(task).filter(|deadline| *deadline > self.o.now);
        Step::Wait(Some(deadline.map_or(next, |deadline| deadline.min(next))))
    }

    fn needs_finalizer(&self) -> bool {
        let facts = self.o.facts;
        self.identity.started_by == StartedBy::This
            && !facts.has_finalizer()
            && facts.deleting_since.is_none()
            && facts.deletion_policy() == DeletionPolicy::Cancel
    }
}

/// One throttled or lost poll is no news; one that IAM refuses is.
fn is_worth_telling(setback: &Setback) -> bool {
    setback.count > 1 || !matches!(setback.trouble, Trouble::Throttled | Trouble::ServiceUnavailable)
}
