//! Between the shapes of the SDK and those of the core.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_iot::operation::describe_audit_mitigation_actions_task::DescribeAuditMitigationActionsTaskOutput;
use aws_sdk_iot::primitives::DateTime;
use aws_sdk_iot::types::{
    AuditMitigationActionExecutionMetadata, AuditMitigationActionsTaskStatus, AuditMitigationActionsTaskTarget,
    TaskStatisticsForAuditCheck,
};
use jiff::Timestamp;

use super::classify::cut_to;
use crate::api::{FindingFailure, FindingStatistics, Target};
use crate::core::answer::{Described, TaskState};

/// The longest message of a failed action in the status.
const MAX_FAILURE_MESSAGE: usize = 256;

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
        start_time: output.start_time.as_ref().and_then(timestamp),
        end_time: output.end_time.as_ref().and_then(timestamp),
        statistics: output
            .task_statistics
            .unwrap_or_default()
            .into_iter()
            .map(|(check, counts)| (check, statistics(&counts)))
            .collect(),
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
pub(super) fn failure(execution: AuditMitigationActionExecutionMetadata, check_name: Option<String>) -> FindingFailure {
    FindingFailure {
        finding_id: execution.finding_id.unwrap_or_default(),
        check_name,
        action_name: execution.action_name,
        error_code: execution.error_code,
        message: execution.message.map(|message| cut_to(&message, MAX_FAILURE_MESSAGE)),
    }
}

/// Whole seconds: Kubernetes stores no more.
fn timestamp(time: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(time.secs()).ok()
}
