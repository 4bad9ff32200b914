//! What a person asks for: `spec`.
//!
//! The doc comments of the fields are the texts of `kubectl explain`: what a field is, its unit, its default.
//! What a single value may be stands here; rules that look at several fields are in `rules.rs`.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::AuditMitigationPolicyStatus;
use crate::api::approval::Approval;
use crate::api::deletion_policy::DeletionPolicy;
use crate::api::schema::{ID_PATTERN, check_to_actions, check_to_reason_codes};

/// What is done about the findings of each audit of one schedule.
#[derive(CustomResource, JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "devicedefender.dev",
    version = "v1alpha1",
    kind = "AuditMitigationPolicy",
    plural = "auditmitigationpolicies",
    shortname = "amp",
    category = "devicedefender",
    namespaced,
    status = "AuditMitigationPolicyStatus",
    derive = "PartialEq",
    doc = "What is done about the findings of each audit of one AWS IoT Device Defender schedule: after each audit with findings, one AuditMitigationTask is made. Audits from before the policy don't count, and of several only the newest does. An edit holds for the audits to come and never changes a task that exists."
)]
#[serde(rename_all = "camelCase")]
pub struct AuditMitigationPolicySpec {
    /// The name of the scheduled audit in AWS, as in `AWSIoTDeviceDefenderDailyAudit`. Only audits of this schedule count,
    /// none that somebody starts by hand. At most 128 letters, digits, underscores and hyphens.
    #[schemars(length(min = 1, max = 128), regex(pattern = ID_PATTERN))]
    pub scheduled_audit_name: String,

    /// The AWS region of the audits and of the tasks, as in eu-central-1. Default: the region that the operator runs
    /// with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = "^[a-z]{2,}(-[a-z0-9]+)+$"))]
    pub region: Option<String>,

    /// For each audit check, as in `LOGGING_DISABLED_CHECK`, the names of 1 to 5 mitigation actions that are defined
    /// in the AWS account. They are applied to a finding in the order given here; when one fails, the later ones
    /// are skipped for that finding. 1 to 32 checks. A task has those of them that the audit found non-compliant.
    #[schemars(schema_with = "check_to_actions")]
    pub audit_check_to_actions_mapping: BTreeMap<String, Vec<String>>,

    /// For each of 1 to 32 audit checks of the mapping, 1 to 25 reason codes: only findings with one of them are meant,
    /// as in `CERTIFICATE_PAST_EXPIRATION` of `DEVICE_CERTIFICATE_EXPIRING_CHECK`. Default: findings of every reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "check_to_reason_codes")]
    pub audit_check_to_reason_code_filter: Option<BTreeMap<String, Vec<String>>>,

    /// Which tasks start by themselves, and which wait for the approval of a person. Required. An empty object: every
    /// one has to be approved. To have none wait, set requiredAbove to percent 100. plan approves that plan of a task of
    /// this policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,

    /// While true, audits are read and noted with their findings, and no task is made for them, then or later. Tasks that
    /// exist go on. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// How many seconds after its start an audit is still acted on, from 60 to 6912000 (80 days). Default: one period of
    /// the schedule: 1, 7, 14 or 31 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 6_912_000))]
    pub starting_deadline_seconds: Option<i64>,

    /// How many Completed tasks of this policy are kept; the oldest are deleted. 0 to 100. Default: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub successful_tasks_history_limit: Option<i64>,

    /// How many tasks of this policy are kept that ended in any other way; the oldest are deleted. 0 to 100. Default: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub failed_tasks_history_limit: Option<i64>,

    /// What happens to a running task when it is deleted, by itself or with this policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// How many seconds after its startTime a task is cancelled, if it still runs. At least 1. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub active_deadline_seconds: Option<i64>,
}
