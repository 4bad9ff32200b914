//! The task is known: follow it to its end, and cancel it where that is asked for and it is this resource's own.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::api::{DeletionPolicy, FindingStatistics, Phase, Reason, StartedBy};
use crate::core::answer::{Described, Operation, TaskState, Trouble};
use crate::core::compare::{Difference, difference};
use crate::core::memory::{Answered, Heard, Setback};
use crate::core::observe::Observation;
use crate::core::phase::ConditionType;
use crate::core::sketch::{Identity, Sketch, TaskIn, failed_findings, find};
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

/// The way to another run of what has run: the spec of this resource is frozen.
const ANOTHER_RUN: &str = "For another run create another resource, or delete this one and apply it again, with another \
                           spec.taskId";

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

    /// Why the task is to be cancelled, if it is. A cancellation that was begun keeps its reason.
    fn wants_cancel(&self, task: Option<&Described>) -> Option<Reason> {
        let facts = self.o.facts;
        if facts.phase() == Some(Phase::Canceling)
            && let Some(begun) = self.reason_written()
        {
            return Some(begun);
        }
        // Only a task that this process has seen run is overdue: it may have ended while nobody looked.
        let deadline = task.and_then(|_| self.deadline(task));
        if facts.deleting_since.is_some() && facts.deletion_policy() == DeletionPolicy::Cancel {
            Some(Reason::CanceledByDeletion)
        } else if facts.wish.as_ref().is_ok_and(|wish| wish.cancel) {
            Some(Reason::CanceledBySpec)
        } else {
            deadline
                .filter(|deadline| *deadline <= self.o.now)
                .map(|_| Reason::DeadlineExceeded)
        }
    }

    fn reason_written(&self) -> Option<Reason> {
        let status = self.o.facts.status.as_ref()?;
        let written = &find(&status.conditions, ConditionType::Reconciling)?.reason;
        [
            Reason::CanceledBySpec,
            Reason::DeadlineExceeded,
            Reason::CanceledByDeletion,
        ]
        .into_iter()
        .find(|reason| reason.as_str() == written)
    }

    /// The operator's clock is compared with the service's start time.
    fn deadline(&self, task: Option<&Described>) -> Option<Timestamp> {
        let seconds = self.o.facts.wish.as_ref().ok()?.deadline_seconds?;
        Some(timing::after(
            self.start_time(task)?,
            Duration::from_secs(seconds.try_into().unwrap_or_default()),
        ))
    }

    /// Cancels only what this resource started, and only what is not known to have ended.
    fn may_send_cancel(&self, heard: Option<&Heard>) -> bool {
        let task = heard.and_then(|heard| heard.task.as_ref());
        let may_run = heard.is_none_or(|heard| heard.task.as_ref().is_some_and(|task| !task.state.is_ended()));
        let is_ours = self.identity.started_by == StartedBy::This && self.conflict(task).is_none();
        is_ours && may_run && !self.is_past_retention(self.o.now) && self.wants_cancel(task).is_some()
    }

    /// Whether the service has forgotten the task by then; what has its id after that is somebody else's.
    fn is_past_retention(&self, time: Timestamp) -> bool {
        let recorded = self.o.facts.record.as_ref().map(|record| record.time);
        let started = self.start_time(None).into_iter().chain(recorded).min();
        started.is_some_and(|started| time.duration_since(started) >= timing::TASK_LIFETIME)
    }

    fn cancel(&self, heard: Option<&Heard>) -> Verdict {
        let o = self.o;
        let task = heard.and_then(|heard| heard.task.as_ref());
        let reason = self.wants_cancel(task).unwrap_or(Reason::CanceledBySpec);
        let setback = o
            .memory
            .held_back(&[Operation::Cancel, Operation::Describe], o.facts.generation, o.now);
        let mut sketch = Sketch::new(
            Phase::Canceling,
            reason,
            self.canceling_message(reason, setback),
            self.task(),
        );
        sketch.described = task.cloned();
        sketch.next_attempt = setback.map(|setback| setback.retry_at);
        let step = match (o.memory.cancel, heard) {
            _ if self.needs_finalizer() => Step::AddFinalizer,
            _ if setback.is_some() => Step::Wait(sketch.next_attempt),
            (None, _) => Step::Cancel(address(self.identity)),
            // Taken, or refused because it doesn't run: Describe says what became of it.
            (Some(_), None) => self.describe(),
            (Some(known), Some(heard))
                if !known.accepted && heard.at >= known.at && self.next_poll(heard.at, task) <= o.now =>
            {
                Step::Cancel(address(self.identity))
            }
            (Some(_), Some(heard)) => self.poll(heard.at, task),
        };
        Verdict::say(sketch, step)
    }

    fn canceling_message(&self, reason: Reason, setback: Option<&Setback>) -> String {
        let why = match reason {
            Reason::DeadlineExceeded => "it ran longer than spec.activeDeadlineSeconds",
            Reason::CanceledByDeletion => "the resource is being deleted",
            _ => "spec.cancel is true",
        };
        let trouble = setback
            .map(|setback| format!("; {}, tried again at nextAttemptTime", setback.message))
            .unwrap_or_default();
        format!(
            "task {} is being cancelled because {why}{trouble}",
            self.identity.task_id
        )
    }

    /// The service has not been asked by this process yet.
    fn unseen(&self) -> Verdict {
        let o = self.o;
        if !self.is_written() {
            let sketch = self.running(None, None);
            return Verdict::say(sketch, Step::Wait(Some(o.now)));
        }
        if let Some(setback) = o.memory.held_back(&[Operation::Describe], o.facts.generation, o.now) {
            return self.after_setback(None, setback);
        }
        if o.facts.phase() == Some(Phase::Unknown) {
            return match o.facts.next_attempt() {
                _ if o.facts.deleting_since.is_some() => Verdict::act(self.describe()),
                _ if self.is_expired_in_status() && o.facts.is_observed() => Verdict::act(Step::Wait(None)),
                // An edit is reason to ask at once.
                Some(time) if time > o.now && o.facts.is_observed() => Verdict::act(Step::Wait(Some(time))),
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
        let setback = o.memory.held_back(&[Operation::Describe], o.facts.generation, o.now);
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

    fn ended(&self, task: &Described) -> Verdict {
        let found = &self.o.memory.failed_actions;
        if failed_findings(&task.statistics) > 0 && found.is_none() {
            return Verdict::act(Step::ListFailedActions(address(self.identity)));
        }
        let (phase, reason) = match task.state {
            TaskState::Completed => (Phase::Completed, Reason::Completed),
            TaskState::Failed => (Phase::Failed, Reason::ActionsFailed),
            _ => (Phase::Canceled, self.reason_of_cancellation()),
        };
        let mut sketch = Sketch::new(phase, reason, self.ending(task, reason), self.task());
        sketch.described = Some(task.clone());
        sketch.failed_actions.clone_from(found);
        Verdict::say(sketch, Step::Wait(None))
    }

    fn reason_of_cancellation(&self) -> Reason {
        let begun = self.o.facts.phase() == Some(Phase::Canceling);
        self.reason_written()
            .filter(|_| begun)
            .unwrap_or(Reason::CanceledElsewhere)
    }

    fn ending(&self, task: &Described, reason: Reason) -> String {
        let task_id = &self.identity.task_id;
        let what = match reason {
            Reason::Completed => format!("task {task_id} completed{}", endings(&task.statistics)),
            Reason::ActionsFailed => self.failure(task),
            Reason::CanceledBySpec => format!("task {task_id} was cancelled because spec.cancel is true"),
            Reason::DeadlineExceeded => {
                format!("task {task_id} was cancelled because it ran longer than spec.activeDeadlineSeconds")
            }
            Reason::CanceledByDeletion => format!("task {task_id} was cancelled because the resource was deleted"),
            _ => return self.canceled_elsewhere(),
        };
        if self.ended_before_this_resource(task) {
            format!("{what}. That was before this resource was created: nothing was run again. {ANOTHER_RUN}")
        } else {
            what
        }
    }

    fn failure(&self, task: &Described) -> String {
        let task_id = &self.identity.task_id;
        let found = self.o.memory.failed_actions.as_ref();
        let details = if found.is_some_and(|found| !found.failures.is_empty()) {
            "see status.failures"
        } else {
            "they could not be listed, look with `aws iot list-audit-mitigation-actions-executions`"
        };
        match failed_findings(&task.statistics) {
            0 => format!("task {task_id} ended, and the service says that it failed"),
            failed => format!(
                "task {task_id} ended, and at least one action failed on {failed} of its {} findings: {details}",
                total_findings(&task.statistics)
            ),
        }
    }

    /// Nobody knows who it was. A manifest that is applied again most often meets what its own deletion left.
    fn canceled_elsewhere(&self) -> String {
        let task_id = &self.identity.task_id;
        match self.identity.started_by {
            StartedBy::This => format!("task {task_id} was cancelled, and not by this resource"),
            StartedBy::Other => format!(
                "task {task_id} existed already and was cancelled, and not by this resource. Deleting the resource that \
                 started a task does that while it runs. Nothing was run again. {ANOTHER_RUN}"
            ),
        }
    }

    fn ended_before_this_resource(&self, task: &Described) -> bool {
        task.end_time.is_some_and(|end| end < self.o.facts.created)
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
        if at.duration_since(since) < timing::GRACE && (is_deleted || o.facts.phase() != Some(Phase::Unknown)) {
            let sketch = (!self.is_written()).then(|| self.running(None, None));
            let next = o.settings.poll.next(at, since, &o.facts.uid);
            return Verdict {
                sketch,
                step: self.describe().when(next, o.now),
            };
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

/// Completed doesn't mean that every finding was mitigated: suppressed ones are skipped, for example.
fn endings(statistics: &BTreeMap<String, FindingStatistics>) -> String {
    let skipped = sum(statistics, |counts| counts.skipped_findings_count);
    match (total_findings(statistics), skipped) {
        _ if statistics.is_empty() => String::new(),
        (0, _) => ", and covered no findings".to_owned(),
        (_, 0) => String::new(),
        (total, skipped) => format!("; {skipped} of its {total} findings were skipped"),
    }
}

fn total_findings(statistics: &BTreeMap<String, FindingStatistics>) -> i64 {
    sum(statistics, |counts| counts.total_findings_count)
}

fn sum(statistics: &BTreeMap<String, FindingStatistics>, count: fn(&FindingStatistics) -> Option<i64>) -> i64 {
    statistics.values().filter_map(count).fold(0, i64::saturating_add)
}

/// One throttled or lost poll is no news; one that IAM refuses is.
fn is_worth_telling(setback: &Setback) -> bool {
    setback.count > 1 || !matches!(setback.trouble, Trouble::Throttled | Trouble::ServiceUnavailable)
}

/// Whether the service has said for longer than the grace period that it doesn't know the task.
pub(crate) fn is_missing_for_good(o: &Observation<'_>, task_id: &str) -> bool {
    let heard = o.memory.heard_of(task_id).filter(|heard| heard.task.is_none());
    heard.is_some_and(|heard| {
        let since = o.memory.missing_since.unwrap_or(heard.at);
        heard.at.duration_since(since) >= timing::GRACE
    })
}
