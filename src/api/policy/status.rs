//! What happened: `status`.
//!
//! The doc comments of the fields are the texts of `kubectl explain`. No value is restricted further than by its type:
//! a status that the API server refused would tell nobody anything.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of the audits, and what comes next.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditMitigationPolicyStatus {
    /// The metadata.generation that this status speaks of; while it differs, the status is older than the spec. -1:
    /// no operator has looked at this resource yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Which audits are watched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watching: Option<Watching>,

    /// The scheduled audit as AWS has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<WatchedSchedule>,

    /// The last 10 audits and what became of them, the newest first. What is not newer than the first is never looked at
    /// again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audits: Vec<AuditRecord>,

    /// How many findings the newest completed audit has of the checks of the mapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<i64>,

    /// The name of this policy's task that has not ended. Absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_task: Option<String>,

    /// Ready, Reconciling, Stalled and Compliant, each with the reason and a message that says what comes next. Compliant:
    /// the newest completed audit found every check of the mapping compliant. Wait for it to see that a mitigation helped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// Which audits are watched.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Watching {
    /// The name of the scheduled audit.
    pub scheduled_audit_name: String,
    /// The AWS region.
    pub region: String,
    /// Since when: audits that began before are never acted on. The creation of this resource, or the last change of
    /// schedule or region.
    pub since: Time,
}

/// A scheduled audit as AWS has it.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WatchedSchedule {
    /// How often it runs: DAILY, WEEKLY, BIWEEKLY or MONTHLY.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frequency: Option<String>,
    /// The audit checks that it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "atomic"))]
    pub checks: Vec<String>,
}

/// One audit, and what became of it.
#[derive(JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// The id of the audit.
    pub audit_task_id: String,
    /// When it began, by the service's clock.
    pub start_time: MicroTime,
    /// What became of it.
    pub outcome: AuditOutcome,
    /// Why, with the checks that it is about: Suspended, `TooOld`, Superseded, `NameTaken`; `NoFindings`, or `CheckNotAudited` or
    /// `CheckFailed` with checks; Failed or Canceled with the error codes of checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For each check of the mapping that was not compliant, how many resources weren't.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub findings: BTreeMap<String, i64>,
    /// The name of the task that was made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

// In the schema the text of an enum type stands in place of its field's.
/// What became of the audit. `TaskCreated`: a task was made for its findings. Compliant: no check of the mapping was
/// non-compliant. Skipped: no task was made, or it was deleted before it had started; reason says why. `AuditFailed`: it
/// failed or was cancelled in AWS.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AuditOutcome {
    /// A task was made for its findings.
    TaskCreated,
    /// No check of the mapping was non-compliant.
    Compliant,
    /// No task was made, or it was deleted before it had started.
    Skipped,
    /// It failed or was cancelled in AWS.
    AuditFailed,
}

impl AuditOutcome {
    /// Every outcome there is, for metrics.
    pub const ALL: [Self; 4] = [Self::TaskCreated, Self::Compliant, Self::Skipped, Self::AuditFailed];

    /// As it stands in the status.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TaskCreated => "TaskCreated",
            Self::Compliant => "Compliant",
            Self::Skipped => "Skipped",
            Self::AuditFailed => "AuditFailed",
        }
    }
}
