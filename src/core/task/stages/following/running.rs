//! A task that runs, as far as anybody can see: what is said of it.

use super::View;
use crate::api::{Phase, Reason};
use crate::core::answer::{Described, TaskState};
use crate::core::task::retry::Retry;
use crate::core::task::status::draft::StatusDraft;

impl View<'_> {
    pub(super) fn running(&self, described: Option<&Described>) -> StatusDraft {
        let task_id = &self.task.task_id;
        let (reason, message) = match described.map(|described| &described.state) {
            Some(TaskState::Other(state)) => (
                Reason::UnknownState,
                format!(
                    "task {task_id} is in state {state:?}, which this version doesn't know; it is followed further"
                ),
            ),
            _ if described.is_some() && self.cancel_reason(described).is_some() => {
                (Reason::CancelIgnored, self.why_it_is_not_cancelled())
            }
            _ => (
                Reason::InProgress,
                format!("task {task_id} runs in {}", self.task.region),
            ),
        };
        StatusDraft::new(Phase::Running, reason, message)
            .about(self.subject())
            .described(described)
    }

    fn why_it_is_not_cancelled(&self) -> String {
        let task_id = &self.task.task_id;
        if self.task.is_own() {
            format!(
                "task {task_id} was started so long ago that the service may have forgotten it, and what has its id now may \
                 be somebody else's: it is not cancelled"
            )
        } else {
            format!("task {task_id} runs; it was not started by this resource, so it is not cancelled")
        }
    }

    /// Describe fails: the task runs on, and nobody sees how far it is.
    pub(super) fn out_of_sight(&self, described: Option<&Described>, retry: &Retry) -> StatusDraft {
        let message = format!(
            "task {} was started; how far it is can't be seen: {}; it is tried again at nextAttemptTime",
            self.task.task_id, retry.message
        );
        StatusDraft::new(Phase::Running, retry.class.reason(), message)
            .about(self.subject())
            .described(described)
            .trying_again(Some(retry))
    }
}
