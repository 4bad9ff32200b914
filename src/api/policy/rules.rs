//! The CEL rules of the CRD and the messages that people see when one refuses their manifest.
//!
//! How they are written, so that none locks in what was stored before it: see [`crate::api::cel`] and the rules of the task.
//! No field is frozen: an edit holds for the audits to come.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;

use super::MAX_POLICY_NAME_LENGTH;
use crate::api::cel::{NEW, OLD, asked_of_a_changed_spec, at, check_map, has, is, reason_codes_fit, rule, unchanged};

/// The mapping's path.
const MAPPING: &str = "spec.auditCheckToActionsMapping";

/// The filter's path.
const FILTER: &str = "spec.auditCheckToReasonCodeFilter";

/// The rules, all of the whole object.
pub(super) fn root() -> Vec<ValidationRule> {
    let mut rules = vec![
        name_fits_its_tasks(),
        there_is_a_spec(),
        approval_is_said(),
        filter_is_of_the_mapping(),
    ];
    rules.extend(check_map(MAPPING, "actions"));
    rules.extend(check_map(FILTER, "reason codes"));
    rules.push(reason_codes_fit(FILTER));
    rules.into_iter().map(asked_of_a_changed_spec).collect()
}

/// The name becomes part of the names of tasks, of a label and of ids, which must stay unambiguous. A name never changes.
fn name_fits_its_tasks() -> ValidationRule {
    rule(
        None,
        format!(
            "oldSelf.hasValue() || (size(self.metadata.name) <= {MAX_POLICY_NAME_LENGTH} && \
             !self.metadata.name.contains('.'))"
        ),
        format!(
            "the name may have at most {MAX_POLICY_NAME_LENGTH} characters and no dots, since it becomes part of the \
             names of its tasks: write lower-case letters, digits and hyphens"
        ),
    )
}

/// Instead of `required` in the schema, which would refuse every write to an object that was stored without a spec.
fn there_is_a_spec() -> ValidationRule {
    rule(
        Some("spec"),
        format!("{} || (oldSelf.hasValue() && !{})", has(NEW, "spec"), has(OLD, "spec")),
        "there is no spec: write spec with scheduledAuditName, auditCheckToActionsMapping and approval",
    )
}

/// Nobody gets automation by leaving a field out.
fn approval_is_said() -> ValidationRule {
    rule(
        Some("spec.approval"),
        format!(
            "!{} || {} || (oldSelf.hasValue() && {} && !{})",
            has(NEW, "spec"),
            has(NEW, "spec.approval"),
            has(OLD, "spec"),
            has(OLD, "spec.approval")
        ),
        "approval is required, so that nothing starts by itself because a field was left out: write {} to have every \
         task approved, or requiredAbove with the bounds up to which tasks start by themselves",
    )
}

/// A check that only the filter names would look as if something were done about it.
fn filter_is_of_the_mapping() -> ValidationRule {
    rule(
        Some(FILTER),
        format!(
            "!{} || !{} || self.{FILTER}.all(check, check in self.{MAPPING}) || ({} && {})",
            is(&at(NEW, FILTER), "map"),
            is(&at(NEW, MAPPING), "map"),
            unchanged(FILTER),
            unchanged(MAPPING)
        ),
        "auditCheckToReasonCodeFilter names a check that auditCheckToActionsMapping doesn't: \
         add its actions, or remove it from the filter",
    )
}
