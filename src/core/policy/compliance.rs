//! The condition Compliant: a pure function of the last audits. It speaks of AWS's verdict on the checks.
//!
//! The first that applies:
//!
//! | what is seen | Compliant |
//! |---|---|
//! | none completed since the policy watches | Unknown, NoAuditYet |
//! | none completed within twice the period | Unknown, AuditOverdue |
//! | findings of a mapped check | False, FindingsLeft |
//! | a mapped check that is not among the schedule's, or wasn't audited | Unknown, CheckNotAudited |
//! | a mapped check that failed | Unknown, CheckFailed |
//! | else | True, NoFindings |

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::api::{AuditOutcome, AuditRecord, Reason};
use crate::core::condition::ConditionDraft;
use crate::core::timing;

/// A completed audit, as far as the condition needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedAudit {
    /// Its id.
    pub id: String,
    /// When it began.
    pub start: Timestamp,
    /// The checks that weren't compliant.
    pub findings: BTreeMap<String, i64>,
    /// Why it is, or isn't known to be, compliant.
    pub reason: String,
}

impl CompletedAudit {
    /// What was noted of an audit, where it has completed.
    pub fn noted(record: &AuditRecord) -> Option<Self> {
        (record.outcome != AuditOutcome::AuditFailed).then(|| Self {
            id: record.audit_task_id.clone(),
            start: record.start_time.0,
            findings: record.findings.clone(),
            reason: record.reason.clone().unwrap_or_default(),
        })
    }
}

/// What the policy asks, and how often audits come.
#[derive(Clone, Copy, Debug)]
pub struct Expectation<'a> {
    /// The checks of the mapping.
    pub mapping: &'a BTreeMap<String, Vec<String>>,
    /// The checks of the schedule, where they are known.
    pub scheduled: Option<&'a [String]>,
    /// The period of the schedule, where it is known.
    pub period: Option<Duration>,
}

impl Expectation<'_> {
    /// The mapped checks that the schedule doesn't run.
    pub fn not_scheduled(&self) -> Vec<&str> {
        let Some(scheduled) = self.scheduled else {
            return Vec::new();
        };
        let mapped = self.mapping.keys().filter(|check| !scheduled.contains(check));
        mapped.map(String::as_str).collect()
    }

    /// When the newest audit is overdue.
    pub fn overdue_at(&self, newest: &CompletedAudit) -> Option<Timestamp> {
        Some(timing::after(newest.start, self.period?.saturating_mul(2)))
    }
}

/// The condition, from the completed audits, the newest first.
pub fn compliance(audits: &[CompletedAudit], expectation: &Expectation<'_>, now: Timestamp) -> ConditionDraft {
    let unknown = |reason, message| ConditionDraft {
        holds: None,
        reason,
        message,
    };
    let Some(newest) = audits.first() else {
        let message = "no audit has completed since this policy watches: the next one will tell".to_owned();
        return unknown(Reason::NoAuditYet, message);
    };
    if expectation.overdue_at(newest).is_some_and(|time| time <= now) {
        let message = format!(
            "the newest completed audit began {}, more than two periods of the schedule ago: look whether it still runs",
            timing::whole_seconds(newest.start)
        );
        return unknown(Reason::AuditOverdue, message);
    }
    let left = findings_of(newest, expectation);
    if !left.is_empty() {
        return ConditionDraft {
            holds: Some(false),
            reason: Reason::FindingsLeft,
            message: compared(&left, audits.get(1)),
        };
    }
    let not_scheduled = expectation.not_scheduled();
    if !not_scheduled.is_empty() {
        let message = format!(
            "the scheduled audit doesn't run {}: add the checks to it, or remove them from the mapping",
            not_scheduled.join(", ")
        );
        return unknown(Reason::CheckNotAudited, message);
    }
    for (reason, what) in [
        (Reason::CheckNotAudited, "didn't run some checks of the mapping"),
        (Reason::CheckFailed, "failed in some checks of the mapping"),
    ] {
        if let Some(checks) = newest.reason.strip_prefix(reason.as_str()) {
            return unknown(reason, format!("audit {} {what}{checks}", newest.id));
        }
    }
    ConditionDraft {
        holds: Some(true),
        reason: Reason::NoFindings,
        message: format!("audit {} found every check of the mapping compliant", newest.id),
    }
}

/// The findings of the checks that are still mapped.
pub fn findings_of(audit: &CompletedAudit, expectation: &Expectation<'_>) -> BTreeMap<String, i64> {
    let mapped = |check: &String| expectation.mapping.contains_key(check);
    let findings = audit.findings.iter().filter(|(check, _)| mapped(check));
    findings.map(|(check, number)| (check.clone(), *number)).collect()
}

/// As in "`DEVICE_CERTIFICATE_EXPIRING_CHECK` 12 (40 in the audit before)".
fn compared(left: &BTreeMap<String, i64>, before: Option<&CompletedAudit>) -> String {
    let of_check = |(check, number): (&String, &i64)| {
        let was = before.map(|before| before.findings.get(check).copied().unwrap_or_default());
        let was = was.map_or_else(String::new, |was| format!(" ({was} in the audit before)"));
        format!("{check} {number}{was}")
    };
    left.iter().map(of_check).collect::<Vec<_>>().join(", ")
}
