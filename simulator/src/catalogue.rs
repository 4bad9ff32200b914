//! The audits, findings and mitigation actions that are there to choose from, the same for every account and region.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wildmatch::WildMatch;

use crate::actions::Action;
use crate::audits::{Audit, Problem, Problems, Schedule, Scheduled};
use crate::checks;
use crate::model::Model;

/// A finding: the service's JSON, with what the simulator reads of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Its id.
    pub finding_id: String,
    /// The audit that found it.
    pub task_id: String,
    /// The check that it violates.
    pub check_name: String,
    /// When it was found, in epoch seconds.
    pub finding_time: f64,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_for_non_compliance_code: Option<String>,
    /// Suppressed findings are not mitigated.
    #[serde(default)]
    pub is_suppressed: bool,
    /// All the rest, as the service's model has it.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What can't be put into the catalogue, or isn't there.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It violates the service's model.
    #[error("not a valid {what}: {why}")]
    Invalid {
        /// Its kind.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// There is none.
    #[error("there is no {what} {id}")]
    Missing {
        /// Its kind.
        what: &'static str,
        /// Its name or id.
        id: String,
    },
}

impl CatalogueError {
    pub(crate) fn missing(what: &'static str, id: &str) -> Self {
        let id = id.to_owned();
        Self::Missing { what, id }
    }
}

/// Everything that can be targeted.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    pub audits: BTreeMap<String, Audit>,
    pub findings: BTreeMap<String, Finding>,
    pub actions: BTreeMap<String, Action>,
    pub schedules: BTreeMap<String, Scheduled>,
    pub problems: Problems,
    /// The findings of each audit.
    by_audit: BTreeMap<String, Vec<String>>,
    /// The findings that were suppressed when they were found.
    suppressed: BTreeSet<String>,
    made_up: u64,
}

impl Catalogue {
    pub(crate) fn add_audit(&mut self, model: &Model, mut audit: Audit, now: Timestamp) -> Result<(), CatalogueError> {
        audit.start.get_or_insert(now);
        if audit.scheduled_audit_name.is_some() {
            "SCHEDULED_AUDIT_TASK".clone_into(&mut audit.task_type);
        }
        for (shape, text) in [
            ("AuditTaskId", &audit.task_id),
            ("AuditTaskStatus", &audit.task_status),
            ("AuditTaskType", &audit.task_type),
        ] {
            checked(model, "audit", shape, &json!(text))?;
        }
        checked(model, "audit", "TargetAuditCheckNames", &json!(audit.checks))?;
        for result in audit.check_results.values() {
            checked(model, "check result", "AuditCheckDetails", &json!(result))?;
        }
        self.audits.insert(audit.task_id.clone(), audit);
        Ok(())
    }

    /// An id that looks like the service's, and that no audit has.
    pub(crate) fn made_up_audit_id(&mut self) -> String {
        loop {
            self.made_up = self.made_up.saturating_add(1);
            let mut random = fastrand::Rng::with_seed(self.made_up);
            let id = format!("{:032x}", random.u128(..));
            if !self.audits.contains_key(&id) {
                return id;
            }
        }
    }

    pub(crate) fn add_schedule(
        &mut self,
        model: &Model,
        schedule: Schedule,
        now: Timestamp,
    ) -> Result<(), CatalogueError> {
        let mut told = json!(schedule);
        if let Some(members) = told.as_object_mut() {
            members.remove("every");
        }
        checked(model, "schedule", "DescribeScheduledAuditResponse", &told)?;
        let name = schedule.scheduled_audit_name.clone();
        self.schedules.insert(name, Scheduled::new(schedule, now));
        Ok(())
    }

    /// Adds problems for the audits to come; gives their ids.
    pub(crate) fn add_problem(&mut self, model: &Model, problem: &Problem) -> Result<Vec<String>, CatalogueError> {
        // The longest id that a finding of it can have.
        let longest = Problem {
            problem_id: format!("{}-{}", problem.problem_id, problem.count),
            ..problem.clone()
        };
        let finding = checks::found(&longest, &"a".repeat(40), Timestamp::UNIX_EPOCH);
        checked(model, "problem", "AuditFinding", &json!(finding))?;
        Ok(self.problems.add(problem))
    }

