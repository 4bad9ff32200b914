//! The columns of `kubectl get`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceColumnDefinition;

use crate::api::columns::{self, Column};

/// Always shown; together they fit a terminal.
const NARROW: [Column; 5] = [
    ("Phase", "string", ".status.phase", "Where the task is in its life."),
    ("Task ID", "string", ".status.taskId", "The id of the task in AWS."),
    (
        "Progress",
        "string",
        ".status.progress",
        "Findings that ended, whatever the ending, of all findings.",
    ),
    (
        "Failed",
        "integer",
        ".status.failedFindings",
        "How many findings failed.",
    ),
    (
        "Age",
        "date",
        ".metadata.creationTimestamp",
        "For how long this resource has existed.",
    ),
];

/// Shown with `-o wide`.
const WIDE: [Column; 5] = [
    ("Region", "string", ".status.region", "The AWS region of the task."),
    (
        "Started By",
        "string",
        ".status.startedBy",
        "Self: this resource started the task. Other: anybody else.",
    ),
    ("Start", "date", ".status.startTime", "How long ago the task started."),
    (
        "Completion",
        "date",
        ".status.completionTime",
        "How long ago the task ended.",
    ),
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
