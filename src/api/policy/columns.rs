//! The columns of `kubectl get`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceColumnDefinition;

use crate::api::columns::{self, Column};

/// Always shown; together they fit a terminal.
const NARROW: [Column; 7] = [
    (
        "Schedule",
        "string",
        ".spec.scheduledAuditName",
        "The scheduled audit whose audits are watched.",
    ),
    (
        "Compliant",
        "string",
        ".status.conditions[?(@.type==\"Compliant\")].status",
        "Whether the newest completed audit found every check of the mapping compliant.",
    ),
    (
        "Findings",
        "integer",
        ".status.findings",
        "How many findings the newest completed audit has of the checks of the mapping.",
    ),
    (
        "Last Audit",
        "date",
        ".status.audits[0].startTime",
        "How long ago the last audit began.",
    ),
    (
        "Task",
        "string",
        ".status.activeTask",
        "The task of this policy that has not ended.",
    ),
    (
        "Ready",
        "string",
        ".status.conditions[?(@.type==\"Ready\")].status",
        "Whether the audits are read and nothing is in the way.",
    ),
    (
        "Age",
        "date",
        ".metadata.creationTimestamp",
        "For how long this resource has existed.",
    ),
];

/// Shown with `-o wide`.
const WIDE: [Column; 3] = [
    (
        "Region",
        "string",
        ".status.watching.region",
        "The AWS region of the audits.",
    ),
    ("Suspend", "boolean", ".spec.suspend", "Whether no task is made."),
    (
        "Reason",
        "string",
        ".status.conditions[?(@.type==\"Ready\")].reason",
        "Why the resource is ready or not.",
    ),
];

/// The columns, in their order.
pub(super) fn columns() -> Vec<CustomResourceColumnDefinition> {
    columns::columns(&NARROW, &WIDE)
}
