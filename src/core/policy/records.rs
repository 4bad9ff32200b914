//! The record of the last audits: `status.audits`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::assessment::{Assessment, failure};
use super::history::{is_superseded, newest_completed};
use super::names;
use super::observation::PolicyObservation;
use super::own_task::OwnTask;
use super::verdict::{NewAudit, Row, Verdict};
use crate::api::{AuditOutcome, AuditRecord};
use crate::core::answer::AuditState;

/// How many audits are kept.
const MAX_AUDITS: usize = 10;

/// Why an audit was skipped, or its task deleted: a newer one completed.
pub const SUPERSEDED: &str = "Superseded";
/// Why an audit was skipped: it began too long ago.
pub const TOO_OLD: &str = "TooOld";
/// Why an audit was skipped: the name of its task is taken.
pub const NAME_TAKEN: &str = "NameTaken";
/// Why an audit was skipped: the policy makes no tasks.
pub const SUSPENDED: &str = "Suspended";

/// The record with what the verdict notes, the newest first; each task's entry says what is known of the task now.
///
/// That a task is superseded is said before it is deleted: so a crash in between leaves a record that is true, or one that
/// the task itself shows to be wrong.
pub fn records(o: &PolicyObservation<'_>, verdict: &Verdict<'_>) -> Vec<AuditRecord> {
    let stored = o
        .policy
        .status
        .as_ref()
        .filter(|_| o.is_watching() || o.watching().is_none());
    let mut records = stored.map(|status| status.audits.clone()).unwrap_or_default();
    if verdict.notes() {
        for new in &verdict.newer {
            records.insert(0, record(o, verdict, new));
        }
    }
    let newest = superseding(verdict, &records);
    if let Some(newest) = &newest {
        for record in &mut records {
            refresh(record, o.tasks, (&newest.0, newest.1));
        }
    }
    records.truncate(MAX_AUDITS);
    records
}

/// The completed audit that supersedes tasks of older ones.
pub fn superseding(verdict: &Verdict<'_>, records: &[AuditRecord]) -> Option<(String, jiff::Timestamp)> {
    let judged = verdict.judged.map(|audit| (audit.id, audit.start));
    let newest = judged.or_else(|| newest_completed(records));
    newest.map(|(id, start)| (id.to_owned(), start))
}

/// What is noted of an audit.
fn record(o: &PolicyObservation<'_>, verdict: &Verdict<'_>, new: &NewAudit<'_>) -> AuditRecord {
    let mapping = o.desired().map(|desired| &desired.mapping);
    let assessment = match (&new.audit.state, mapping) {
        (AuditState::Completed, Some(mapping)) => Assessment::of(new.audit, mapping),
        _ => Assessment::default(),
    };
    let is_judged = verdict.judged.is_some_and(|judged| judged.id == new.id);
    let skipped = |reason: &str| (AuditOutcome::Skipped, Some(reason.to_owned()));
    let (outcome, reason) = match (&new.audit.state, verdict.row) {
        (AuditState::Failed | AuditState::Canceled, _) => (AuditOutcome::AuditFailed, Some(failure(new.audit))),
        _ if !is_judged => skipped(SUPERSEDED),
        (_, Row::Compliant) => (AuditOutcome::Compliant, Some(assessment.reason)),
        (_, Row::Suspended) => skipped(SUSPENDED),
        (_, Row::TooOld) => skipped(TOO_OLD),
        (_, Row::NameTaken) => skipped(NAME_TAKEN),
        _ => (AuditOutcome::TaskCreated, None),
    };
    let own = o.tasks.iter().find(|task| task.audit_id.as_deref() == Some(new.id));
    let made = (outcome == AuditOutcome::TaskCreated).then(|| names::task_name(&o.policy.name, new.id));
    AuditRecord {
        audit_task_id: new.id.to_owned(),
        start_time: MicroTime(new.start),
        outcome,
        reason,
        findings: assessment.findings,
        task: own.map(|task| task.name.clone()).or(made),
    }
}

/// A task that is there says what became of its audit.
fn refresh(record: &mut AuditRecord, tasks: &[OwnTask], newest: (&str, jiff::Timestamp)) {
    let Some(task) = tasks.iter().find(|task| record.task.as_ref() == Some(&task.name)) else {
        return;
    };
    if is_superseded(task, newest) {
        record.outcome = AuditOutcome::Skipped;
        record.reason = Some(SUPERSEDED.to_owned());
    } else if task.has_started() && record.reason.as_deref() == Some(SUPERSEDED) {
        record.outcome = AuditOutcome::TaskCreated;
        record.reason = None;
    }
}
