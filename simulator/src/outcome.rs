//! What becomes of tasks: how long they run, how they end, what fails.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact;
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

/// What becomes of the tasks whose id matches a pattern. The default: everything succeeds after the usual time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Outcome {
    /// How long the task runs, instead of `settings.task_duration`.
    #[serde(with = "compact::optional")]
    pub duration: Option<Duration>,
    /// The task runs until it is finished by hand or cancelled. Its last finding stays open.
    pub held: bool,
    /// The status at the end, even one that the model doesn't know. Without it: FAILED when an action failed, else
    /// COMPLETED. FAILED without failures lets the first action of the first finding fail; with CANCELED, as if
    /// somebody else had cancelled it, the second half of the findings is canceled.
    pub status: Option<String>,
    /// Which actions fail.
    pub failures: Vec<Failure>,
    /// Globs of the findings whose actions are skipped.
    pub skipped_findings: Vec<String>,
    /// How many findings each check of the mapping has, whatever the target says.
    pub findings_per_check: Option<u32>,
    /// The statistics at the end, instead of those of the findings.
    pub statistics: Option<BTreeMap<String, CheckStatistics>>,
}

/// Actions that fail. Each pattern is a glob, and matches everything by default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Failure {
    /// Of these findings.
    pub finding: String,
    /// Of these checks.
    pub check: String,
    /// These actions.
    pub action: String,
    /// `INSUFFICIENT_PERMISSIONS`, `INVALID_STATE_OF_RESOURCE`, or anything.
    pub error_code: String,
    /// The service's words.
    pub message: String,
}

impl Default for Failure {
    fn default() -> Self {
        Self {
            finding: "*".to_owned(),
            check: "*".to_owned(),
            action: "*".to_owned(),
            error_code: "INSUFFICIENT_PERMISSIONS".to_owned(),
            message: "The role of the mitigation action lacks permissions.".to_owned(),
        }
    }
}

impl Failure {
    fn matches(&self, finding: &str, check: &str, action: &str) -> bool {
        let fits = |glob: &str, text: &str| WildMatch::new(glob).matches(text);
        fits(&self.finding, finding) && fits(&self.check, check) && fits(&self.action, action)
    }
}

impl Outcome {
    /// Ends with FAILED: the actions that match fail.
    #[must_use]
    pub fn failing(failures: impl IntoIterator<Item = Failure>) -> Self {
        Self {
            failures: failures.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Runs until it is finished by hand or cancelled.
    #[must_use]
    pub fn held() -> Self {
        Self {
            held: true,
            ..Self::default()
        }
    }

    /// Ends with a status.
    #[must_use]
    pub fn status(status: &str) -> Self {
        Self {
            status: Some(status.to_owned()),
            ..Self::default()
        }
    }

    /// Runs for so long.
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.duration = Some(duration);
        self
    }

    pub(crate) fn failure(&self, finding: &str, check: &str, action: &str) -> Option<&Failure> {
        self.failures
            .iter()
            .find(|failure| failure.matches(finding, check, action))
    }

    pub(crate) fn skips(&self, finding: &str) -> bool {
        self.skipped_findings
            .iter()
            .any(|glob| WildMatch::new(glob).matches(finding))
    }
}

/// What became of a check's findings, spelled as the service does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[allow(clippy::struct_field_names, reason = "the service's own names")]
pub struct CheckStatistics {
    /// All findings of the check in the task.
    pub total_findings_count: u64,
    /// Those with a failed action.
    pub failed_findings_count: u64,
    /// Those whose actions all succeeded.
    pub succeeded_findings_count: u64,
    /// Those that were not mitigated.
    pub skipped_findings_count: u64,
    /// Those that a cancellation left.
    pub canceled_findings_count: u64,
}

/// Outcomes by pattern; the newest that matches counts.
#[derive(Debug, Default)]
pub(crate) struct Outcomes(Vec<(String, Outcome)>);

impl Outcomes {
    /// Sets the outcome of a pattern, in place of an earlier one of the same pattern.
    pub(crate) fn set(&mut self, pattern: &str, outcome: Outcome) {
        self.0.retain(|(known, _)| known != pattern);
        self.0.push((pattern.to_owned(), outcome));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn list(&self) -> &[(String, Outcome)] {
        &self.0
    }

    pub(crate) fn of(&self, task_id: &str) -> Outcome {
        let found = self
            .0
            .iter()
            .rev()
            .find(|(pattern, _)| WildMatch::new(pattern).matches(task_id));
        found.map(|(_, outcome)| outcome.clone()).unwrap_or_default()
    }
}
