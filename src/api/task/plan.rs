//! What a task would do: `status.plan`.
//!
//! The doc comments of the fields are the texts of `kubectl explain`. Its size is bounded by whoever makes it: 25
//! examples, 100 actions.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the task would do, or did: which actions, to how many findings of what, under which role.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MitigationPlan {
    /// The hash of the effects: of actions with their parameters and roles, of findings, mapping, target and region.
    /// Whoever approves the plan writes it to spec.approval.plan.
    pub hash: String,

    /// When the plan was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,

    /// How many findings the actions would be applied to. Absent when it can't be known: then it is beyond every bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<i64>,

    /// How many findings are left out because they are suppressed in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed_findings: Option<i64>,

    /// The findings of the worst check in percent of the resources that the audit looked at for it, rounded up. Absent
    /// without an audit, and when it can't be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<i64>,

    /// For each audit check with actions, what would be mitigated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, PlannedCheck>,

    /// The actions as they are defined in the AWS account, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<PlannedAction>,
}

/// What would be mitigated of one audit check.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedCheck {
    /// How many findings the actions would be applied to. Absent when it can't be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<i64>,

    /// How many findings are left out because they are suppressed in AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed_findings: Option<i64>,

    /// How many resources the audit looked at for this check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources_checked: Option<i64>,

    /// For each reason code, how many findings have it. Absent when not all findings were listed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reason_codes: BTreeMap<String, i64>,

    /// Some of the findings, at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<PlannedFinding>,

    /// True when there are more findings than were listed; then the number is the audit's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truncated: Option<bool>,
}

/// A finding that actions would be applied to.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedFinding {
    /// The id of the finding.
    pub finding_id: String,

    /// The resource that doesn't comply, as in deviceCertificateId/… or policyName/…:version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,

    /// Why it doesn't comply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
}

/// A mitigation action as it is defined in the AWS account.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedAction {
    /// Its name, as in the mapping.
    pub name: String,

    /// What it does, as in `ADD_THINGS_TO_THING_GROUP`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<String>,

    /// The IAM role that AWS applies it with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,

    /// Its parameters by their own names, lists joined by commas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,

    /// When its definition was last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<Time>,
}
