//! The CEL rules of the CRD and the messages that people see when one refuses their manifest.
//!
//! How they are written, so that none locks in what was stored before it: see [`crate::api::cel`] and the rules of the task.
//! No field is frozen: an edit holds for the audits to come.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::ValidationRule;

use super::MAX_POLICY_NAME_LENGTH;
use crate::api::cel::{NEW, OLD, Rule, at, check_map, has, is, manifest, reason_codes_fit, unchanged, was_missing};

/// The mapping's path.
const MAPPING: &str = "spec.auditCheckToActionsMapping";

/// The filter's path.
const FILTER: &str = "spec.auditCheckToReasonCodeFilter";

/// The rules, as one of the whole object.
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
    vec![manifest(&rules)]
}

/// The name becomes part of the names of tasks, of a label and of ids, which must stay unambiguous. A name never changes.
fn name_fits_its_tasks() -> Rule {
    Rule::new(
        "metadata.name",
        format!("size(self.metadata.name) <= {MAX_POLICY_NAME_LENGTH} && !self.metadata.name.contains('.')"),
        format!(
            "the name may have at most {MAX_POLICY_NAME_LENGTH} characters and no dots, since it becomes part of the \
             names of its tasks: write lower-case letters, digits and hyphens"
        ),
    )
    .or_stored("oldSelf.hasValue()".to_owned())
}

/// Instead of `required` in the schema, which would refuse every write to an object that was stored without a spec.
fn there_is_a_spec() -> Rule {
    Rule::new(
        "spec",
        has(NEW, "spec"),
        "there is no spec: write spec with scheduledAuditName, auditCheckToActionsMapping and approval",
    )
    .or_stored(was_missing("spec"))
}

/// Nobody gets automation by leaving a field out.
fn approval_is_said() -> Rule {
    Rule::new(
        "spec.approval",
        format!("!{} || {}", has(NEW, "spec"), has(NEW, "spec.approval")),
        "approval is required, so that nothing starts by itself because a field was left out: write {} to have every \
         task approved, or requiredAbove with the bounds up to which tasks start by themselves",
    )
    .or_stored(format!("({} && {})", was_missing("spec.approval"), has(OLD, "spec")))
}

/// A check that only the filter names would look as if something were done about it.
fn filter_is_of_the_mapping() -> Rule {
    Rule::new(
        FILTER,
        format!(
            "!{} || !{} || self.{FILTER}.all(check, check in self.{MAPPING})",
            is(&at(NEW, FILTER), "map"),
            is(&at(NEW, MAPPING), "map")
        ),
        "auditCheckToReasonCodeFilter names a check that auditCheckToActionsMapping doesn't: \
         add its actions, or remove it from the filter",
    )
    .or_stored(format!("({} && {})", unchanged(FILTER), unchanged(MAPPING)))
}
