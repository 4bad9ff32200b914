//! Between the shapes of the SDK and those of the core.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_iot::operation::describe_audit_mitigation_actions_task::DescribeAuditMitigationActionsTaskOutput;
use aws_sdk_iot::types::{
    AuditMitigationActionExecutionMetadata, AuditMitigationActionsTaskStatus, AuditMitigationActionsTaskTarget,
    TaskStatisticsForAuditCheck,
};

use super::reads;
use super::text::cut_to;
use super::times;
use crate::api::{FindingFailure, FindingStatistics, Target};
use crate::core::answer::{Described, TaskState};

/// The longest message of a failed action in the status.
const MAX_FAILURE_MESSAGE: usize = 256;
/// The longest id or name in the service's model; what is longer is none of the service's.
const MAX_NAME: usize = 128;
/// The most checks of a mapping by the CRD: a task can have statistics of no more.
const MAX_CHECKS: usize = 100;

/// An id as the service's model has it: what isn't one can't be asked for.
pub(super) fn is_task_id(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// The target of a Start.
pub(super) fn target(target: &Target) -> AuditMitigationActionsTaskTarget {
    let Target {
        audit_task_id,
        finding_ids,
        audit_check_to_reason_code_filter,
    } = target;
    let filter = audit_check_to_reason_code_filter.as_ref();
    AuditMitigationActionsTaskTarget::builder()
        .set_audit_task_id(audit_task_id.clone())
        .set_finding_ids(finding_ids.as_deref().map(sorted))
        .set_audit_check_to_reason_code_filter(filter.map(|filter| {
            filter
                .iter()
                .map(|(check, codes)| (check.clone(), sorted(codes)))
                .collect()
        }))
        .build()
}

/// Sets in one order, so that the same request has the same body however the manifest lists them.
fn sorted(set: &[String]) -> Vec<String> {
    let mut list = set.to_vec();
    list.sort_unstable();
    list
}

/// The mapping of a Start.
pub(super) fn mapping(mapping: &BTreeMap<String, Vec<String>>) -> HashMap<String, Vec<String>> {
    mapping
        .iter()
        .map(|(check, actions)| (check.clone(), actions.clone()))
        .collect()
}

/// A task as the service describes it.
pub(super) fn described(output: DescribeAuditMitigationActionsTaskOutput) -> Described {
    Described {
        state: state(output.task_status.as_ref()),
        start_time: output.start_time.as_ref().and_then(times::whole_seconds),
        end_time: output.end_time.as_ref().and_then(times::whole_seconds),
        statistics: statistics_by_check(output.task_statistics.unwrap_or_default()),
        target: output.target.map(|target| Target {
            audit_task_id: target.audit_task_id,
            finding_ids: target.finding_ids,
            audit_check_to_reason_code_filter: target
                .audit_check_to_reason_code_filter
                .map(|filter| filter.into_iter().collect()),
        }),
        mapping: output
            .audit_check_to_actions_mapping
            .map(|mapping| mapping.into_iter().collect()),
        actions: reads::applied(output.actions_definition),
    }
}

fn state(status: Option<&AuditMitigationActionsTaskStatus>) -> TaskState {
    match status {
        Some(AuditMitigationActionsTaskStatus::InProgress) => TaskState::InProgress,
        Some(AuditMitigationActionsTaskStatus::Completed) => TaskState::Completed,
        Some(AuditMitigationActionsTaskStatus::Failed) => TaskState::Failed,
        Some(AuditMitigationActionsTaskStatus::Canceled) => TaskState::Canceled,
        Some(other) => TaskState::Other(cut_to(other.as_str(), 64)),
        None => TaskState::Other(String::new()),
    }
}

/// Bounded, because they become part of the resource, whose size is limited.
fn statistics_by_check(checks: HashMap<String, TaskStatisticsForAuditCheck>) -> BTreeMap<String, FindingStatistics> {
    let named = checks.into_iter().filter(|(check, _)| check.len() <= MAX_NAME);
    let sorted: BTreeMap<_, _> = named.map(|(check, counts)| (check, statistics(&counts))).collect();
    sorted.into_iter().take(MAX_CHECKS).collect()
}

fn statistics(counts: &TaskStatisticsForAuditCheck) -> FindingStatistics {
    FindingStatistics {
        total_findings_count: counts.total_findings_count,
        failed_findings_count: counts.failed_findings_count,
        succeeded_findings_count: counts.succeeded_findings_count,
        skipped_findings_count: counts.skipped_findings_count,
        canceled_findings_count: counts.canceled_findings_count,
    }
}

/// An action that failed, as the status shows it.
pub(super) fn failure(execution: AuditMitigationActionExecutionMetadata, check_name: Option<&str>) -> FindingFailure {
    FindingFailure {
        finding_id: name(&execution.finding_id.unwrap_or_default()),
        check_name: check_name.map(name),
        action_name: execution.action_name.as_deref().map(name),
        error_code: execution.error_code.as_deref().map(name),
        message: execution.message.map(|message| cut_to(&message, MAX_FAILURE_MESSAGE)),
    }
}

fn name(text: &str) -> String {
    cut_to(text, MAX_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_bounded() {
        let counts = || TaskStatisticsForAuditCheck::builder().total_findings_count(1).build();
        let mut checks: HashMap<String, _> = (0..150).map(|n| (format!("CHECK_{n:03}"), counts())).collect();
        checks.insert("A".repeat(MAX_NAME + 1), counts());
        let kept = statistics_by_check(checks);
        let names: Vec<_> = kept.keys().map(String::as_str).collect();
        assert_eq!(
            (names.len(), names[0], names[99]),
            (MAX_CHECKS, "CHECK_000", "CHECK_099")
        );
    }
}
