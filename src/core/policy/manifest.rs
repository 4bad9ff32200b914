//! The manifest of a task: what a person would have written.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Resource as _;
use kube::api::ObjectMeta;

use super::assessment::Assessment;
use super::desired::DesiredPolicy;
use super::names;
use super::observed::ObservedPolicy;
use super::verdict::NewAudit;
use crate::api::{
    AUDIT_START_TIME_ANNOTATION, Approval, AuditMitigationPolicy, AuditMitigationTask, AuditMitigationTaskSpec,
    POLICY_LABEL, Target,
};

/// The task for an audit with these findings. No other metadata of the policy is copied: Argo CD would prune what has its
/// labels or annotations.
pub fn task(
    policy: &ObservedPolicy,
    desired: &DesiredPolicy,
    audit: &NewAudit<'_>,
    assessment: &Assessment,
) -> AuditMitigationTask {
    let is_found = |check: &String| assessment.findings.contains_key(check);
    let of_found = |map: &BTreeMap<String, Vec<String>>| -> BTreeMap<String, Vec<String>> {
        let found = map.iter().filter(|(check, _)| is_found(check));
        found.map(|(check, list)| (check.clone(), list.clone())).collect()
    };
    let filter = of_found(&desired.filter);
    let spec = AuditMitigationTaskSpec {
        task_id: Some(names::task_id(&policy.namespace, &policy.name, audit.id)),
        target: Target {
            audit_task_id: Some(audit.id.to_owned()),
            finding_ids: None,
            audit_check_to_reason_code_filter: Some(filter).filter(|filter| !filter.is_empty()),
        },
        audit_check_to_actions_mapping: of_found(&desired.mapping),
        // The task's uid, so that it owns its run.
        client_request_token: None,
        region: desired.region.clone(),
        approval: Some(Approval {
            required_above: desired.approval.required_above,
            plan: None,
        }),
        suspend: None,
        cancel: None,
        deletion_policy: desired.deletion_policy,
        active_deadline_seconds: desired.active_deadline_seconds,
        ttl_seconds_after_finished: None,
    };
    AuditMitigationTask {
        metadata: ObjectMeta {
            name: Some(names::task_name(&policy.name, audit.id)),
            namespace: Some(policy.namespace.clone()),
            labels: Some([(POLICY_LABEL.to_owned(), policy.name.clone())].into()),
            annotations: Some([(AUDIT_START_TIME_ANNOTATION.to_owned(), audit.start.to_string())].into()),
            owner_references: Some(vec![OwnerReference {
                api_version: AuditMitigationPolicy::api_version(&()).into_owned(),
                kind: AuditMitigationPolicy::kind(&()).into_owned(),
                name: policy.name.clone(),
                uid: policy.uid.clone(),
                controller: Some(true),
                block_owner_deletion: Some(false),
            }]),
            ..ObjectMeta::default()
        },
        spec,
        status: None,
    }
}
