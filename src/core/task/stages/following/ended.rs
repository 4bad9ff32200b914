//! A task that has ended: what is said of it.

use std::collections::BTreeMap;

use super::View;
use crate::api::{FindingStatistics, Phase, Reason};
use crate::core::answer::{Described, TaskState};
use crate::core::task::compare::redefined_actions;
use crate::core::task::plan::Plan;
use crate::core::task::status::draft::StatusDraft;
use crate::core::task::status::findings::{failed_findings, skipped_findings, total_findings};
use crate::core::task::step::Step;

/// The way to another run of what has run: the spec of this resource is frozen.
const ANOTHER_RUN: &str = "For another run create another resource, or delete this one and apply it again, with another \
                           spec.taskId";

impl View<'_> {
    pub(super) fn ended(&self, task: &Described) -> Plan {
        let found = &self.o.memory.failed_actions;
        if failed_findings(&task.statistics) > 0 && found.is_none() {
            return Plan::keep_status().first(Step::ListFailedActions(self.task.address()));
        }
        let (phase, reason) = match task.state {
            TaskState::Completed => (Phase::Completed, Reason::Completed),
            TaskState::Failed => (Phase::Failed, Reason::ActionsFailed),
            _ => (Phase::Canceled, self.reason_of_cancellation()),
        };
        let mut draft = StatusDraft::new(phase, reason, self.ending(task, reason))
            .about(self.subject())
            .described(Some(task));
        draft.failed_actions.clone_from(found);
        Plan::say(draft)
    }

    fn reason_of_cancellation(&self) -> Reason {
        let begun = self.o.observed.phase() == Some(Phase::Canceling);
        self.begun_reason()
            .filter(|_| begun)
            .unwrap_or(Reason::CanceledElsewhere)
    }

    fn ending(&self, task: &Described, reason: Reason) -> String {
        let task_id = &self.task.task_id;
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
        let what = format!("{what}{}", self.redefined(task));
        if self.ended_before_this_resource(task) {
            format!("{what}. That was before this resource was created: nothing was run again. {ANOTHER_RUN}")
        } else {
            what
        }
    }

    /// Somebody redefined an action between the last look at the plan and the start.
    fn redefined(&self, task: &Described) -> String {
        let plan = self.o.observed.status.as_ref().and_then(|status| status.plan.as_ref());
        let redefined = plan.map(|plan| redefined_actions(plan, task)).unwrap_or_default();
        if redefined.is_empty() {
            return String::new();
        }
        format!(
            ". What AWS applied as {} is not what status.plan shows: it was redefined just before the start",
            redefined.join(", ")
        )
    }

    fn failure(&self, task: &Described) -> String {
        let task_id = &self.task.task_id;
        let found = self.o.memory.failed_actions.as_ref();
        let problem = found.and_then(|found| found.problem.as_deref());
        let are_listed = found.is_some_and(|found| !found.failures.is_empty());
        let details = match (are_listed, problem) {
            (true, None) => "see status.failures".to_owned(),
            (true, Some(problem)) => format!("see status.failures, where some are missing: {problem}"),
            (false, None) => {
                "they could not be listed, look with `aws iot list-audit-mitigation-actions-executions`".to_owned()
            }
            (false, Some(problem)) => format!(
                "they could not be listed: {problem}. Or look with `aws iot list-audit-mitigation-actions-executions`"
            ),
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
        let task_id = &self.task.task_id;
        if self.task.is_own() {
            return format!("task {task_id} was cancelled, and not by this resource");
        }
        format!(
            "task {task_id} existed already and was cancelled, and not by this resource. Deleting the resource that \
             started a task does that while it runs. Nothing was run again. {ANOTHER_RUN}"
        )
    }

    /// One of its own never did: there the two clocks differ.
    fn ended_before_this_resource(&self, task: &Described) -> bool {
        !self.task.is_own() && task.end_time.is_some_and(|end| end < self.o.observed.created)
    }
}

/// Completed doesn't mean that every finding was mitigated: AWS counts as skipped what the request's filter leaves out.
fn endings(statistics: &BTreeMap<String, FindingStatistics>) -> String {
    let skipped = skipped_findings(statistics);
    match (total_findings(statistics), skipped) {
        _ if statistics.is_empty() => String::new(),
        (0, _) => ", and covered no findings".to_owned(),
        (_, 0) => String::new(),
        (total, skipped) => format!(
            "; {skipped} of its {total} findings were skipped, as AWS says of those that the request's filter leaves out"
        ),
    }
}
