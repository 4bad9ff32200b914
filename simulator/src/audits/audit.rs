//! One audit, and how its checks stand at a time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Audit {
    /// Its id; made up where it may be left out.
    pub task_id: String,
    /// `IN_PROGRESS` until it is completed by hand, or what it ends with: COMPLETED, FAILED or CANCELED.
    pub task_status: String,
    /// `ON_DEMAND_AUDIT_TASK`, or `SCHEDULED_AUDIT_TASK`, which it also is where a schedule is named.
    pub task_type: String,
    /// Its start; now, if not given.
    pub start: Option<Timestamp>,
    /// Its end: before it the audit is `IN_PROGRESS`, whatever its status says.
    pub end: Option<Timestamp>,
    /// The name of its schedule.
    pub scheduled_audit_name: Option<String>,
    /// The checks that it made. Those without a finding are compliant.
    pub checks: Vec<String>,
    /// What checks tell instead of what follows from their findings.
    pub check_results: BTreeMap<String, CheckResult>,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            task_id: String::new(),
            task_status: "COMPLETED".to_owned(),
            task_type: "ON_DEMAND_AUDIT_TASK".to_owned(),
            start: None,
            end: None,
            scheduled_audit_name: None,
            checks: Vec::new(),
            check_results: BTreeMap::new(),
        }
    }
}

/// What a check of an audit tells; what isn't given follows from its findings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct CheckResult {
    /// `IN_PROGRESS`, `WAITING_FOR_DATA_COLLECTION`, CANCELED, `COMPLETED_COMPLIANT`, `COMPLETED_NON_COMPLIANT`, FAILED.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_run_status: Option<String>,
    /// How many resources it looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_resources_count: Option<u64>,
    /// How many of them are not compliant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub non_compliant_resources_count: Option<u64>,
    /// How many of these are suppressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed_non_compliant_resources_count: Option<u64>,
    /// Why it failed: `INSUFFICIENT_PERMISSIONS`, `AUDIT_CHECK_DISABLED`, or anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The service's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl CheckResult {
    /// A status and nothing else.
    #[must_use]
    pub fn status(status: &str) -> Self {
        Self {
            check_run_status: Some(status.to_owned()),
            ..Self::default()
        }
    }

    /// So many resources were looked at.
    #[must_use]
    pub fn of_resources(mut self, total: u64) -> Self {
        self.total_resources_count = Some(total);
        self
    }
}

/// How a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckRun<'a> {
    /// Under way, with this status.
    Running(&'a str),
    /// It has ended with this status.
    Told(&'a str),
    /// It has ended; the findings say with what.
    Judged,
}

/// Whether a check with this status has yet to end.
fn is_open(status: &str) -> bool {
    matches!(status, "IN_PROGRESS" | "WAITING_FOR_DATA_COLLECTION")
}

impl Audit {
    /// Its status at a time.
    pub(crate) fn status(&self, now: Timestamp) -> &str {
        if self.end.is_some_and(|end| now < end) {
            "IN_PROGRESS"
        } else {
            &self.task_status
        }
    }

    pub(crate) fn is_running(&self, now: Timestamp) -> bool {
        self.status(now) == "IN_PROGRESS"
    }

    /// The last moment at which it ran.
    pub(crate) fn last_moment(&self, now: Timestamp) -> Option<Timestamp> {
        if self.is_running(now) {
            Some(now)
        } else {
            self.end.or(self.start)
        }
    }

    /// How a check stands at a time.
    pub(crate) fn check(&self, check: &str, now: Timestamp) -> CheckRun<'_> {
        let told = self
            .check_results
            .get(check)
            .and_then(|result| result.check_run_status.as_deref());
        let status = self.status(now);
        if status == "IN_PROGRESS" {
            // What is told of an audit that ends by itself is what it ends with.
            let held = self.task_status == "IN_PROGRESS";
            return match told {
                Some(told) if is_open(told) => CheckRun::Running(told),
                Some(told) if held => CheckRun::Told(told),
                _ => CheckRun::Running(status),
            };
        }
        match told {
            Some(told) if !is_open(told) => CheckRun::Told(told),
            _ if status == "COMPLETED" => CheckRun::Judged,
            _ => CheckRun::Told(status),
        }
    }

    /// Whether a check has something to tell at its end: one that failed or was cancelled hasn't.
    pub(crate) fn finds(&self, check: &str) -> bool {
        let told = self
            .check_results
            .get(check)
            .and_then(|result| result.check_run_status.as_deref());
        match told.filter(|told| !is_open(told)) {
            Some(told) => told.starts_with("COMPLETED"),
            None => matches!(self.task_status.as_str(), "COMPLETED" | "IN_PROGRESS"),
        }
    }
}
