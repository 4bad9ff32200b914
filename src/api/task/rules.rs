//! The CEL rules of the CRD and the messages that people see when one refuses their manifest.
//!
//! No rule may lock in what was stored before it: else the status of such an object can't be written, its finalizer not
//! be removed, nor the object be corrected. Two things decide how the rules are written.
//!
//! Below the root the API server lets an unchanged value pass that violates a rule (ratcheting), but not one on which
//! the rule ends with an *error*, as it does on a text where an object is expected. So every rule stands at the root and
//! looks at the object in ways that can't fail, see [`crate::api::cel`].
//!
//! At the root nothing is unchanged when the status or a finalizer is written. So a rule there says itself that what is
//! unchanged passes.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;

use super::MAX_NAME_LENGTH_WITHOUT_TASK_ID;
use crate::api::cel::{
    NEW, OLD, asked_of_a_changed_spec, at, check_map, has, is, is_not, reason_codes_fit, rule, unchanged,
};

/// CEL: a start was sent, perhaps, and the request must stay what it was. In Conflict nothing of this resource was
/// started: the id belongs to another task, and the way out is to edit the spec.
fn started() -> String {
    format!(
        "({} || {}) && {}.orValue('') != 'Conflict'",
        has(OLD, "status.taskId"),
        has(OLD, "status.attempt"),
        at(OLD, "status.phase")
    )
}

/// The members of spec that make the request of the start, or that say what was approved, and their types.
const FROZEN: [(&str, &str); 6] = [
    ("taskId", "string"),
    ("target", "map"),
    ("auditCheckToActionsMapping", "map"),
    ("clientRequestToken", "string"),
    ("region", "string"),
    ("approval", "map"),
];

/// The rules, all of the whole object.
pub(super) fn root() -> Vec<ValidationRule> {
    let mut rules: Vec<_> = FROZEN.into_iter().map(|(field, type_)| frozen(field, type_)).collect();
    rules.extend([
        no_suspend_after_start(),
        cancel_is_one_way(),
        name_fits_the_task_id(),
        there_is_a_spec(),
        target_is_not_empty(),
        findings_stand_alone(),
        approval_knows_its_findings(),
        percent_needs_an_audit(),
    ]);
    let filter = "spec.target.auditCheckToReasonCodeFilter";
    rules.extend(check_map("spec.auditCheckToActionsMapping", "actions"));
    rules.extend(check_map(filter, "reason codes"));
    rules.push(reason_codes_fit(filter));
    rules.into_iter().map(asked_of_a_changed_spec).collect()
}

/// `field` can't change, appear or disappear after the start. An old value that isn't of its type, or is missing where
/// one is required, may be corrected.
fn frozen(field: &str, type_: &str) -> ValidationRule {
    let path = format!("spec.{field}");
    let old = at(OLD, &path);
    let was_broken = match field {
        "target" | "auditCheckToActionsMapping" => format!("!{}", is(&old, type_)),
        _ => format!("!{} || {}", is(&at(OLD, "spec"), "map"), is_not(&old, type_)),
    };
    let is_same = match field {
        "target" => format!("{} || {}", unchanged(&path), same_target()),
        _ => unchanged(&path),
    };
    rule(
        Some(&path),
        format!("!({}) || {is_same} || {was_broken}", started()),
        format!(
            "{field} is immutable once the task has been started (see status): \
             put it back as it was, and create a resource with another name for another task"
        ),
    )
}

/// Sets compare without their order, as in the hash of the task id, when they are compared as what the schema says. What
/// isn't that is an error here, and no rule that could lock it in: it is not unchanged.
fn same_target() -> String {
    format!(
        "({} && {} && self.spec.target == oldSelf.value().spec.target)",
        is(&at(NEW, "spec.target"), "map"),
        is(&at(OLD, "spec.target"), "map")
    )
}

/// `suspend` holds a start back; after it, it would promise a pause that the service doesn't have.
fn no_suspend_after_start() -> ValidationRule {
    rule(
        Some("spec.suspend"),
        format!(
            "!({}) || {} || !{}",
            started(),
            is_true(OLD, "spec.suspend"),
            is_true(NEW, "spec.suspend")
        ),
        "suspend is immutable once the task has been started, a task can't be paused: \
         leave it false, or set cancel to true to cancel the task",
    )
}

