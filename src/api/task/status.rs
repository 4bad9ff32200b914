//! What happened: `status`.
//!
//! The doc comments of the fields are the texts of `kubectl explain`. No value is restricted further than by its type:
//! a status that the API server refused would tell nobody anything.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plan::MitigationPlan;

/// What happened, why, what comes next and when.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditMitigationTaskStatus {
    /// The metadata.generation that this status speaks of; while it differs, the status is older than the spec. -1:
    /// no operator has looked at this resource yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Where the task is in its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,

    /// The id of the task in AWS: what the start was answered with, or the id that existed already. Once it is set,
    /// the spec's request can't be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,

    /// The idempotency token that the start was sent with. It stays, whatever the spec's default becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,

    /// The AWS region that the task is in. It stays, whatever the operator's default becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,

    /// Whether this resource started the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<StartedBy>,

    /// A start that was sent and whose answer nobody saw. It is open until AWS shows whether the task exists;
    /// meanwhile the spec's request can't be changed. Absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,

    /// What the task would do, or did: made before the start where spec.approval is set. It belongs to the generation
    /// that the condition Approved names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<MitigationPlan>,

    /// When the task started, by the service's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,

    /// When the task ended, by the service's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,

    /// For each audit check, how many findings the task covers and how they ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub task_statistics: BTreeMap<String, FindingStatistics>,

    /// How many findings have ended, whatever the ending, of all findings, as in 37/40.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,

    /// How many findings have failed: at least one action could not be applied to them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_findings: Option<i64>,

    /// The actions that failed, at most 25 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FindingFailure>,

    /// True when there may be more failures than are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures_truncated: Option<bool>,

    /// When the next attempt is made, while the controller waits to try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_time: Option<Time>,

    /// Started, Complete, Failed, Finished, Ready, Reconciling and Stalled, and with spec.approval Approved, each with
    /// the reason and a message that says what comes next. Wait for Complete, or for Finished to see every ending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

// In the schema the text of an enum type stands in place of its field's.
/// Where the task is in its life. Pending: about to be started, or held back by an answer of the service. Queued:
/// waits for one of the account's slots. Suspended: not started, by spec. `AwaitingApproval`: not started until a person
/// approves the plan in status.plan. Running, Canceling: runs in AWS. Completed:
/// every action was applied. Failed: at least one action failed. Canceled: cancelled, perhaps before the start.
/// Rejected: refused by the service, nothing was started. Conflict: the task id belongs to a task that does something
/// else. Unknown: the operator can't know, the condition Ready says why and what to do.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// About to be started, or held back by an answer of the service.
    Pending,
    /// Waits for one of the account's slots.
    Queued,
    /// Not started because `spec.suspend` is true.
    Suspended,
    /// Not started because the plan is beyond the bounds of `spec.approval` and nobody has approved it.
    AwaitingApproval,
    /// Runs in AWS.
    Running,
    /// Runs in AWS and is being cancelled.
    Canceling,
    /// Ended; every action was applied.
    Completed,
    /// Ended; at least one action failed on at least one finding.
    Failed,
    /// Cancelled, or never started because it was cancelled before.
    Canceled,
    /// Refused by the service; nothing was started.
    Rejected,
    /// The task id belongs to a task that does something else.
    Conflict,
    /// The controller can't know; the message says why and what to do.
    Unknown,
}

impl Phase {
    /// Every phase there is, for tables and metrics.
    pub const ALL: [Self; 12] = [
        Self::Pending,
        Self::Queued,
        Self::Suspended,
        Self::AwaitingApproval,
        Self::Running,
        Self::Canceling,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::Rejected,
        Self::Conflict,
        Self::Unknown,
    ];
}

/// Self: this resource started the task. Other: anybody else did, or nobody can tell; the task is followed to its end
/// and never cancelled.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartedBy {
    /// This resource's own start was answered with success, under its own token.
    #[serde(rename = "Self")]
    This,
    /// Anybody else, or nobody can tell: it is followed, and never cancelled.
    Other,
}

/// A start that was sent and whose answer nobody saw.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The task id that it was sent with.
    pub task_id: String,
    /// The SHA-256 of the whole request, in hexadecimal: tells whether the spec still asks for the same.
    pub request_hash: String,
    /// The AWS region that it was sent to.
    pub region: String,
    /// When the controller first recorded it as unanswered.
    pub time: Time,
}

/// How the findings of one audit check ended.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names, reason = "the service's own names")]
pub struct FindingStatistics {
    /// All findings of the check that the task covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_findings_count: Option<i64>,
    /// Findings on which an action failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_findings_count: Option<i64>,
    /// Findings to which every action was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_findings_count: Option<i64>,
    /// Findings that the filter of the request left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_findings_count: Option<i64>,
    /// Findings that a cancellation reached first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled_findings_count: Option<i64>,
}

/// An action that failed on a finding.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingFailure {
    /// The id of the finding.
    pub finding_id: String,
    /// The audit check that found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_name: Option<String>,
    /// The mitigation action that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_name: Option<String>,
    /// The service's error code, as in `INSUFFICIENT_PERMISSIONS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The service's message, cut after 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
