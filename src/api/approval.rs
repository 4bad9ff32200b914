//! The approval of a plan: the same for every kind that leads to a start.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Nothing is started before there is a plan, and it is within the bounds or approved. With neither bounds nor an
/// approved plan (an empty object) every run has to be approved.
#[derive(JsonSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// The bounds up to which a run needs no approval; a run beyond either of them does. At least one of findings and
    /// percent. Default: every run has to be approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("minProperties" = 1))]
    pub required_above: Option<ApprovalBounds>,

    /// The hash of the plan that is approved, as status.plan.hash shows it: 16 lower-case letters and digits from 2 to
    /// 7. It approves that very plan, and nothing that the plan becomes. Default: none is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), regex(pattern = "^[a-z2-7]{16}$"))]
    pub plan: Option<String>,
}

/// Up to where a run needs no approval.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApprovalBounds {
    /// The most findings that the actions may be applied to without approval, of all checks together. 0: any finding
    /// needs approval. Default: no bound by number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub findings: Option<i64>,

    /// The largest share of findings that needs no approval: the findings of a check in percent of the resources that
    /// the audit looked at for it, rounded up; the worst check counts. 0 to 100. It needs an audit. Default: no bound by
    /// share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub percent: Option<i64>,
}