    pub(crate) fn add_finding(&mut self, model: &Model, finding: Finding) -> Result<(), CatalogueError> {
        checked(model, "finding", "AuditFinding", &json!(finding))?;
        let id = finding.finding_id.clone();
        if finding.is_suppressed {
            self.suppressed.insert(id.clone());
        } else {
            self.suppressed.remove(&id);
        }
        let audit = finding.task_id.clone();
        let before = self.findings.insert(id.clone(), finding);
        // Where it was it stays: an audit of thousands is not searched for each that is new.
        if let Some(before) = before {
            if before.task_id == audit {
                return Ok(());
            }
            if let Some(ids) = self.by_audit.get_mut(&before.task_id) {
                ids.retain(|known| *known != id);
            }
        }
        self.by_audit.entry(audit).or_default().push(id);
        Ok(())
    }

    /// Forgets findings of an audit.
    pub(crate) fn forget_findings(&mut self, audit: &str, forgotten: impl Fn(&Finding) -> bool) {
        let Some(ids) = self.by_audit.get_mut(audit) else {
            return;
        };
        let findings = &mut self.findings;
        ids.retain(|id| {
            let goes = findings.get(id).is_some_and(&forgotten);
            if goes {
                findings.remove(id);
            }
            !goes
        });
    }

    /// Removes the audits whose id matches a glob, with their findings; tells how many.
    pub(crate) fn remove_audits(&mut self, glob: &str) -> usize {
        let (before, glob) = (self.audits.len(), WildMatch::new(glob));
        self.audits.retain(|id, _| !glob.matches(id));
        self.by_audit.retain(|audit, _| !glob.matches(audit));
        self.findings.retain(|_, finding| !glob.matches(&finding.task_id));
        before.saturating_sub(self.audits.len())
    }

    /// Suppresses the findings whose id matches a glob, or ends that; what they tell of is found so from now on.
    pub(crate) fn suppress(&mut self, glob: &str, suppressed: bool) -> usize {
        let glob = WildMatch::new(glob);
        let mut count = 0_usize;
        for finding in self
            .findings
            .values_mut()
            .filter(|finding| glob.matches(&finding.finding_id))
        {
            finding.is_suppressed = suppressed;
            count = count.saturating_add(1);
            if let Some(problem) = self.problems.of(&finding.finding_id).map(str::to_owned) {
                self.problems.suppress(&problem, suppressed);
            }
        }
        count
    }

    /// Whether a finding was suppressed when it was found.
    pub(crate) fn was_suppressed(&self, finding: &str) -> bool {
        self.suppressed.contains(finding)
    }

    pub(crate) fn add_action(
        &mut self,
        model: &Model,
        mut action: Action,
        now: Timestamp,
    ) -> Result<(), CatalogueError> {
        action.date(now);
        checked(model, "action", "DescribeMitigationActionResponse", &json!(action))?;
        self.actions.insert(action.action_name.clone(), action);
        Ok(())
    }

    /// The findings of an audit, in the order in which they were added.
    pub(crate) fn of_audit(&self, audit: &str) -> impl Iterator<Item = &Finding> {
        self.by_audit
            .get(audit)
            .into_iter()
            .flatten()
            .filter_map(|id| self.findings.get(id))
    }
}

fn checked(model: &Model, what: &'static str, shape: &str, value: &Value) -> Result<(), CatalogueError> {
    let verdict = model.check(shape, value);
    match verdict.message() {
        Some(why) => Err(CatalogueError::Invalid { what, why }),
        None if verdict.unknown.is_empty() => Ok(()),
        None => Err(CatalogueError::Invalid {
            what,
            why: format!("unknown members: {}", verdict.unknown.join(", ")),
        }),
    }
}
