//! What a person asks for: `spec`.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::status::AuditMitigationTaskStatus;

/// One run of mitigation actions over findings of an AWS IoT Device Defender audit.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "devicedefender.dev",
    version = "v1alpha1",
    kind = "AuditMitigationTask",
    plural = "auditmitigationtasks",
    shortname = "amt",
    category = "devicedefender",
    namespaced,
    status = "AuditMitigationTaskStatus",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct AuditMitigationTaskSpec {
    /// The id of the task in AWS, unique in its account and region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_id: Option<String>,

    /// Which findings the actions are applied to.
    pub target: Target,

    /// For each audit check, the names of the mitigation actions to apply, in this order.
    pub audit_check_to_actions_mapping: BTreeMap<String, Vec<String>>,

    /// The idempotency token of the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_token: Option<String>,

    /// The AWS region of the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,

    /// While true, nothing is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// True cancels the running task and keeps the resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<bool>,

    /// What happens to a running task when the resource is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// How many seconds after its start the task is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<i64>,

    /// How many seconds after the end the resource is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<i64>,
}

/// Which findings the actions are applied to.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// The id of the audit whose findings are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_task_id: Option<String>,

    /// The ids of single findings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding_ids: Option<Vec<String>>,

    /// For each audit check, the reason codes of the findings that are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit_check_to_reason_code_filter: Option<BTreeMap<String, Vec<String>>>,
}

/// What happens to a running task when the resource is deleted.
#[derive(schemars::JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletionPolicy {
    /// The task is cancelled.
    #[default]
    Cancel,
    /// The task runs on.
    Orphan,
}
