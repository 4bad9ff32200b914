//! Objects with the statuses that the core writes.

use audit_mitigation_operator::api::{AuditMitigationTaskStatus, Phase, Reason, StartedBy, StoredTask};
use audit_mitigation_operator::core::task::known_task::KnownTask;
use audit_mitigation_operator::core::task::observed::ObservedTask;
use audit_mitigation_operator::core::task::status::draft::StatusDraft;
use audit_mitigation_operator::core::task::status::phase::{ConditionType, status_in};
use audit_mitigation_operator::core::task::status::subject::TaskIn;
use serde_json::{Value, json};

use crate::judge::Judged;
use crate::table::{Row, TABLE};

/// A whole object as the API server stores it.
pub(crate) fn object(status: &Value) -> Value {
    json!({
        "apiVersion": "devicedefender.dev/v1alpha1",
        "kind": "AuditMitigationTask",
        "metadata": {
            "name": "enable-logging",
            "namespace": "security",
            "uid": "6f1c0f0e-0d6a-4f5e-9a53-6ad1a2c5b0d1",
            "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "target": { "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" },
            "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
        },
        "status": status,
    })
}

/// The message of a status.
pub(crate) fn said(phase: Phase, reason: Reason) -> String {
    format!("{phase:?} because of {reason}")
}

/// What the core writes for this phase and reason over what was written before.
fn rendered(
    phase: Phase,
    reason: Reason,
    task: TaskIn,
    before: &AuditMitigationTaskStatus,
) -> AuditMitigationTaskStatus {
    let stored: StoredTask = serde_json::from_value(object(&json!(before))).unwrap();
    let observed = ObservedTask::parse(&stored);
    StatusDraft::new(phase, reason, said(phase, reason))
        .about(task)
        .status_to_write(&observed, None, "2026-01-01T00:01:00Z".parse().unwrap())
        .unwrap_or_else(|| before.clone())
}

/// Whether there is a task in this phase; both where the phase alone doesn't tell.
fn tasks(phase: Phase, reason: Reason) -> Vec<TaskIn> {
    let known = TaskIn::Known(KnownTask {
        task_id: "security_enable-logging_n42z5k2pgv".to_owned(),
        region: "eu-central-1".to_owned(),
        token: "6f1c0f0e-0d6a-4f5e-9a53-6ad1a2c5b0d1".to_owned(),
        started_by: StartedBy::This,
        reason: Reason::Started,
    });
    match status_in(phase, ConditionType::Started) {
        // An end without a start.
        _ if reason == Reason::NothingToDo => vec![TaskIn::Nowhere],
        Some(true) => vec![known],
        Some(false) => vec![TaskIn::Nowhere],
        None => vec![known, TaskIn::Nowhere],
    }
}

/// Every status of the table, each written over none and over the first of every phase.
pub(crate) fn statuses() -> Vec<(Phase, Reason, Judged, AuditMitigationTaskStatus)> {
    let fresh = AuditMitigationTaskStatus::default();
    let mut before = vec![fresh.clone()];
    before.extend(TABLE.iter().filter_map(|Row(phase, _, reasons)| {
        let reason = *reasons.first()?;
        let task = tasks(*phase, reason).into_iter().next()?;
        Some(rendered(*phase, reason, task, &fresh))
    }));
    let mut all = Vec::new();
    for Row(phase, judged, reasons) in &TABLE {
        for reason in *reasons {
            for task in tasks(*phase, *reason) {
                let over = before
                    .iter()
                    .map(|before| rendered(*phase, *reason, task.clone(), before));
                all.extend(over.map(|status| (*phase, *reason, *judged, status)));
            }
        }
    }
    all
}
