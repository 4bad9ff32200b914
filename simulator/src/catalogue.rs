//! The audits, findings and mitigation actions that are there to choose from, the same for every account and region.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::Model;

/// An audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Audit {
    /// Its id.
    pub task_id: String,
    /// `IN_PROGRESS`, COMPLETED, FAILED or CANCELED.
    #[serde(default = "completed")]
    pub task_status: String,
    /// `ON_DEMAND_AUDIT_TASK` or `SCHEDULED_AUDIT_TASK`.
    #[serde(default = "on_demand")]
    pub task_type: String,
    /// Its start; now, if not given.
    #[serde(default)]
    pub start: Option<Timestamp>,
    /// The name of its schedule.
    #[serde(default)]
    pub scheduled_audit_name: Option<String>,
    /// The checks that it made. Those without a finding are compliant.
    #[serde(default)]
    pub checks: Vec<String>,
}

fn completed() -> String {
    "COMPLETED".to_owned()
}

fn on_demand() -> String {
    "ON_DEMAND_AUDIT_TASK".to_owned()
}

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

/// A mitigation action: the answer of `DescribeMitigationAction`, with what the simulator reads of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// Its name.
    pub action_name: String,
    /// Its id.
    pub action_id: String,
    /// What it does.
    pub action_type: String,
    /// The role that it works with.
    pub role_arn: String,
    /// What it needs to know.
    pub action_params: Value,
    /// When it was defined, in epoch seconds.
    #[serde(default)]
    pub creation_date: f64,
    /// When it was last changed, in epoch seconds.
    #[serde(default)]
    pub last_modified_date: f64,
}

/// What can't be put into the catalogue.
#[derive(Debug, thiserror::Error)]
#[error("not a valid {what}: {why}")]
pub struct CatalogueError {
    what: &'static str,
    why: String,
}

/// Everything that can be targeted.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    pub audits: BTreeMap<String, Audit>,
    pub findings: BTreeMap<String, Finding>,
    pub actions: BTreeMap<String, Action>,
    /// The findings of each audit.
    by_audit: BTreeMap<String, Vec<String>>,
}

impl Catalogue {
    pub(crate) fn add_audit(&mut self, model: &Model, mut audit: Audit, now: Timestamp) -> Result<(), CatalogueError> {
        audit.start.get_or_insert(now);
        for (shape, text) in [
            ("AuditTaskId", &audit.task_id),
            ("AuditTaskStatus", &audit.task_status),
            ("AuditTaskType", &audit.task_type),
        ] {
            checked(model, "audit", shape, &Value::String(text.clone()))?;
        }
        self.audits.insert(audit.task_id.clone(), audit);
        Ok(())
    }

    pub(crate) fn add_finding(&mut self, model: &Model, finding: Finding) -> Result<(), CatalogueError> {
        let json = serde_json::to_value(&finding).map_err(|error| CatalogueError {
            what: "finding",
            why: error.to_string(),
        })?;
        checked(model, "finding", "AuditFinding", &json)?;
        if let Some(before) = self.findings.insert(finding.finding_id.clone(), finding.clone())
            && let Some(ids) = self.by_audit.get_mut(&before.task_id)
        {
            ids.retain(|id| *id != before.finding_id);
        }
        self.by_audit
            .entry(finding.task_id)
            .or_default()
            .push(finding.finding_id);
        Ok(())
    }

    pub(crate) fn add_action(&mut self, model: &Model, action: Action) -> Result<(), CatalogueError> {
        let json = serde_json::to_value(&action).map_err(|error| CatalogueError {
            what: "action",
            why: error.to_string(),
        })?;
        checked(model, "action", "DescribeMitigationActionResponse", &json)?;
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
        Some(why) => Err(CatalogueError { what, why }),
        None if verdict.unknown.is_empty() => Ok(()),
        None => Err(CatalogueError {
            what,
            why: format!("unknown members: {}", verdict.unknown.join(", ")),
        }),
    }
}
