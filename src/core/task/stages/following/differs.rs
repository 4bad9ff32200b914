//! A task under this id that does something else than the spec asks.

use std::collections::BTreeMap;

use super::View;
use crate::api::{Phase, Reason};
use crate::core::answer::Described;
use crate::core::task::compare::{Difference, difference};
use crate::core::task::plan::Plan;
use crate::core::task::status::draft::StatusDraft;
use crate::core::task::status::subject::TaskIn;

impl View<'_> {
    /// The member in which the task differs from the spec. A member that the service doesn't show says nothing
    /// against a task that this resource started itself.
    pub(super) fn difference(&self, described: &Described) -> Option<&'static str> {
        let desired = self.o.observed.desired.as_ref().ok()?;
        match difference(described, desired)? {
            Difference::Member(member) => Some(member),
            Difference::NotShown(member) => (!self.task.is_own()).then_some(member),
        }
    }

    pub(super) fn differs(&self, described: &Described, member: &str) -> Plan {
        let (task_id, region) = (&self.task.task_id, &self.task.region);
        let mut known = self.task.clone();
        let message = if self.task.is_own() {
            format!(
                "task {task_id} in {region} was started by this resource just before its spec was edited: its {member} is \
                 not what this spec says. It is neither followed nor cancelled. Make the spec the same as the task to \
                 follow it, or set another spec.taskId to start what the spec says now"
            )
        } else {
            known.reason = Reason::AlreadyExists;
            format!(
                "task {task_id} in {region} exists already and does something else: its {member} is not what this spec \
                 says. It is not followed. Set another spec.taskId, or make the spec the same as the task"
            )
        };
        // Only that it exists is told: how it gets on is the other side's affair.
        let shown = Described {
            statistics: BTreeMap::new(),
            ..described.clone()
        };
        let draft = StatusDraft::new(Phase::Conflict, Reason::TaskDiffers, message);
        Plan::say(draft.about(TaskIn::Known(known)).described(Some(&shown)))
    }
}
