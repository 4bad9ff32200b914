//! The task is known: follow it to its end, and cancel it where that is asked for and it is this resource's own.

mod canceling;
mod ended;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::{DeletionPolicy, Phase, Reason, StartedBy};
use crate::core::answer::{Described, ErrorClass, Operation, TaskState};
use crate::core::task::compare::{Difference, difference};
use crate::core::task::memory::{Answered, LastDescribe, Retry};
use crate::core::task::observation::Observation;
use crate::core::task::plan::{Plan, Step, TaskAddress};
use crate::core::task::stages::copied;
use crate::core::task::status::draft::{Identity, StatusDraft, TaskIn, find};
use crate::core::task::status::phase::ConditionType;
use crate::core::timing;

/// What to do about a task that exists, or did when it was last seen.
pub(crate) fn assess(o: &Observation<'_>, identity: &Identity) -> Plan {
    let view = View { o, identity };
    let heard = o.memory.heard_of(&identity.task_id);
    if view.may_send_cancel(heard) {
        return view.cancel(heard);
    }
    match heard {
        None => view.unseen(),
        Some(LastDescribe {
            task: Some(task), at, ..
        }) => view.seen(task, *at),
        Some(LastDescribe { task: None, at, .. }) => view.missing(*at),
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
        self.o
            .observed
            .status
            .as_ref()
            .and_then(|status| status.task_id.as_ref())
            == Some(&self.identity.task_id)
    }

    fn task(&self) -> TaskIn {
        TaskIn::Known(self.identity.clone())
    }

    fn describe(&self) -> Step {
        Step::Describe(address(self.identity))
    }

    fn start_time(&self, task: Option<&Described>) -> Option<Timestamp> {
        let written = || self.o.observed.status.as_ref()?.start_time.as_ref().map(|time| time.0);
        task.and_then(|task| task.start_time).or_else(written)
    }

    /// The service has not been asked by this process yet.
    fn unseen(&self) -> Plan {
        let o = self.o;
        if !self.is_written() {
            let draft = self.running(None, None);
            return Plan::say(draft, Step::Wait(Some(o.now)));
        }
        if let Some(retry) = o.backoff_of(&[Operation::Describe]) {
            return self.after_setback(None, retry);
        }
        if o.observed.phase() == Some(Phase::Unknown) {
            return match o.observed.next_look(o.now) {
                _ if o.observed.deleting_since.is_some() => Plan::act(self.describe()),
                _ if self.is_expired_in_status() && o.observed.is_observed() => Plan::act(Step::Wait(None)),
                // An edit is reason to ask at once.
                Some(time) if o.observed.is_observed() => Plan::act(Step::Wait(Some(time))),
                _ => Plan::act(self.describe()),
            };
        }
        if self.needs_finalizer() {
            return Plan::act(Step::AddFinalizer);
        }
        let just_started = o
            .memory
            .attempt
            .as_ref()
            .filter(|known| matches!(known.answer, Some(Answered::Success { .. })));
        match just_started.map(|known| timing::after(known.last_sent, o.settings.poll.min)) {
            Some(first) if first > o.now => Plan::act(Step::Wait(Some(first))),
            _ => Plan::act(self.describe()),
        }
    }

    fn is_expired_in_status(&self) -> bool {
        let conditions = self
            .o
            .observed
            .status
            .as_ref()
            .map(|status| status.conditions.as_slice())
            .unwrap_or_default();
        find(conditions, ConditionType::Stalled).is_some_and(|stalled| stalled.reason == Reason::TaskExpired.as_str())
    }

    /// The service showed the task at this time.
    fn seen(&self, task: &Described, at: Timestamp) -> Plan {
        if let Some(member) = self.conflict(Some(task)) {
            return self.differs(task, member);
        }
        if task.state.is_ended() {
            return self.ended(task);
        }
        let o = self.o;
        let retry = o.backoff_of(&[Operation::Describe]);
        if let Some(retry) = retry.filter(|retry| is_worth_telling(retry)) {
            return self.after_setback(Some(task), retry);
        }
        let draft = self.running(Some(task), self.wants_cancel(Some(task)));
        let step = match retry {
            _ if self.needs_finalizer() => Step::AddFinalizer,
            Some(retry) => Step::Wait(Some(retry.retry_at)),
            None => self.poll(at, Some(task)),
        };
        Plan::say(draft, step)
    }

    /// The member in which the task differs from the spec. A member that the service doesn't show says nothing
    /// against a task that this resource started itself.
    fn conflict(&self, task: Option<&Described>) -> Option<&'static str> {
        let desired = self.o.observed.desired.as_ref().ok()?;
        match difference(task?, desired)? {
            Difference::Member(member) => Some(member),
            Difference::NotShown(member) => (self.identity.started_by == StartedBy::Other).then_some(member),
        }
    }

    fn differs(&self, task: &Described, member: &str) -> Plan {
        let task_id = &self.identity.task_id;
        let message = format!(
            "task {task_id} in {} exists already and does something else: its {member} is not what this spec says. It is not \
             followed. Set another spec.taskId, or make the spec the same as the task",
            self.identity.region
        );
        let mut identity = self.identity.clone();
        identity.reason = Reason::AlreadyExists;
        let mut draft = StatusDraft::new(Phase::Conflict, Reason::TaskDiffers, message, TaskIn::Known(identity));
        draft.described = Some(Described {
            statistics: BTreeMap::new(),
            ..task.clone()
        });
        Plan::say(draft, Step::Wait(None))
    }

    fn running(&self, task: Option<&Described>, cancel: Option<Reason>) -> StatusDraft {
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
        let mut draft = StatusDraft::new(Phase::Running, reason, message, self.task());
        draft.described = task.cloned();
        draft
    }

    fn after_setback(&self, task: Option<&Described>, retry: &Retry) -> Plan {
        let message = format!(
            "task {} was started; how far it is can't be seen: {}; it is tried again at nextAttemptTime",
            self.identity.task_id, retry.message
        );
        let phase = self
            .o
            .observed
            .phase()
            .filter(|phase| matches!(phase, Phase::Canceling | Phase::Unknown))
            .unwrap_or(Phase::Running);
        let mut draft = StatusDraft::new(phase, retry.class.reason(), message, self.task());
        draft.described = task.cloned();
        draft.next_attempt = Some(retry.retry_at);
        let wait = Step::Wait(Some(retry.retry_at));
        // An Unknown keeps its reason until the service says something about the task.
        if phase == Phase::Running {
            Plan::say(draft, wait)
        } else {
            Plan::act(wait)
        }
    }

    /// The service said "not found" at this time, though the start was seen.
    fn missing(&self, at: Timestamp) -> Plan {
        let o = self.o;
        let since = o.memory.missing_since.unwrap_or(at);
        // A deletion only waits for the grace period, whatever was said before.
        let is_deleted = o.observed.deleting_since.is_some();
        if !is_deleted && self.is_past_retention(at) {
            let message = copied::forgotten(&self.identity.task_id, copied::ANOTHER_RESOURCE);
            return Plan::say(
                StatusDraft::new(Phase::Unknown, Reason::TaskExpired, message, self.task()),
                Step::Wait(None),
            );
        }
        let until_it_is_shown = |step| Plan {
            draft: (!self.is_written()).then(|| self.running(None, None)),
            step,
        };
        if let Some(retry) = o.backoff_of(&[Operation::Describe]) {
            return if is_worth_telling(retry) {
                self.after_setback(None, retry)
            } else {
                until_it_is_shown(Step::Wait(Some(retry.retry_at)))
            };
        }
        let is_in_grace = !o.memory.is_missing_for_good(&self.identity.task_id);
        if is_in_grace && (is_deleted || o.observed.phase() != Some(Phase::Unknown)) {
            let next = o.settings.poll.next(at, since, &o.observed.uid);
            return until_it_is_shown(self.describe().when(next, o.now));
        }
        let next = timing::after(at, timing::MISSING_POLL.unsigned_abs());
        let message = format!(
            "task {} was started in {}, and the service doesn't know it: look whether the operator's credentials and \
             endpoint are those of the account it was started in. It is asked for again every hour and never started again",
            self.identity.task_id, self.identity.region
        );
        let mut draft = StatusDraft::new(Phase::Unknown, Reason::TaskNotFound, message, self.task());
        draft.next_attempt = Some(next);
        Plan::say(draft, self.describe().when(next, o.now))
    }

    fn next_poll(&self, last: Timestamp, task: Option<&Described>) -> Timestamp {
        let started = self.start_time(task).unwrap_or(last);
        self.o.settings.poll.next(last, started, &self.o.observed.uid)
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
        let observed = self.o.observed;
        self.identity.started_by == StartedBy::This
            && !observed.has_finalizer()
            && observed.deleting_since.is_none()
            && observed.deletion_policy() == DeletionPolicy::Cancel
    }
}

/// One throttled or lost poll is no event_drafts; one that IAM refuses is.
fn is_worth_telling(retry: &Retry) -> bool {
    retry.count > 1 || !matches!(retry.class, ErrorClass::Throttled | ErrorClass::ServiceUnavailable)
}
