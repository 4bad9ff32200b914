//! Whether a plan is within the bounds up to which nobody has to approve it.

use std::fmt;

use crate::api::{Approval, ApprovalBounds, MitigationPlan};

/// Why a plan has to be approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// There are no bounds: every run has to be approved.
    EveryRun,
    /// It has more findings, or nobody knows how many.
    Findings(i64),
    /// Its share of findings is larger, or nobody knows how large it is.
    Percent(i64),
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EveryRun => f.write_str("every run has to be approved (spec.approval has no requiredAbove)"),
            Self::Findings(bound) => write!(f, "it is beyond spec.approval.requiredAbove.findings ({bound})"),
            Self::Percent(bound) => write!(f, "it is beyond spec.approval.requiredAbove.percent ({bound})"),
        }
    }
}

/// The bound that a plan exceeds, if it does; either is enough. What can't be known exceeds every bound.
pub fn excess(plan: &MitigationPlan, approval: &Approval) -> Option<Excess> {
    let ApprovalBounds { findings, percent } = approval.required_above.unwrap_or_default();
    if findings.is_none() && percent.is_none() {
        return Some(Excess::EveryRun);
    }
    let exceeds = |bound: &i64, number: Option<i64>| number.is_none_or(|number| number > *bound);
    let by_findings = findings
        .filter(|bound| exceeds(bound, plan.findings))
        .map(Excess::Findings);
    by_findings.or_else(|| {
        percent
            .filter(|bound| exceeds(bound, plan.percent))
            .map(Excess::Percent)
    })
}
