//! What a resource asks for: its spec, parsed.

use std::collections::BTreeMap;

use super::identity;
use crate::api::{Approval, AuditMitigationTaskSpec, DeletionPolicy, StartRecord, Target};
use crate::core::mitigation_plan::PlanRequest;

/// What a resource asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredTask {
    /// `spec.taskId` or the default id.
    pub task_id: String,
    /// `spec.target`
    pub target: Target,
    /// `spec.auditCheckToActionsMapping`
    pub mapping: BTreeMap<String, Vec<String>>,
    /// `spec.clientRequestToken`
    pub token: Option<String>,
    /// `spec.region`
    pub region: Option<String>,
    /// The hash of the whole request.
    pub request_hash: String,
    /// `spec.approval`
    pub approval: Option<Approval>,
    /// `spec.suspend`
    pub suspend: bool,
    /// `spec.cancel`
    pub cancel: bool,
    /// `spec.deletionPolicy`
    pub deletion_policy: DeletionPolicy,
    /// `spec.activeDeadlineSeconds`
    pub deadline_seconds: Option<i64>,
    /// `spec.ttlSecondsAfterFinished`
    pub ttl_seconds: Option<i64>,
}

impl DesiredTask {
    pub(super) fn parse(namespace: &str, name: &str, spec: &AuditMitigationTaskSpec) -> Self {
        // No `..`: a new field doesn't compile until somebody has decided what it means here.
        let AuditMitigationTaskSpec {
            task_id: _,
            target,
            audit_check_to_actions_mapping,
            client_request_token,
            region,
            approval,
            suspend,
            cancel,
            deletion_policy,
            active_deadline_seconds,
            ttl_seconds_after_finished,
        } = spec;
        let task_id = identity::task_id(namespace, name, spec);
        Self {
            request_hash: identity::request_hash(&task_id, spec),
            task_id,
            target: target.clone(),
            mapping: audit_check_to_actions_mapping.clone(),
            token: client_request_token.clone(),
            region: region.clone(),
            approval: approval.clone(),
            suspend: suspend.unwrap_or_default(),
            cancel: cancel.unwrap_or_default(),
            deletion_policy: deletion_policy.unwrap_or_default(),
            deadline_seconds: *active_deadline_seconds,
            ttl_seconds: *ttl_seconds_after_finished,
        }
    }

    /// What its plan is made for, in this region.
    pub fn plan_request<'a>(&'a self, region: &'a str) -> PlanRequest<'a> {
        PlanRequest {
            region,
            target: &self.target,
            mapping: &self.mapping,
        }
    }

    /// Whether the request is still the one of this record.
    pub(super) fn is_request_of(&self, record: &StartRecord) -> bool {
        self.request_hash == record.request_hash && self.task_id == record.task_id
    }

    /// Whether the spec asks that nothing is started.
    pub(super) const fn holds_start_back(&self) -> bool {
        self.suspend || self.cancel
    }
}
