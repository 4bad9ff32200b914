//! Makes the plan of what was read: counts, shares, examples.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::hash;
use super::reading::PlanReading;
use super::request::PlanRequest;
use crate::api::{MitigationPlan, PlannedAction, PlannedCheck, PlannedFinding};
use crate::core::answer::{ActionDefinition, Finding};

/// The most examples of one check, and in all.
const MAX_EXAMPLES: (usize, usize) = (5, 25);
/// The most actions that are shown: as many as an account may have ("AWS IoT Device Defender quotas").
const MAX_ACTIONS: usize = 100;
/// The most reason codes of a check that are shown; the service has 6 at most.
const MAX_REASON_CODES: usize = 25;

/// The findings of one check that the actions would be applied to.
pub(super) struct CheckFindings<'a> {
    /// By id: those that were listed. All of them, unless it is cut.
    pub(super) listed: BTreeMap<&'a str, &'a Finding>,
    /// Whether there are more than were listed.
    pub(super) is_cut: bool,
    /// How many there are: what was listed, or the audit's own number where the listing was cut. `None` when nobody can
    /// know.
    pub(super) count: Option<i64>,
    /// How many are suppressed, as far as the service says.
    pub(super) suppressed: Option<i64>,
    /// How many resources the audit looked at.
    resources: Option<i64>,
}

/// The plan, without the time.
pub(super) fn make(reading: &PlanReading, request: &PlanRequest<'_>) -> MitigationPlan {
    let findings: BTreeMap<&str, CheckFindings<'_>> = request
        .mapping
        .keys()
        .map(|check| (check.as_str(), of_check(reading, request, check)))
        .collect();
    let mut examples_left = MAX_EXAMPLES.1;
    let checks = findings
        .iter()
        .map(|(check, findings)| ((*check).to_owned(), shown(findings, &mut examples_left)))
        .collect();
    let has_audit = request.target.audit_task_id.is_some();
    MitigationPlan {
        hash: hash::of(request, reading.actions.values(), &findings),
        time: None,
        findings: sum(findings.values().map(|check| check.count)),
        suppressed_findings: sum(findings
            .values()
            .map(|check| Some(check.suppressed.unwrap_or_default()))),
        percent: has_audit.then(|| worst(findings.values())).flatten(),
        checks,
        actions: reading.actions.values().take(MAX_ACTIONS).map(planned).collect(),
    }
}

fn of_check<'a>(reading: &'a PlanReading, request: &PlanRequest<'_>, check: &str) -> CheckFindings<'a> {
    if request.target.audit_task_id.is_none() {
        return of_named(reading, check);
    }
    let audited = reading.audit.as_ref().and_then(|audit| audit.checks.get(check));
    let listing = reading.listings.get(check);
    let codes = request.reason_codes(check);
    let is_meant = |finding: &Finding| match (codes, &finding.reason_code) {
        (None, _) => true,
        (Some(codes), Some(code)) => codes.contains(code),
        // Without a code nobody can say that the filter leaves it out.
        (Some(_), None) => true,
    };
    let listed: BTreeMap<&str, &Finding> = listing
        .into_iter()
        .flat_map(|listing| &listing.findings)
        .filter(|(_, finding)| is_meant(finding))
        .map(|(id, finding)| (id.as_str(), finding))
        .collect();
    let is_cut = listing.is_none_or(|listing| !listing.is_complete());
    let count = if is_cut {
        // The audit's number knows no filter, and is no less than what was listed.
        let number = audited.and_then(|audited| audited.non_compliant);
        number
            .filter(|_| codes.is_none())
            .map(|count| count.max(number_of(&listed)))
    } else {
        Some(number_of(&listed))
    };
    CheckFindings {
        listed,
        is_cut,
        count,
        suppressed: audited.and_then(|audited| audited.suppressed),
        resources: audited.and_then(|audited| audited.resources),
    }
}

/// Findings that are named one by one; they may come from several audits.
fn of_named<'a>(reading: &'a PlanReading, check: &str) -> CheckFindings<'a> {
    let of_check = || reading.named.iter().filter(|(_, finding)| finding.check == check);
    let listed: BTreeMap<&str, &Finding> = of_check()
        .filter(|(_, finding)| !finding.is_suppressed)
        .map(|(id, finding)| (id.as_str(), finding))
        .collect();
    CheckFindings {
        count: Some(number_of(&listed)),
        suppressed: Some(number(of_check().filter(|(_, finding)| finding.is_suppressed).count())),
        listed,
        is_cut: false,
        resources: None,
    }
}

fn shown(findings: &CheckFindings<'_>, examples_left: &mut usize) -> PlannedCheck {
    let mut reason_codes = BTreeMap::new();
    for finding in findings.listed.values().filter(|_| !findings.is_cut) {
        if let Some(code) = &finding.reason_code {
            *reason_codes.entry(code.clone()).or_insert(0) += 1;
        }
    }
    let examples: Vec<PlannedFinding> = findings
        .listed
        .iter()
        .take(MAX_EXAMPLES.0.min(*examples_left))
        .map(|(id, finding)| PlannedFinding {
            finding_id: (*id).to_owned(),
            resource: finding.resource.clone(),
            reason_code: finding.reason_code.clone(),
        })
        .collect();
    *examples_left -= examples.len();
    PlannedCheck {
        findings: findings.count,
        suppressed_findings: findings.suppressed,
        resources_checked: findings.resources,
        reason_codes: reason_codes.into_iter().take(MAX_REASON_CODES).collect(),
        examples,
        truncated: findings.is_cut.then_some(true),
    }
}

fn planned(action: &ActionDefinition) -> PlannedAction {
    let ActionDefinition {
        name,
        id: _,
        type_,
        role_arn,
        parameters,
        last_modified,
    } = action;
    PlannedAction {
        name: name.clone(),
        type_: type_.clone(),
        role_arn: role_arn.clone(),
        parameters: parameters.clone(),
        last_modified: last_modified.map(Time),
    }
}

/// The share of the worst check; `None` when one of them can't be known.
fn worst<'a, 'b: 'a>(checks: impl Iterator<Item = &'a CheckFindings<'b>>) -> Option<i64> {
    checks.map(percent).try_fold(0, |worst, share| Some(worst.max(share?)))
}

/// The findings of a check in percent of its resources, rounded up: 100 where no resources are known, and never more.
fn percent(check: &CheckFindings<'_>) -> Option<i64> {
    let count = check.count?.max(0);
    Some(match check.resources {
        _ if count == 0 => 0,
        Some(resources) if resources > 0 => {
            let (count, resources) = (i128::from(count), i128::from(resources));
            let share = (count * 100 + resources - 1) / resources;
            i64::try_from(share).unwrap_or(100).min(100)
        }
        _ => 100,
    })
}

/// The sum; `None` when one of them can't be known.
fn sum(counts: impl Iterator<Item = Option<i64>>) -> Option<i64> {
    counts
        .into_iter()
        .try_fold(0_i64, |sum, count| Some(sum.saturating_add(count?)))
}

fn number_of<K, V>(listed: &BTreeMap<K, V>) -> i64 {
    number(listed.len())
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
