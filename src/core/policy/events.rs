//! Which events a change of the status makes: one for each audit that is noted, and for each change of what matters.

use super::compliance::Expectation;
use super::observed::ObservedPolicy;
use super::own_task::{OwnTask, Standing};
use super::records::{SUPERSEDED, SUSPENDED};
use super::status::{COMPLIANT, READY};
use crate::api::{AuditMitigationPolicyStatus, AuditOutcome, AuditRecord, Reason};
use crate::core::condition::find;
use crate::core::event::EventDraft;

/// The audits that a status write notes, the oldest first.
pub fn noted<'a>(
    before: Option<&AuditMitigationPolicyStatus>,
    after: &'a AuditMitigationPolicyStatus,
) -> impl Iterator<Item = &'a AuditRecord> {
    let known: Vec<&str> = before
        .filter(|before| before.watching == after.watching)
        .into_iter()
        .flat_map(|before| &before.audits)
        .map(|record| record.audit_task_id.as_str())
        .collect();
    let new = after.audits.iter().rev();
    new.filter(move |record| !known.contains(&record.audit_task_id.as_str()))
        .collect::<Vec<_>>()
        .into_iter()
}

/// The events of a status write.
pub fn event_drafts(
    policy: &ObservedPolicy,
    after: &AuditMitigationPolicyStatus,
    tasks: &[OwnTask],
) -> Vec<EventDraft> {
    let before = policy.status.as_ref();
    let mut events: Vec<EventDraft> = Vec::new();
    events.extend(not_scheduled(policy, after));
    events.extend(noted(before, after).filter_map(|record| of_audit(record, tasks)));
    events.extend(superseded(before, after));
    events.extend(refused(before, after));
    events.extend(compliance(before, after));
    events
}

fn of_audit(record: &AuditRecord, tasks: &[OwnTask]) -> Option<EventDraft> {
    let id = &record.audit_task_id;
    let counts = counts(record);
    let reason = record.reason.as_deref().unwrap_or_default();
    let (is_warning, event, note) = match record.outcome {
        // That everything is compliant is told when it changes.
        AuditOutcome::Compliant => return None,
        AuditOutcome::TaskCreated => {
            let name = record.task.as_deref().unwrap_or_default();
            let mut unknown = tasks.iter().filter(|task| task.standing() == Standing::Unknown);
            let (is_warning, unknown) = match unknown.next_back() {
                Some(task) => (
                    true,
                    format!(
                        "; whether task {} still runs, nobody knows: look at its status",
                        task.name
                    ),
                ),
                None => (false, String::new()),
            };
            let note = format!("audit {id} found {counts}: task {name} was made{unknown}");
            (is_warning, Reason::TaskCreated, note)
        }
        AuditOutcome::Skipped => {
            let note = format!("no task was made for audit {id} ({reason}), which found {counts}");
            (reason != SUSPENDED, Reason::AuditSkipped, note)
        }
        AuditOutcome::AuditFailed => {
            let note = format!("audit {id} is not acted on: {reason}");
            (true, Reason::AuditFailed, note)
        }
    };
    Some(EventDraft {
        is_warning,
        action: "Judge".to_owned(),
        reason: event,
        note,
    })
}

/// The task of an audit that was noted before was called superseded.
fn superseded(
    before: Option<&AuditMitigationPolicyStatus>,
    after: &AuditMitigationPolicyStatus,
) -> impl Iterator<Item = EventDraft> {
    let is_new = |record: &&AuditRecord| {
        let was = before.and_then(|before| {
            let mut known = before.audits.iter();
            known.find(|known| known.audit_task_id == record.audit_task_id)
        });
        let is_superseded = record.reason.as_deref() == Some(SUPERSEDED);
        is_superseded && was.is_some_and(|was| was.outcome == AuditOutcome::TaskCreated)
    };
    let drafts = after.audits.iter().filter(is_new).map(|record| EventDraft {
        is_warning: false,
        action: "Supersede".to_owned(),
        reason: Reason::TaskSuperseded,
        note: format!(
            "task {} of audit {} had not started when a newer audit completed: it is deleted",
            record.task.as_deref().unwrap_or_default(),
            record.audit_task_id
        ),
    });
    drafts.collect::<Vec<_>>().into_iter()
}

/// What is in the way, where somebody has to change something in the cluster or in the spec.
fn refused(before: Option<&AuditMitigationPolicyStatus>, after: &AuditMitigationPolicyStatus) -> Option<EventDraft> {
    let ready = find(&after.conditions, READY)?;
    let was = before.and_then(|before| find(&before.conditions, READY));
    let reason = [Reason::TaskRefused, Reason::ScheduledAuditNotFound]
        .into_iter()
        .find(|reason| ready.reason == reason.as_str())?;
    was.is_none_or(|was| was.reason != ready.reason || was.message != ready.message)
        .then(|| EventDraft {
            is_warning: true,
            action: "Reconcile".to_owned(),
            reason,
            note: ready.message.clone(),
        })
}

/// Once a generation, and when the schedule changes.
fn not_scheduled(policy: &ObservedPolicy, after: &AuditMitigationPolicyStatus) -> Option<EventDraft> {
    let before = policy.status.as_ref();
    let is_new = !policy.is_observed() || before.is_none_or(|before| before.schedule != after.schedule);
    let (schedule, desired) = (after.schedule.as_ref()?, policy.desired.as_ref().ok()?);
    let expectation = Expectation {
        mapping: &desired.mapping,
        scheduled: Some(&schedule.checks),
        period: None,
    };
    let missing = expectation.not_scheduled();
    (is_new && !missing.is_empty()).then(|| EventDraft {
        is_warning: true,
        action: "Validate".to_owned(),
        reason: Reason::CheckNotAudited,
        note: format!(
            "the scheduled audit {} doesn't run {}: nothing is done about these checks until it does",
            desired.schedule,
            missing.join(", ")
        ),
    })
}

/// On the change only.
fn compliance(before: Option<&AuditMitigationPolicyStatus>, after: &AuditMitigationPolicyStatus) -> Option<EventDraft> {
    let compliant = find(&after.conditions, COMPLIANT)?;
    let was = before.and_then(|before| find(&before.conditions, COMPLIANT));
    let reason = match compliant.status.as_str() {
        "True" => Reason::Compliant,
        "False" => Reason::FindingsLeft,
        _ => return None,
    };
    was.is_none_or(|was| was.status != compliant.status)
        .then(|| EventDraft {
            is_warning: false,
            action: "Judge".to_owned(),
            reason,
            note: compliant.message.clone(),
        })
}

/// As in "12 of `DEVICE_CERTIFICATE_EXPIRING_CHECK`".
fn counts(record: &AuditRecord) -> String {
    let of_check = record
        .findings
        .iter()
        .map(|(check, number)| format!("{number} of {check}"));
    let counts: Vec<String> = of_check.collect();
    if counts.is_empty() {
        "nothing in the checks of the mapping".to_owned()
    } else {
        counts.join(", ")
    }
}
