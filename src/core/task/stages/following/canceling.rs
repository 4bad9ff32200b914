//! A task that runs and is to be cancelled: why, whether that may be done, and when it is tried.

use std::time::Duration;

use jiff::Timestamp;

use super::View;
use crate::api::{DeletionPolicy, Phase, Reason};
use crate::core::answer::{Described, Operation};
use crate::core::task::memory::CancelOutcome;
use crate::core::task::plan::Plan;
use crate::core::task::retry::Retry;
use crate::core::task::status::draft::StatusDraft;
use crate::core::task::status::phase::ConditionType;
use crate::core::task::step::Step;
use crate::core::timing;

impl View<'_> {
    /// Only what this resource started may be cancelled, and only while the id can't be somebody else's by now.
    pub(super) fn may_cancel(&self, described: Option<&Described>) -> bool {
        let does_as_asked = described.is_none_or(|described| self.difference(described).is_none());
        self.task.is_own() && does_as_asked && !self.is_past_retention(self.o.now.wall)
    }

    /// Why the task is to be cancelled, if it is. A cancellation that was begun keeps its reason.
    pub(super) fn cancel_reason(&self, described: Option<&Described>) -> Option<Reason> {
        let observed = self.o.observed;
        if observed.phase() == Some(Phase::Canceling)
            && let Some(begun) = self.begun_reason()
        {
            return Some(begun);
        }
        // Only a task that this process has seen run is overdue: it may have ended while nobody looked.
        let deadline = described.and_then(|_| self.deadline(described));
        if observed.deleting_since.is_some() && observed.deletion_policy() == DeletionPolicy::Cancel {
            Some(Reason::CanceledByDeletion)
        } else if observed.desired.as_ref().is_ok_and(|desired| desired.cancel) {
            Some(Reason::CanceledBySpec)
        } else {
            deadline
                .filter(|deadline| *deadline <= self.o.now.wall)
                .map(|_| Reason::DeadlineExceeded)
        }
    }

    /// The reason of a cancellation that the status says was begun.
    pub(super) fn begun_reason(&self) -> Option<Reason> {
        let begun = self.o.observed.reason_of(ConditionType::Reconciling)?;
        matches!(
            begun,
            Reason::CanceledBySpec | Reason::DeadlineExceeded | Reason::CanceledByDeletion
        )
        .then_some(begun)
    }

    /// The operator's clock is compared with the service's start time.
    pub(super) fn deadline(&self, described: Option<&Described>) -> Option<Timestamp> {
        let seconds = self.o.observed.desired.as_ref().ok()?.deadline_seconds?;
        Some(timing::after(
            self.start_time(described)?,
            Duration::from_secs(seconds.try_into().unwrap_or_default()),
        ))
    }

    /// Commands the cancellation at its own pace, until the service has taken it.
    pub(super) fn cancel(&self, plan: Plan) -> Plan {
        let cancel = self.o.memory.last_cancel;
        if cancel.is_some_and(|cancel| cancel.outcome == CancelOutcome::Accepted) {
            return plan;
        }
        let at = self.cancel_retry().map(|retry| retry.at);
        plan.command(Step::Cancel(self.task.address()), at)
    }

    pub(super) fn canceling(&self, described: Option<&Described>, reason: Reason) -> StatusDraft {
        let why = match reason {
            Reason::DeadlineExceeded => "it ran longer than spec.activeDeadlineSeconds",
            Reason::CanceledByDeletion => "the resource is being deleted",
            _ => "spec.cancel is true",
        };
        let (cancel, describe) = (self.cancel_retry(), self.describe_retry());
        // What fails is told from the first time until it goes well.
        let mut message = format!("task {} is being cancelled because {why}", self.task.task_id);
        for retry in cancel.into_iter().chain(describe) {
            message = format!("{message}; {}", retry.message);
        }
        if cancel.or(describe).is_some() {
            message.push_str(", tried again at nextAttemptTime");
        }
        StatusDraft::new(Phase::Canceling, reason, message)
            .about(self.subject())
            .described(described)
            .trying_again(cancel.or(describe))
    }

    /// What failed last with Cancel, until the service takes it.
    fn cancel_retry(&self) -> Option<&Retry> {
        self.o.retry_of(Operation::Cancel)
    }
}
