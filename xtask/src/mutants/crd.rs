//! Rules of the custom resource, in the definition as it is installed.

use super::{Mutant, Tests, cluster, mutant};

const CRD: &str = "crds/auditmitigationtasks.yaml";

const EDITS: Tests = cluster(&["crd::edits"]);

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "the-task-id-changes-after-the-start",
        "taskId is immutable once the task has been started",
        CRD,
        "|| (has(self.spec.taskId) ==",
        "|| true || (has(self.spec.taskId) ==",
    )
    .by(EDITS),
    mutant(
        "the-target-changes-after-the-start",
        "target is immutable once the task has been started",
        CRD,
        "|| (has(self.spec.target) ==",
        "|| true || (has(self.spec.target) ==",
    )
    .by(EDITS),
    mutant(
        "the-actions-changes-after-the-start",
        "auditCheckToActionsMapping is immutable once the task has been started",
        CRD,
        "|| (has(self.spec.auditCheckToActionsMapping) ==",
        "|| true || (has(self.spec.auditCheckToActionsMapping) ==",
    )
    .by(EDITS),
    mutant(
        "the-token-changes-after-the-start",
        "clientRequestToken is immutable once the task has been started",
        CRD,
        "|| (has(self.spec.clientRequestToken) ==",
        "|| true || (has(self.spec.clientRequestToken) ==",
    )
    .by(EDITS),
    mutant(
        "the-region-changes-after-the-start",
        "region is immutable once the task has been started",
        CRD,
        "|| (has(self.spec.region) ==",
        "|| true || (has(self.spec.region) ==",
    )
    .by(EDITS),
    mutant(
        "an-open-attempt-is-edited",
        "the request is immutable while an attempt is open",
        CRD,
        "!(has(oldSelf.status) && (has(oldSelf.status.taskId) || has(oldSelf.status.attempt)) && oldSelf.status.?phase.orValue('') != 'Conflict') || (has(self.spec.taskId) ==",
        "!(has(oldSelf.status) && has(oldSelf.status.taskId) && oldSelf.status.?phase.orValue('') != 'Conflict') || (has(self.spec.taskId) ==",
    )
    .by(EDITS),
    mutant(
        "a-conflict-is-locked-in",
        "a conflict is corrected in place",
        CRD,
        "!(has(oldSelf.status) && (has(oldSelf.status.taskId) || has(oldSelf.status.attempt)) && oldSelf.status.?phase.orValue('') != 'Conflict') || (has(self.spec.taskId) ==",
        "!(has(oldSelf.status) && (has(oldSelf.status.taskId) || has(oldSelf.status.attempt))) || (has(self.spec.taskId) ==",
    )
    .by(EDITS),
    mutant(
        "suspended-after-the-start",
        "suspend holds back a start, and promises no pause after it",
        CRD,
        "|| !self.spec.?suspend.orValue(false)",
        "|| true || !self.spec.?suspend.orValue(false)",
    )
    .by(EDITS),
    mutant(
        "cancel-is-taken-back",
        "cancel is one way",
        CRD,
        "rule: \"!oldSelf.spec.?cancel",
        "rule: \"true || !oldSelf.spec.?cancel",
    )
    .by(EDITS),
    mutant(
        "a-name-that-is-too-long-for-an-id",
        "the default task id fits the service",
        CRD,
        "rule: \"!(!has(self.spec.taskId)",
        "rule: \"true || !(!has(self.spec.taskId)",
    )
    .by(cluster(&["crd::names"])),
    mutant(
        "what-was-stored-before-a-rule-is-locked-in",
        "a rule at the root lets stand what was stored before it",
        CRD,
        "(oldSelf.hasValue() && (",
        "(false && (",
    )
    .by(cluster(&["crd::stored"])),
    mutant(
        "a-null-list-is-dropped",
        "a null list is refused, or the API server would drop it and its check",
        CRD,
        "actions of an audit check are null: list at least one, or remove the check\"\n                  rule: self",
        "actions of an audit check are null: list at least one, or remove the check\"\n                  rule: true || self",
    )
    .by(cluster(&["crd::nulls"])),
    mutant(
        "a-target-of-nothing",
        "a target has at least one member",
        CRD,
        "                    has(self.auditTaskId) || has(self.findingIds) ||",
        "                    true || has(self.auditTaskId) || has(self.findingIds) ||",
    )
    .by(cluster(&["crd::values"])),
    mutant(
        "findings-beside-an-audit",
        "finding ids stand alone",
        CRD,
        "rule: \"!has(self.findingIds)",
        "rule: \"true || !has(self.findingIds)",
    )
    .by(cluster(&["crd::values"])),
    mutant(
        "a-new-resource-says-nothing",
        "a new resource says that nobody has looked at it",
        CRD,
        "            default:\n              observedGeneration: -1\n",
        "",
    )
    .by(cluster(&["crd::defaults"])),
];
