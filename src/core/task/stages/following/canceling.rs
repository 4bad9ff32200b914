//! A task that runs and is to be cancelled: why, whether that may be done, and until when it is.

use std::time::Duration;

use jiff::Timestamp;

use super::{View, address};
use crate::api::{DeletionPolicy, Phase, Reason, StartedBy};
use crate::core::answer::{Described, Operation};
use crate::core::task::memory::{LastDescribe, Retry};
use crate::core::task::plan::{Plan, Step};
use crate::core::task::status::draft::{StatusDraft, find};
use crate::core::task::status::phase::ConditionType;
use crate::core::timing;

impl View<'_> {
    /// Cancels only what this resource started, and only what is not known to have ended.
    pub(super) fn may_send_cancel(&self, heard: Option<&LastDescribe>) -> bool {
        let task = heard.and_then(|heard| heard.task.as_ref());
        let may_run = heard.is_none_or(|heard| heard.task.as_ref().is_some_and(|task| !task.state.is_ended()));
        let is_ours = self.identity.started_by == StartedBy::This && self.conflict(task).is_none();
        is_ours && may_run && !self.is_past_retention(self.o.now) && self.wants_cancel(task).is_some()
    }

    /// Why the task is to be cancelled, if it is. A cancellation that was begun keeps its reason.
    pub(super) fn wants_cancel(&self, task: Option<&Described>) -> Option<Reason> {
        let observed = self.o.observed;
        if observed.phase() == Some(Phase::Canceling)
            && let Some(begun) = self.reason_written()
        {
            return Some(begun);
        }
        // Only a task that this process has seen run is overdue: it may have ended while nobody looked.
        let deadline = task.and_then(|_| self.deadline(task));
        if observed.deleting_since.is_some() && observed.deletion_policy() == DeletionPolicy::Cancel {
            Some(Reason::CanceledByDeletion)
        } else if observed.desired.as_ref().is_ok_and(|desired| desired.cancel) {
            Some(Reason::CanceledBySpec)
        } else {
            deadline
                .filter(|deadline| *deadline <= self.o.now)
                .map(|_| Reason::DeadlineExceeded)
        }
    }

    pub(super) fn reason_written(&self) -> Option<Reason> {
        let status = self.o.observed.status.as_ref()?;
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
    pub(super) fn deadline(&self, task: Option<&Described>) -> Option<Timestamp> {
        let seconds = self.o.observed.desired.as_ref().ok()?.deadline_seconds?;
        Some(timing::after(
            self.start_time(task)?,
            Duration::from_secs(seconds.try_into().unwrap_or_default()),
        ))
    }

    /// Whether the service has forgotten the task by then; what has its id after that is somebody else's.
    pub(super) fn is_past_retention(&self, time: Timestamp) -> bool {
        let recorded = self.o.observed.record.as_ref().map(|record| record.time);
        let started = self.start_time(None).into_iter().chain(recorded).min();
        started.is_some_and(|started| time.duration_since(started) >= timing::TASK_LIFETIME)
    }

    pub(super) fn cancel(&self, heard: Option<&LastDescribe>) -> Plan {
        let o = self.o;
        let task = heard.and_then(|heard| heard.task.as_ref());
        let reason = self.wants_cancel(task).unwrap_or(Reason::CanceledBySpec);
        let retry = o.backoff_of(&[Operation::Cancel, Operation::Describe]);
        let mut draft = StatusDraft::new(
            Phase::Canceling,
            reason,
            self.canceling_message(reason, retry),
            self.task(),
        );
        draft.described = task.cloned();
        draft.next_attempt = retry.map(|retry| retry.retry_at);
        let step = match (o.memory.cancel, heard) {
            _ if self.needs_finalizer() => Step::AddFinalizer,
            _ if retry.is_some() => Step::Wait(draft.next_attempt),
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
        Plan::say(draft, step)
    }

    fn canceling_message(&self, reason: Reason, retry: Option<&Retry>) -> String {
        let why = match reason {
            Reason::DeadlineExceeded => "it ran longer than spec.activeDeadlineSeconds",
            Reason::CanceledByDeletion => "the resource is being deleted",
            _ => "spec.cancel is true",
        };
        let class = retry
            .map(|retry| format!("; {}, tried again at nextAttemptTime", retry.message))
            .unwrap_or_default();
        format!("task {} is being cancelled because {why}{class}", self.identity.task_id)
    }
}
