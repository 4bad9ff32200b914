//! Which tasks are too old to be kept: the superseded, and the ended beyond the limits.

use jiff::Timestamp;

use super::desired::DesiredPolicy;
use super::own_task::{OwnTask, Standing};
use crate::api::{AuditOutcome, AuditRecord};

/// The newest completed audit that was noted.
pub fn newest_completed(audits: &[AuditRecord]) -> Option<(&str, Timestamp)> {
    let mut completed = audits.iter().filter(|audit| audit.outcome != AuditOutcome::AuditFailed);
    let newest = completed.next()?;
    Some((&newest.audit_task_id, newest.start_time.0))
}

/// Whether a task has not started and never will: a newer audit than its own has completed.
pub fn is_superseded(task: &OwnTask, (audit_id, start): (&str, Timestamp)) -> bool {
    let is_older = task.audit_start.is_none_or(|audit_start| audit_start < start);
    task.standing() == Standing::NotStarted && task.audit_id.as_deref() != Some(audit_id) && is_older
}

/// The ended tasks that are too many, the oldest first.
pub fn beyond_limits<'a>(tasks: &'a [OwnTask], desired: &DesiredPolicy) -> Vec<&'a OwnTask> {
    let too_many = |completed: bool, limit: usize| {
        let ended: Vec<&OwnTask> = tasks
            .iter()
            .filter(|task| task.standing() == Standing::Ended { completed } && !task.is_deleting)
            .collect();
        let number = ended.len().saturating_sub(limit);
        ended.into_iter().take(number)
    };
    let successful = too_many(true, desired.successful_history);
    successful.chain(too_many(false, desired.failed_history)).collect()
}
