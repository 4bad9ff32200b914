//! Audits and their schedules, as the service describes and lists them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_iot::operation::describe_audit_task::DescribeAuditTaskOutput;
use aws_sdk_iot::operation::describe_scheduled_audit::DescribeScheduledAuditOutput;
use aws_sdk_iot::operation::list_audit_tasks::ListAuditTasksOutput;
use aws_sdk_iot::types::{AuditCheckDetails, AuditCheckRunStatus, AuditFrequency, AuditTaskMetadata, AuditTaskStatus};

use super::super::text::cut_to;
use super::super::times::milliseconds;
use super::{MAX_NAME, PAGE, Unexpected, exact, next_page};
use crate::core::answer::{
    Audit, AuditState, AuditedCheck, AuditsPage, CheckState, Frequency, ListedAudit, ScheduledAudit,
};

/// Several times the checks that the service has, and as many as a mapping can have.
const MAX_CHECKS: usize = 100;
/// The longest status that is told.
const MAX_STATE: usize = 64;

const TOO_MANY_CHECKS: Unexpected = Unexpected::by_the_model("more than 100 checks");
const NO_CHECK: &str = "a name that no check can have";

pub(super) fn audit(output: DescribeAuditTaskOutput) -> Result<Audit, Unexpected> {
    Ok(Audit {
        state: state(output.task_status.as_ref()),
        start_time: output.task_start_time.as_ref().and_then(milliseconds),
        scheduled_audit_name: exact(
            output.scheduled_audit_name,
            MAX_NAME,
            "a name that no scheduled audit can have",
        )?,
        checks: checks(output.audit_details.unwrap_or_default())?,
    })
}

fn checks(details: HashMap<String, AuditCheckDetails>) -> Result<BTreeMap<String, AuditedCheck>, Unexpected> {
    if details.len() > MAX_CHECKS {
        return Err(TOO_MANY_CHECKS);
    }
    let mut checks = BTreeMap::new();
    for (name, details) in details {
        if let Some(name) = exact(Some(name), MAX_NAME, NO_CHECK)? {
            checks.insert(name, check(&details));
        }
    }
    Ok(checks)
}

fn check(details: &AuditCheckDetails) -> AuditedCheck {
    AuditedCheck {
        state: check_state(details.check_run_status.as_ref()),
        resources: count(details.total_resources_count),
        non_compliant: count(details.non_compliant_resources_count),
        suppressed: count(details.suppressed_non_compliant_resources_count),
        error_code: details.error_code.as_deref().map(|code| cut_to(code, MAX_NAME)),
    }
}

/// Less than nothing is no number: nobody may count with it.
fn count(number: Option<i64>) -> Option<i64> {
    number.filter(|number| *number >= 0)
}

fn state(status: Option<&AuditTaskStatus>) -> AuditState {
    match status {
        Some(AuditTaskStatus::InProgress) => AuditState::InProgress,
        Some(AuditTaskStatus::Completed) => AuditState::Completed,
        Some(AuditTaskStatus::Failed) => AuditState::Failed,
        Some(AuditTaskStatus::Canceled) => AuditState::Canceled,
        Some(other) => AuditState::Other(cut_to(other.as_str(), MAX_STATE)),
        None => AuditState::Other(String::new()),
    }
}

fn check_state(status: Option<&AuditCheckRunStatus>) -> CheckState {
    match status {
        Some(AuditCheckRunStatus::InProgress | AuditCheckRunStatus::WaitingForDataCollection) => CheckState::InProgress,
        Some(AuditCheckRunStatus::CompletedCompliant) => CheckState::Compliant,
        Some(AuditCheckRunStatus::CompletedNonCompliant) => CheckState::NonCompliant,
        Some(AuditCheckRunStatus::Failed) => CheckState::Failed,
        Some(AuditCheckRunStatus::Canceled) => CheckState::Canceled,
        Some(other) => CheckState::Other(cut_to(other.as_str(), MAX_STATE)),
        None => CheckState::Other(String::new()),
    }
}

pub(super) fn page(output: ListAuditTasksOutput, asked: Option<&str>) -> Result<AuditsPage, Unexpected> {
    let tasks = output.tasks.unwrap_or_default();
    if tasks.len() > usize::from(PAGE) {
        return Err(Unexpected::by_the_model("more than 250 audits in a page"));
    }
    Ok(AuditsPage {
        audits: tasks.into_iter().map(listed).collect::<Result<_, _>>()?,
        next_token: next_page(output.next_token, asked)?,
    })
}

/// One that can't be asked about could be the newest of all: to leave it out would bring an older one to the front.
fn listed(task: AuditTaskMetadata) -> Result<ListedAudit, Unexpected> {
    let no_id = "an audit whose id no audit can have";
    Ok(ListedAudit {
        state: state(task.task_status.as_ref()),
        id: exact(task.task_id, MAX_NAME, no_id)?.ok_or(Unexpected::by_the_model(no_id))?,
    })
}

pub(super) fn schedule(output: DescribeScheduledAuditOutput) -> Result<ScheduledAudit, Unexpected> {
    let mut checks = BTreeSet::new();
    for name in output.target_check_names.unwrap_or_default() {
        checks.extend(exact(Some(name), MAX_NAME, NO_CHECK)?);
    }
    if checks.len() > MAX_CHECKS {
        return Err(TOO_MANY_CHECKS);
    }
    Ok(ScheduledAudit {
        frequency: output.frequency.as_ref().and_then(frequency),
        checks: checks.into_iter().collect(),
    })
}

fn frequency(frequency: &AuditFrequency) -> Option<Frequency> {
    match frequency {
        AuditFrequency::Daily => Some(Frequency::Daily),
        AuditFrequency::Weekly => Some(Frequency::Weekly),
        AuditFrequency::Biweekly => Some(Frequency::Biweekly),
        AuditFrequency::Monthly => Some(Frequency::Monthly),
        _ => None,
    }
}
