//! Makes the plan of what was read: counts, shares, examples.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::counting::{CheckFindings, of_check};
use super::facts::Facts;
use super::hash;
use super::request::PlanRequest;
use crate::api::{MitigationPlan, PlannedAction, PlannedCheck, PlannedFinding};
use crate::core::answer::ActionDefinition;

/// The most examples of one check, and in all.
const MAX_EXAMPLES: (usize, usize) = (5, 25);
/// The most actions that are shown: as many as an account may have ("AWS IoT Device Defender quotas").
const MAX_ACTIONS: usize = 100;
/// The most reason codes of a check that are shown; the service has 6 at most.
const MAX_REASON_CODES: usize = 25;

/// The plan, without the time.
pub(super) fn make(facts: &Facts, request: &PlanRequest<'_>) -> MitigationPlan {
    let findings: BTreeMap<&str, CheckFindings<'_>> = request
        .mapping
        .keys()
        .map(|check| (check.as_str(), of_check(facts, request, check)))
        .collect();
    let mut examples_left = MAX_EXAMPLES.1;
    let checks = findings
        .iter()
        .map(|(check, findings)| ((*check).to_owned(), shown(findings, &mut examples_left)))
        .collect();
    let has_audit = request.target.audit_task_id.is_some();
    MitigationPlan {
        hash: hash::of(request, facts.actions.values(), &findings),
        time: None,
        findings: sum(findings.values().map(|check| check.count)),
        suppressed_findings: sum(findings
            .values()
            .map(|check| Some(check.suppressed.unwrap_or_default()))),
        percent: has_audit.then(|| worst(findings.values())).flatten(),
        checks,
        actions: facts.actions.values().take(MAX_ACTIONS).map(planned).collect(),
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
    checks
        .map(CheckFindings::percent)
        .try_fold(0, |worst, share| Some(worst.max(share?)))
}

/// The sum; `None` when one of them can't be known.
fn sum(counts: impl Iterator<Item = Option<i64>>) -> Option<i64> {
    counts
        .into_iter()
        .try_fold(0_i64, |sum, count| Some(sum.saturating_add(count?)))
}
