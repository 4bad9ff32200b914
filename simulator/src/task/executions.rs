//! The executions of a task's actions on a finding.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::{Stage, TaskState};
use crate::clock::epoch;

impl TaskState {
    /// The executions of a finding's actions, in the order in which they run.
    pub(crate) fn executions(&self, finding: &str, now: Timestamp, pending: bool) -> Vec<Value> {
        let Some(index) = self.plan.iter().position(|planned| planned.finding.id == finding) else {
            return Vec::new();
        };
        let actions = self.actions(index).iter().enumerate();
        actions
            .filter_map(|(action, name)| self.execution(index, action, name, now, pending))
            .collect()
    }

    fn execution(&self, index: usize, action: usize, name: &str, now: Timestamp, pending: bool) -> Option<Value> {
        let planned = self.plan.get(index)?;
        let failed_at = planned.failure.as_ref().map(|failure| failure.0);
        let done = |action: usize| match failed_at {
            _ if planned.skipped => "SKIPPED",
            Some(failed) if action == failed => "FAILED",
            Some(failed) if action > failed => "SKIPPED",
            _ => "COMPLETED",
        };
        let status = match self.stage(index, now) {
            Stage::Waiting => "PENDING",
            Stage::Working(at) if action > at => "PENDING",
            // What follows a failure is known at once.
            Stage::Working(at) if action < at || failed_at.is_some_and(|failed| failed < action) => done(action),
            Stage::Working(_) if planned.skipped => "SKIPPED",
            Stage::Working(_) => "IN_PROGRESS",
            Stage::Ended => done(action),
            // The part that had ended when the cancellation came stays as it is.
            Stage::Canceled if self.moment(self.position(index, action.saturating_add(1))) <= self.stopped(now) => {
                done(action)
            }
            Stage::Canceled => "CANCELED",
        };
        if status == "PENDING" && !pending {
            return None;
        }
        let mut entry = Map::new();
        entry.insert("taskId".to_owned(), json!(self.id));
        entry.insert("findingId".to_owned(), json!(planned.finding.id));
        entry.insert("actionName".to_owned(), json!(name));
        let definition = self.definitions.get(name);
        entry.insert("actionId".to_owned(), json!(definition.map(|action| &action.action_id)));
        entry.insert("status".to_owned(), json!(status));
        if matches!(status, "COMPLETED" | "FAILED" | "IN_PROGRESS") {
            entry.insert(
                "startTime".to_owned(),
                json!(epoch(self.moment(self.position(index, action)))),
            );
        }
        if matches!(status, "COMPLETED" | "FAILED") {
            let end = self.moment(self.position(index, action.saturating_add(1))).min(now);
            entry.insert("endTime".to_owned(), json!(epoch(end)));
        }
        if let Some((_, code, message)) = planned.failure.as_ref().filter(|_| status == "FAILED") {
            entry.insert("errorCode".to_owned(), json!(code));
            entry.insert("message".to_owned(), json!(message));
        }
        Some(Value::Object(entry))
    }

    /// When the work stopped, for a task that was cancelled.
    fn stopped(&self, now: Timestamp) -> Timestamp {
        // An outcome of CANCELED has no moment: nothing of the second half had begun.
        self.cancellation().map_or(
            self.start
                .checked_sub(SignedDuration::from_secs(1))
                .unwrap_or(self.start),
            |asked| asked.min(now),
        )
    }
}
