//! What a person asks for: `spec`.
//!
//! The doc comments of the fields are the texts of `kubectl explain`: what a field is, its unit, its default.
//! What a single value may be stands here; rules that look at several fields or at the old object are in
//! `rules.rs`.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::AuditMitigationTaskStatus;
use crate::api::approval::Approval;
use crate::api::deletion_policy::DeletionPolicy;
use crate::api::schema::{ID_PATTERN, check_to_actions, check_to_reason_codes};

/// One run of mitigation actions over findings of an AWS IoT Device Defender audit.
#[derive(CustomResource, JsonSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "devicedefender.dev",
    version = "v1alpha1",
    kind = "AuditMitigationTask",
    plural = "auditmitigationtasks",
    shortname = "amt",
    category = "devicedefender",
    namespaced,
    status = "AuditMitigationTaskStatus",
    derive = "PartialEq",
    doc = "One run of mitigation actions over findings of an AWS IoT Device Defender audit: an audit mitigation actions task. It is started once, followed to its end and reported on in status. Nothing that it did is ever rolled back."
)]
#[serde(rename_all = "camelCase")]
pub struct AuditMitigationTaskSpec {
    /// The id of the task in AWS, unique in its account and region for the 90 days that the service remembers a
    /// task. At most 128 letters, digits, underscores and hyphens. Default: `<namespace>_<name>_<hash>`, where each
    /// dot of the name is written as an underscore and the hash is made of target and auditCheckToActionsMapping:
    /// the same manifest always means the same task, a changed one another. Without a taskId the name of the
    /// resource may have at most 52 characters. Can't be changed once the task has been started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = ID_PATTERN))]
    pub task_id: Option<String>,

    /// Which findings the actions are applied to: the findings of one audit (auditTaskId), those of them that a
    /// filter by reason codes lets through (auditTaskId with auditCheckToReasonCodeFilter), or single findings
    /// (findingIds, which stands alone). Can't be changed once the task has been started.
    pub target: Target,

    /// For each audit check, as in `LOGGING_DISABLED_CHECK`, the names of 1 to 5 mitigation actions that are defined
    /// in the AWS account. They are applied to a finding in the order given here; when one fails, the later ones
    /// are skipped for that finding. 1 to 32 checks. Can't be changed once the task has been started.
    #[schemars(schema_with = "check_to_actions")]
    pub audit_check_to_actions_mapping: BTreeMap<String, Vec<String>>,

    /// The idempotency token that the start is sent with: the service answers the same token with the same task.
    /// At most 64 letters, digits, underscores and hyphens. Default: the uid of this resource. With a token of your
    /// own the task counts as started by somebody else, and is never cancelled by this resource. Can't be changed
    /// once the task has been started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = ID_PATTERN))]
    pub client_request_token: Option<String>,

    /// The AWS region of the task, as in eu-central-1. Default: the region that the operator runs with. Can't be
    /// changed once the task has been started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = "^[a-z]{2,}(-[a-z0-9]+)+$"))]
    pub region: Option<String>,

    /// Has the operator make a plan before it starts anything, and start only what is within the bounds or approved.
    /// An empty object: every run has to be approved, which is the dry run. It needs target.auditTaskId or
    /// target.findingIds. Default: the task is started without a plan. Can't be changed once the task has been started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,

    /// While true, nothing is started. Default: false. Can't be set to true once the task has been started; cancel
    /// is for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// True cancels the running task and keeps this resource; before the start it means that nothing is ever
    /// started. Default: false. It can't be taken back, and it is stronger than suspend. What was already applied
    /// is not rolled back. A task that this resource didn't start is never cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel: Option<bool>,

    /// What happens to the running task when this resource is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// How many seconds after its startTime the task is cancelled, if it still runs. At least 1. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub active_deadline_seconds: Option<i64>,

    /// How many seconds after the condition Finished became True this resource is deleted, in the phases
    /// Completed, Failed and Canceled. 0: at once. Default: it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub ttl_seconds_after_finished: Option<i64>,
}

/// Which findings the actions are applied to.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct Target {
    /// The id of the audit whose findings are meant, as `ListAuditTasks` or the console shows it. Each audit has an
    /// id of its own, also those of one schedule. At most 40 letters, digits and hyphens. Default: none; then
    /// findingIds or auditCheckToReasonCodeFilter says which findings are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40), regex(pattern = "^[a-zA-Z0-9-]+$"))]
    pub audit_task_id: Option<String>,

    /// The ids of 1 to 25 single findings, as `ListAuditFindings` shows them; they may come from several audits.
    /// Their order means nothing. It stands alone: not together with auditTaskId or auditCheckToReasonCodeFilter.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 25),
        inner(length(min = 1, max = 128), regex(pattern = ID_PATTERN)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub finding_ids: Option<Vec<String>>,

    /// For each of 1 to 32 audit checks, 1 to 25 reason codes: only findings with one of them are meant, as in
    /// `CERTIFICATE_PAST_EXPIRATION` of `DEVICE_CERTIFICATE_EXPIRING_CHECK`. The order of the codes means nothing. It
    /// narrows auditTaskId. Default: findings of every reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "check_to_reason_codes")]
    pub audit_check_to_reason_code_filter: Option<BTreeMap<String, Vec<String>>>,
}

/// Whether this is an AWS region as the schema wants it.
pub fn is_region(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let mut words = text.split('-');
    let first = words.next().unwrap_or_default();
    let mut rest = words.peekable();
    text.len() <= 32
        && first.len() >= 2
        && first.chars().all(|c| c.is_ascii_lowercase())
        && rest.peek().is_some()
        && rest.all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_what_the_schema_takes() {
        for good in ["eu-central-1", "us-gov-west-1", "cn-north-1", "ap-southeast-5", "ab-1"] {
            assert!(is_region(good), "{good}");
        }
        for bad in [
            "",
            "eu",
            "e-1",
            "eu-",
            "eu--1",
            "-eu-1",
            "EU-1",
            "eu_1",
            "eu central 1",
            "e1-a",
            "eu-central-1-and-so-on-and-so-on-1",
        ] {
            assert!(!is_region(bad), "{bad}");
        }
    }
}
