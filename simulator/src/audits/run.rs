//! Audits that run: on command, by their schedules, and to their end.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Audit, CheckResult, CheckRun};
use crate::answer::ServiceError;
use crate::catalogue::{CatalogueError, Finding};
use crate::checks;
use crate::clock::plus;
use crate::config::Settings;
use crate::input::{text, texts};
use crate::readings::{FindingsOfRunningAudits, LateSuppression};
use crate::state::State;

/// Audits on demand that can be in progress at the same time.
const ON_DEMAND_AUDITS: usize = 10;

impl State {
    /// Runs an audit, which finds the problems that there are at its start; gives its id.
    ///
    /// What isn't given of the audit is made up, or taken from its schedule.
    pub(crate) fn run_audit(&mut self, now: Timestamp, mut audit: Audit) -> Result<String, CatalogueError> {
        if let Some(name) = &audit.scheduled_audit_name
            && audit.checks.is_empty()
        {
            let scheduled = self.catalogue.schedules.get(name);
            let scheduled = scheduled.ok_or_else(|| CatalogueError::missing("schedule", name))?;
            audit.checks.clone_from(&scheduled.schedule.target_check_names);
        }
        if audit.task_id.is_empty() {
            audit.task_id = self.catalogue.made_up_audit_id();
        }
        let start = *audit.start.get_or_insert(now);
        if audit.task_status != "IN_PROGRESS" {
            audit
                .end
                .get_or_insert(plus(start, self.config.settings.audit_duration));
        }
        self.mend(start);
        let finds = |check: &String| audit.checks.contains(check) && audit.finds(check);
        let problems = self.catalogue.problems.iter();
        let found: Vec<(String, Finding)> = problems
            .filter(|problem| finds(&problem.check_name))
            .map(|problem| {
                (
                    problem.problem_id.clone(),
                    checks::found(problem, &audit.task_id, start),
                )
            })
            .collect();
        let id = audit.task_id.clone();
        self.catalogue.add_audit(&self.model, audit, now)?;
        for (problem, finding) in found {
            self.catalogue.problems.found(&finding.finding_id, &problem);
            self.catalogue.add_finding(&self.model, finding)?;
        }
        Ok(id)
    }

    /// Runs the audits that are due by now.
    pub(crate) fn run_due_audits(&mut self, now: Timestamp) {
        let schedules = self.catalogue.schedules.iter_mut();
        let mut due: Vec<(Timestamp, String)> = schedules
            .flat_map(|(name, scheduled)| scheduled.due(now).into_iter().map(|time| (time, name.clone())))
            .collect();
        due.sort();
        for (start, name) in due {
            let audit = Audit {
                start: Some(start),
                scheduled_audit_name: Some(name),
                ..Audit::default()
            };
            // A schedule was checked when it was made, and so was each problem.
            drop(self.run_audit(now, audit));
        }
    }

    /// Ends an audit that is in progress, with a status and results of some checks.
    pub(crate) fn complete_audit(
        &mut self,
        now: Timestamp,
        id: &str,
        status: &str,
        results: BTreeMap<String, CheckResult>,
    ) -> Result<(), CatalogueError> {
        let audit = self.catalogue.audits.get(id).filter(|audit| audit.is_running(now));
        let mut audit = audit
            .cloned()
            .ok_or_else(|| CatalogueError::missing("audit in progress", id))?;
        status.clone_into(&mut audit.task_status);
        audit.end = Some(now);
        audit.check_results.extend(results);
        let finds: BTreeSet<String> = audit
            .checks
            .iter()
            .filter(|check| audit.finds(check))
            .cloned()
            .collect();
        let checks = audit.checks.clone();
        self.catalogue.add_audit(&self.model, audit, now)?;
        self.catalogue.forget_findings(id, |finding| {
            checks.contains(&finding.check_name) && !finds.contains(&finding.check_name)
        });
        Ok(())
    }

    /// `StartOnDemandAuditTask`.
    pub(crate) fn start_audit(&mut self, now: Timestamp, input: &Value) -> Result<Value, ServiceError> {
        let audits = self.catalogue.audits.values();
        let running = audits.filter(|audit| audit.is_running(now) && audit.task_type == "ON_DEMAND_AUDIT_TASK");
        // The sample doesn't count, or there would be nine.
        if running
            .filter(|audit| audit.task_id != crate::AUDIT_IN_PROGRESS)
            .count()
            >= ON_DEMAND_AUDITS
        {
            return Err(ServiceError::too_many("audits on demand in progress"));
        }
        let audit = Audit {
            checks: texts(input, "targetCheckNames"),
            ..Audit::default()
        };
        if audit.checks.is_empty() {
            return Err(ServiceError::invalid("targetCheckNames must name a check."));
        }
        let id = self
            .run_audit(now, audit)
            .map_err(|error| ServiceError::invalid(error.to_string()))?;
        Ok(json!({ "taskId": id }))
    }

    /// `CancelAuditTask`.
    pub(crate) fn cancel_audit(&mut self, now: Timestamp, input: &Value) -> Result<Value, ServiceError> {
        let id = text(input, "taskId").unwrap_or_default();
        if self.audit(now, id).is_none() {
            return Err(ServiceError::not_found());
        }
        self.complete_audit(now, id, "CANCELED", BTreeMap::new())
            .map_err(|_| ServiceError::invalid(format!("Audit task {id} is not in progress.")))?;
        Ok(json!({}))
    }

    /// Whether a finding can be seen yet.
    pub(crate) fn is_told(&self, now: Timestamp, finding: &Finding) -> bool {
        self.config.settings.readings.findings_of_running_audits == FindingsOfRunningAudits::Listed
            || self
                .catalogue
                .audits
                .get(&finding.task_id)
                .is_none_or(|audit| !matches!(audit.check(&finding.check_name, now), CheckRun::Running(_)))
    }

    /// A finding as the service tells it: some readings know no suppression that came after the audit.
    pub(crate) fn told<'a>(&self, finding: &'a Finding) -> std::borrow::Cow<'a, Finding> {
        if self.config.settings.readings.late_suppression == LateSuppression::Ignored {
            let mut finding = finding.clone();
            finding.is_suppressed = self.catalogue.was_suppressed(&finding.finding_id);
            std::borrow::Cow::Owned(finding)
        } else {
            std::borrow::Cow::Borrowed(finding)
        }
    }

    /// Whether a suppression keeps a finding from being mitigated.
    pub(crate) fn is_left_out(&self, finding: &Finding) -> bool {
        let Settings { readings, .. } = &self.config.settings;
        match readings.late_suppression {
            LateSuppression::Stops => finding.is_suppressed,
            LateSuppression::Shown | LateSuppression::Ignored => self.catalogue.was_suppressed(&finding.finding_id),
        }
    }
}
