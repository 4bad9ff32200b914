//! Counts the findings of each check.

use std::collections::BTreeMap;

use super::facts::Facts;
use super::request::PlanRequest;
use crate::core::answer::Finding;

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
    pub(super) resources: Option<i64>,
}

impl CheckFindings<'_> {
    /// The findings of a check in percent of its resources, rounded up: 100 where no resources are known, and never more.
    pub(super) fn percent(&self) -> Option<i64> {
        let count = self.count?.max(0);
        Some(match self.resources {
            _ if count == 0 => 0,
            Some(resources) if resources > 0 => {
                let (count, resources) = (i128::from(count), i128::from(resources));
                let share = (count * 100 + resources - 1) / resources;
                i64::try_from(share).unwrap_or(100).min(100)
            }
            _ => 100,
        })
    }
}

/// The findings of a check of the mapping.
pub(super) fn of_check<'a>(facts: &'a Facts, request: &PlanRequest<'_>, check: &str) -> CheckFindings<'a> {
    if request.target.audit_task_id.is_none() {
        return of_named(facts, check);
    }
    let audited = facts.audit.as_ref().and_then(|audit| audit.checks.get(check));
    let listing = facts.listings.get(check);
    let codes = request.reason_codes(check);
    let is_meant = |finding: &Finding| match (codes, &finding.reason_code) {
        (Some(codes), Some(code)) => codes.contains(code),
        // Without a code nobody can say that the filter leaves it out.
        (None, _) | (Some(_), None) => true,
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
fn of_named<'a>(facts: &'a Facts, check: &str) -> CheckFindings<'a> {
    let of_check = || facts.named.iter().filter(|(_, finding)| finding.check == check);
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

fn number_of<K, V>(listed: &BTreeMap<K, V>) -> i64 {
    number(listed.len())
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