/// A cancellation can't be called back, so the spec must not look as if it could.
fn cancel_is_one_way() -> ValidationRule {
    rule(
        Some("spec.cancel"),
        format!("!{} || {}", is_true(OLD, "spec.cancel"), is_true(NEW, "spec.cancel")),
        "cancel is immutable once it is true, a cancelled task can't be resumed: \
         leave it true, and create a resource with another name for another task",
    )
}

/// The default task id must fit the service's 128 characters: namespace (63), name, hash (10), two underscores.
fn name_fits_the_task_id() -> ValidationRule {
    rule(
        None,
        format!(
            "size(self.metadata.name) <= {MAX_NAME_LENGTH_WITHOUT_TASK_ID} || {} || (oldSelf.hasValue() && !{})",
            has(NEW, "spec.taskId"),
            has(OLD, "spec.taskId")
        ),
        format!(
            "without spec.taskId the name may have at most {MAX_NAME_LENGTH_WITHOUT_TASK_ID} characters, \
             since it becomes part of the task's id: shorten the name or set spec.taskId"
        ),
    )
}

/// Instead of `required` in the schema, which would refuse every write to an object that was stored without a spec.
fn there_is_a_spec() -> ValidationRule {
    rule(
        Some("spec"),
        format!("{} || (oldSelf.hasValue() && !{})", has(NEW, "spec"), has(OLD, "spec")),
        "there is no spec: write spec with target and auditCheckToActionsMapping",
    )
}

fn target_is_not_empty() -> ValidationRule {
    let members = ["auditTaskId", "findingIds", "auditCheckToReasonCodeFilter"];
    let members = members.map(|member| has(NEW, &format!("spec.target.{member}")));
    rule(
        Some("spec.target"),
        format!(
            "!{} || {} || {}",
            is(&at(NEW, "spec.target"), "map"),
            members.join(" || "),
            unchanged("spec.target")
        ),
        "target is empty: set auditTaskId, auditCheckToReasonCodeFilter, or both, or findingIds alone",
    )
}

/// The service documents no such use, and what it would do with both nobody knows.
fn findings_stand_alone() -> ValidationRule {
    rule(
        Some("spec.target"),
        format!(
            "!{} || (!{} && !{}) || {}",
            has(NEW, "spec.target.findingIds"),
            has(NEW, "spec.target.auditTaskId"),
            has(NEW, "spec.target.auditCheckToReasonCodeFilter"),
            unchanged("spec.target")
        ),
        "findingIds stands alone: remove auditTaskId and auditCheckToReasonCodeFilter, or remove findingIds",
    )
}

/// What a filter alone means, no document of the service settles, so nobody could say what is approved.
fn approval_knows_its_findings() -> ValidationRule {
    rule(
        Some("spec.approval"),
        format!(
            "!{} || {} || {} || {}",
            has(NEW, "spec.approval"),
            has(NEW, "spec.target.auditTaskId"),
            has(NEW, "spec.target.findingIds"),
            approval_and_target_unchanged()
        ),
        "approval needs findings that can be counted: set target.auditTaskId or target.findingIds, or remove approval",
    )
}

/// Only an audit says how many resources it looked at.
fn percent_needs_an_audit() -> ValidationRule {
    rule(
        Some("spec.approval.requiredAbove.percent"),
        format!(
            "!{} || {} || {}",
            has(NEW, "spec.approval.requiredAbove.percent"),
            has(NEW, "spec.target.auditTaskId"),
            approval_and_target_unchanged()
        ),
        "percent is a share of the resources that an audit looked at: set target.auditTaskId, or bound the findings \
         instead",
    )
}

fn approval_and_target_unchanged() -> String {
    format!("({} && {})", unchanged("spec.approval"), unchanged("spec.target"))
}

/// Whether there is a true at a path; whatever else is there isn't.
fn is_true(object: &str, path: &str) -> String {
    format!("({}.orValue(false) == true)", at(object, path))
}
