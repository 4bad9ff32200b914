//! What a policy asks for: its spec, parsed.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::api::{Approval, AuditMitigationPolicySpec, DeletionPolicy};

/// How many ended tasks of each kind of ending are kept.
const HISTORY: usize = 3;

/// What a policy asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredPolicy {
    /// `spec.scheduledAuditName`
    pub schedule: String,
    /// `spec.region`
    pub region: Option<String>,
    /// `spec.auditCheckToActionsMapping`
    pub mapping: BTreeMap<String, Vec<String>>,
    /// `spec.auditCheckToReasonCodeFilter`
    pub filter: BTreeMap<String, Vec<String>>,
    /// `spec.approval`
    pub approval: Approval,
    /// `spec.suspend`
    pub suspend: bool,
    /// `spec.startingDeadlineSeconds`
    pub deadline: Option<Duration>,
    /// `spec.successfulTasksHistoryLimit`
    pub successful_history: usize,
    /// `spec.failedTasksHistoryLimit`
    pub failed_history: usize,
    /// `spec.deletionPolicy`
    pub deletion_policy: Option<DeletionPolicy>,
    /// `spec.activeDeadlineSeconds`
    pub active_deadline_seconds: Option<i64>,
}

impl DesiredPolicy {
    /// # Errors
    /// What is missing. A policy that was stored before the rule must not start tasks without a plan.
    pub(super) fn parse(spec: &AuditMitigationPolicySpec) -> Result<Self, String> {
        // No `..`: a new field doesn't compile until somebody has decided what it means here.
        let AuditMitigationPolicySpec {
            scheduled_audit_name,
            region,
            audit_check_to_actions_mapping,
            audit_check_to_reason_code_filter,
            approval,
            suspend,
            starting_deadline_seconds,
            successful_tasks_history_limit,
            failed_tasks_history_limit,
            deletion_policy,
            active_deadline_seconds,
        } = spec;
        let approval = approval.clone().ok_or("approval is missing")?;
        let limit = |limit: Option<i64>| limit.map_or(HISTORY, |limit| usize::try_from(limit).unwrap_or_default());
        Ok(Self {
            schedule: scheduled_audit_name.clone(),
            region: region.clone(),
            mapping: audit_check_to_actions_mapping.clone(),
            filter: audit_check_to_reason_code_filter.clone().unwrap_or_default(),
            approval,
            suspend: suspend.unwrap_or_default(),
            deadline: starting_deadline_seconds
                .map(|seconds| Duration::from_secs(seconds.try_into().unwrap_or_default())),
            successful_history: limit(*successful_tasks_history_limit),
            failed_history: limit(*failed_tasks_history_limit),
            deletion_policy: *deletion_policy,
            active_deadline_seconds: *active_deadline_seconds,
        })
    }
}
