//! The CEL rules of the CRD and the messages that people see when one refuses their manifest.
//!
//! No rule may lock in what was stored before it: else the status of such an object can't be written, its finalizer not
//! be removed, nor the object be corrected. Two things decide how the rules are written.
//!
//! Below the root the API server lets an unchanged value pass that violates a rule (ratcheting), but not one on which
//! the rule ends with an *error*, as it does on a text where an object is expected. So every rule stands at the root and
//! looks at the object in ways that can't fail, see [`crate::api::cel`].
//!
//! At the root nothing is unchanged when the status or a finalizer is written. So the rules say themselves that what is
//! unchanged passes.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;

use super::MAX_NAME_LENGTH_WITHOUT_TASK_ID;
use crate::api::cel::{
    NEW, Rule, STORED, at, check_map, has, is, is_not, manifest, reason_codes_fit, transition, unchanged,
    unchanged_stored, was_missing,
};

/// CEL: a start was sent, perhaps, and the request must stay what it was. In Conflict nothing of this resource was
/// started: the id belongs to another task, and the way out is to edit the spec.
fn started() -> String {
    format!(
        "({} || {}) && {}.orValue('') != 'Conflict'",
        has(STORED, "status.taskId"),
        has(STORED, "status.attempt"),
        at(STORED, "status.phase")
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

/// The rules, both of the whole object.
pub(super) fn root() -> Vec<ValidationRule> {
    let mut edits: Vec<_> = FROZEN.into_iter().map(|(field, type_)| frozen(field, type_)).collect();
    edits.extend([no_suspend_after_start(), cancel_is_one_way()]);
    let filter = "spec.target.auditCheckToReasonCodeFilter";
    let mut manifests = vec![
        name_fits_the_task_id(),
        there_is_a_spec(),
        target_is_not_empty(),
        findings_stand_alone(),
        approval_knows_its_findings(),
        percent_needs_an_audit(),
    ];
    manifests.extend(check_map("spec.auditCheckToActionsMapping", "actions"));
    manifests.extend(check_map(filter, "reason codes"));
    manifests.push(reason_codes_fit(filter));
    vec![transition(&edits), manifest(&manifests)]
}

/// `field` can't change, appear or disappear after the start. An old value that isn't of its type, or is missing where
/// one is required, may be corrected.
fn frozen(field: &str, type_: &str) -> Rule {
    let path = format!("spec.{field}");
    let old = at(STORED, &path);
    let was_broken = match field {
        "target" | "auditCheckToActionsMapping" => format!("!{}", is(&old, type_)),
        _ => format!("!{} || {}", is(&at(STORED, "spec"), "map"), is_not(&old, type_)),
    };
    let is_same = match field {
        "target" => format!("{} || {}", unchanged_stored(&path), same_target()),
        _ => unchanged_stored(&path),
    };
    Rule::new(
        &*path,
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
        "({} && {} && self.spec.target == oldSelf.spec.target)",
        is(&at(NEW, "spec.target"), "map"),
        is(&at(STORED, "spec.target"), "map")
    )
}

/// `suspend` holds a start back; after it, it would promise a pause that the service doesn't have.
fn no_suspend_after_start() -> Rule {
    Rule::new(
        "spec.suspend",
        format!(
            "!({}) || {} || !{}",
            started(),
            is_true(STORED, "spec.suspend"),
            is_true(NEW, "spec.suspend")
        ),
        "suspend is immutable once the task has been started, a task can't be paused: \
         leave it false, or set cancel to true to cancel the task",
    )
}

/// A cancellation can't be called back, so the spec must not look as if it could.
fn cancel_is_one_way() -> Rule {
    Rule::new(
        "spec.cancel",
        format!("!{} || {}", is_true(STORED, "spec.cancel"), is_true(NEW, "spec.cancel")),
        "cancel is immutable once it is true, a cancelled task can't be resumed: \
         leave it true, and create a resource with another name for another task",
    )
}

/// The default task id must fit the service's 128 characters: namespace (63), name, hash (10), two underscores.
fn name_fits_the_task_id() -> Rule {
    Rule::new(
        "metadata.name",
        format!(
            "size(self.metadata.name) <= {MAX_NAME_LENGTH_WITHOUT_TASK_ID} || {}",
            has(NEW, "spec.taskId")
        ),
        format!(
            "without spec.taskId the name may have at most {MAX_NAME_LENGTH_WITHOUT_TASK_ID} characters, \
             since it becomes part of the task's id: shorten the name or set spec.taskId"
        ),
    )
    .or_stored(was_missing("spec.taskId"))
}

/// Instead of `required` in the schema, which would refuse every write to an object that was stored without a spec.
fn there_is_a_spec() -> Rule {
    Rule::new(
        "spec",
        has(NEW, "spec"),
        "there is no spec: write spec with target and auditCheckToActionsMapping",
    )
    .or_stored(was_missing("spec"))
}

fn target_is_not_empty() -> Rule {
    let members = ["auditTaskId", "findingIds", "auditCheckToReasonCodeFilter"];
    let members = members.map(|member| has(NEW, &format!("spec.target.{member}")));
    Rule::new(
        "spec.target",
        format!("!{} || {}", is(&at(NEW, "spec.target"), "map"), members.join(" || ")),
        "target is empty: set auditTaskId, auditCheckToReasonCodeFilter, or both, or findingIds alone",
    )
    .or_stored(unchanged("spec.target"))
}

/// The service documents no such use, and what it would do with both nobody knows.
fn findings_stand_alone() -> Rule {
    Rule::new(
        "spec.target",
        format!(
            "!{} || (!{} && !{})",
            has(NEW, "spec.target.findingIds"),
            has(NEW, "spec.target.auditTaskId"),
            has(NEW, "spec.target.auditCheckToReasonCodeFilter")
        ),
        "findingIds stands alone: remove auditTaskId and auditCheckToReasonCodeFilter, or remove findingIds",
    )
    .or_stored(unchanged("spec.target"))
}

/// What a filter alone means, no document of the service settles, so nobody could say what is approved.
fn approval_knows_its_findings() -> Rule {
    Rule::new(
        "spec.approval",
        format!(
            "!{} || {} || {}",
            has(NEW, "spec.approval"),
            has(NEW, "spec.target.auditTaskId"),
            has(NEW, "spec.target.findingIds")
        ),
        "approval needs findings that can be counted: set target.auditTaskId or target.findingIds, or remove approval",
    )
    .or_stored(approval_and_target_unchanged())
}

/// Only an audit says how many resources it looked at.
fn percent_needs_an_audit() -> Rule {
    Rule::new(
        "spec.approval.requiredAbove.percent",
        format!(
            "!{} || {}",
            has(NEW, "spec.approval.requiredAbove.percent"),
            has(NEW, "spec.target.auditTaskId")
        ),
        "percent is a share of the resources that an audit looked at: set target.auditTaskId, or bound the findings \
         instead",
    )
    .or_stored(approval_and_target_unchanged())
}

fn approval_and_target_unchanged() -> String {
    format!("({} && {})", unchanged("spec.approval"), unchanged("spec.target"))
}

/// Whether there is a true at a path; whatever else is there isn't.
fn is_true(object: &str, path: &str) -> String {
    format!("({}.orValue(false) == true)", at(object, path))
}
