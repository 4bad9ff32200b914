//! Whether the task that exists does what the spec asks.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{MitigationPlan, PlannedAction, Target};
use crate::core::answer::Described;
use crate::core::task::desired::DesiredTask;

/// How a task differs from what a resource asks for. It names the member, never the other side's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A member of the task is not what the spec says.
    Member(&'static str),
    /// The service doesn't show the member.
    NotShown(&'static str),
}

/// The first difference between a task and what is asked for: the order of actions counts, the order of findings and
/// reason codes doesn't, and empty equals absent.
pub fn difference(task: &Described, desired: &DesiredTask) -> Option<Difference> {
    let Some(target) = &task.target else {
        return Some(Difference::NotShown("target"));
    };
    let Some(mapping) = &task.mapping else {
        return Some(Difference::NotShown("auditCheckToActionsMapping"));
    };
    target_difference(target, &desired.target)
        .or_else(|| (*mapping != desired.mapping).then_some("auditCheckToActionsMapping"))
        .map(Difference::Member)
}

/// The actions of a plan that were applied otherwise than they were planned: a Start takes names only, so a definition
/// that is changed just before it counts. Nothing where the service doesn't tell what it applied.
pub fn redefined_actions<'a>(plan: &'a MitigationPlan, task: &Described) -> Vec<&'a str> {
    let Some(applied) = task.actions.as_ref().filter(|applied| !applied.is_empty()) else {
        return Vec::new();
    };
    let is_as_planned = |planned: &PlannedAction| {
        applied.iter().any(|applied| {
            applied.name == planned.name
                && applied.role_arn == planned.role_arn
                && applied.parameters == planned.parameters
        })
    };
    let actions = plan.actions.iter().filter(|planned| !is_as_planned(planned));
    actions.map(|planned| planned.name.as_str()).collect()
}

fn target_difference(task: &Target, desired: &Target) -> Option<&'static str> {
    let Target {
        audit_task_id,
        finding_ids,
        audit_check_to_reason_code_filter,
    } = task;
    if audit_task_id.as_deref().unwrap_or_default() != desired.audit_task_id.as_deref().unwrap_or_default() {
        Some("target.auditTaskId")
    } else if set(finding_ids.as_ref()) != set(desired.finding_ids.as_ref()) {
        Some("target.findingIds")
    } else if filter(audit_check_to_reason_code_filter.as_ref())
        != filter(desired.audit_check_to_reason_code_filter.as_ref())
    {
        Some("target.auditCheckToReasonCodeFilter")
    } else {
        None
    }
}

fn set(list: Option<&Vec<String>>) -> BTreeSet<&str> {
    list.into_iter().flatten().map(String::as_str).collect()
}

fn filter(map: Option<&BTreeMap<String, Vec<String>>>) -> BTreeMap<&str, BTreeSet<&str>> {
    map.into_iter()
        .flatten()
        .map(|(check, codes)| (check.as_str(), set(Some(codes))))
        .collect()
}
