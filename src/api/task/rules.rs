//! The CEL rules of the CRD and the messages that people see when one refuses their manifest.
//!
//! Where a rule stands decides what it can lock in. Below the root the API server lets an unchanged value that
//! violates a rule pass (ratcheting). At the root nothing is unchanged when the status or a finalizer is written, so
//! a rule there has to tolerate what was stored before it: it either compares with the old object (a transition) or
//! takes `optionalOldSelf` and lets an old violation stand.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;

use super::MAX_NAME_LENGTH_WITHOUT_TASK_ID;

/// CEL: a start was sent, perhaps, and the request must stay what it was. In Conflict nothing of this resource was
/// started: the id belongs to another task, and the way out is to edit the spec.
const STARTED: &str = "has(oldSelf.status) && (has(oldSelf.status.taskId) || has(oldSelf.status.attempt)) \
                       && oldSelf.status.?phase.orValue('') != 'Conflict'";

/// The members of spec that make the request of the start.
const FROZEN: [&str; 5] = [
    "taskId",
    "target",
    "auditCheckToActionsMapping",
    "clientRequestToken",
    "region",
];

/// Rules of the whole object: those that look at spec and status together, at the name, or at the old spec.
pub(super) fn root() -> Vec<ValidationRule> {
    let mut rules: Vec<_> = FROZEN.into_iter().map(frozen).collect();
    rules.extend([no_suspend_after_start(), cancel_is_one_way(), name_fits_the_task_id()]);
    rules
}

/// Rules of `spec.target`.
pub(super) fn target() -> Vec<ValidationRule> {
    vec![
        rule(
            "has(self.auditTaskId) || has(self.findingIds) || has(self.auditCheckToReasonCodeFilter)",
            "target is empty: set auditTaskId, auditCheckToReasonCodeFilter, or both, or findingIds alone",
        ),
        // The service documents no such use, and what it would do with both nobody knows.
        rule(
            "!has(self.findingIds) || (!has(self.auditTaskId) && !has(self.auditCheckToReasonCodeFilter))",
            "findingIds stands alone: remove auditTaskId and auditCheckToReasonCodeFilter, or remove findingIds",
        ),
    ]
}

/// Rules of a map from checks to `what` (actions, reason codes).
pub(super) fn check_map(what: &str) -> Vec<ValidationRule> {
    vec![
        rule(
            "self.all(check, check != '')",
            "the name of an audit check is empty: write the name, as in LOGGING_DISABLED_CHECK",
        ),
        // The list is nullable in the schema only so that this rule gets to see the null. dyn(): a list is never
        // null for CEL's type checker.
        rule(
            "self.all(check, dyn(self[check]) != null)",
            format!("the {what} of an audit check are null: list at least one, or remove the check"),
        ),
    ]
}

/// `field` can't change, appear or disappear after the start. Sets compare without their order, as in the hash of the
/// task id. Not written as a comparison of optionals (`.?`): the API server takes their size for unbounded, and the
/// rule for too expensive.
fn frozen(field: &str) -> ValidationRule {
    let (new, old) = (format!("self.spec.{field}"), format!("oldSelf.spec.{field}"));
    ValidationRule {
        field_path: Some(format!(".spec.{field}")),
        ..rule(
            format!("!({STARTED}) || (has({new}) == has({old}) && (!has({new}) || {new} == {old}))"),
            format!(
                "{field} is immutable once the task has been started (see status): \
                 put it back as it was, and create a resource with another name for another task"
            ),
        )
    }
}

/// `suspend` holds a start back; after it, it would promise a pause that the service doesn't have.
fn no_suspend_after_start() -> ValidationRule {
    ValidationRule {
        field_path: Some(".spec.suspend".to_owned()),
        ..rule(
            format!("!({STARTED}) || !self.spec.?suspend.orValue(false) || oldSelf.spec.?suspend.orValue(false)"),
            "suspend is immutable once the task has been started, a task can't be paused: \
             leave it false, or set cancel to true to cancel the task",
        )
    }
}

/// A cancellation can't be called back, so the spec must not look as if it could.
///
/// It looks at the old value whatever the status says, and so must never change its type: CEL ends with an error on a
/// stored value of another type, which would lock the object in.
fn cancel_is_one_way() -> ValidationRule {
    ValidationRule {
        field_path: Some(".spec.cancel".to_owned()),
        ..rule(
            "!oldSelf.spec.?cancel.orValue(false) || self.spec.?cancel.orValue(false)",
            "cancel is immutable once it is true, a cancelled task can't be resumed: \
             leave it true, and create a resource with another name for another task",
        )
    }
}

/// The default task id must fit the service's 128 characters: namespace (63), name, hash (10), two underscores. Not a
/// transition, so it lets pass what was like that before.
fn name_fits_the_task_id() -> ValidationRule {
    let too_long = |object: &str| {
        format!("(!has({object}.spec.taskId) && size({object}.metadata.name) > {MAX_NAME_LENGTH_WITHOUT_TASK_ID})")
    };
    ValidationRule {
        optional_old_self: Some(true),
        ..rule(
            format!(
                "!{} || (oldSelf.hasValue() && {})",
                too_long("self"),
                too_long("oldSelf.value()")
            ),
            format!(
                "without spec.taskId the name may have at most {MAX_NAME_LENGTH_WITHOUT_TASK_ID} characters, \
                 since it becomes part of the task's id: shorten the name or set spec.taskId"
            ),
        )
    }
}

fn rule(cel: impl Into<String>, message: impl Into<String>) -> ValidationRule {
    ValidationRule {
        rule: cel.into(),
        message: Some(message.into()),
        ..ValidationRule::default()
    }
}
