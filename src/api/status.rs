//! What happened: `status`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What happened, why, what comes next and when.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditMitigationTaskStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Where the task is in its life.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,

    /// The id that the service answered to the start, or that existed already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,

    /// The idempotency token that the start was sent with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,

    /// The AWS region that the task is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,

    /// Whether this resource started the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_by: Option<StartedBy>,

    /// A start whose answer is not known yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,

    /// When the task started, by the service's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,

    /// When the task ended, by the service's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,

    /// For each audit check, how many findings there are and how they ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub task_statistics: BTreeMap<String, FindingStatistics>,

    /// Findings that ended, whatever the ending, of all findings, as in `37/40`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,

    /// How many findings failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_findings: Option<i64>,

    /// Actions that failed, at most 25.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FindingFailure>,

    /// True when there may be more failures than are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures_truncated: Option<bool>,

    /// When the next attempt is made, while the controller waits to try again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_time: Option<Time>,

    /// The conditions Started, Complete, Failed, Finished, Ready, Reconciling and Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// Where a task is in its life.
#[derive(schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// About to be started, or held back by an answer of the service.
    Pending,
    /// Waits for one of the account's slots.
    Queued,
    /// Not started because `spec.suspend` is true.
    Suspended,
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

/// Whether this resource started its task.
#[derive(schemars::JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StartedBy {
    /// This resource's own start was answered with success, under its own token.
    #[serde(rename = "Self")]
    This,
    /// Anybody else, or nobody can tell: it is followed, and never cancelled.
    Other,
}

/// A start whose answer is not known yet.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The task id of the attempt.
    pub task_id: String,
    /// The hash of the whole request.
    pub request_hash: String,
    /// The AWS region that it was sent to.
    pub region: String,
    /// When the controller first recorded it as unanswered.
    pub time: Time,
}

/// How the findings of one audit check ended.
#[derive(KubeSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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
    /// Findings that were skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_findings_count: Option<i64>,
    /// Findings that a cancellation reached first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled_findings_count: Option<i64>,
}

/// An action that failed on a finding.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingFailure {
    /// The finding.
    pub finding_id: String,
    /// The audit check that found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_name: Option<String>,
    /// The mitigation action that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_name: Option<String>,
    /// The service's error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The service's message, at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
