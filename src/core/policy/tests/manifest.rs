//! The manifest of a task, to the letter.

use serde_json::{Value, json};

use super::bench::{Bench, EXPIRING, REVOKED};
use crate::core::answer::{AuditState, CheckState};
use crate::core::policy::step::Step;

const AUDIT: &str = "3f2ad1c09e6b4d7f8a5012c3b4d5e6f7";

fn made(bench: &mut Bench) -> Value {
    bench.write_status();
    let due = bench.decide().due;
    let made = due.into_iter().find_map(|step| match step {
        Step::CreateTask { audit_id, task } => {
            assert_eq!(audit_id, AUDIT);
            Some(serde_json::to_value(task).unwrap())
        }
        _ => None,
    });
    made.unwrap()
}

#[test]
fn a_task_has_what_the_audit_found_and_nothing_else_of_the_policy() {
    let mut bench = Bench::watching();
    let checks = [(EXPIRING, CheckState::Compliant), (REVOKED, CheckState::NonCompliant)];
    bench.add(AUDIT, "2026-05-01T06:00:00.250Z", AuditState::Completed, &checks);
    assert_eq!(
        made(&mut bench),
        json!({
            "apiVersion": "devicedefender.dev/v1alpha1",
            "kind": "AuditMitigationTask",
            "metadata": {
                "name": "nightly-3f2ad1c09e6b4d7f8a5012c3b4d5e6f7",
                "namespace": "fleet",
                "labels": { "devicedefender.dev/policy": "nightly" },
                "annotations": { "devicedefender.dev/audit-start-time": "2026-05-01T06:00:00.25Z" },
                "ownerReferences": [{
                    "apiVersion": "devicedefender.dev/v1alpha1",
                    "kind": "AuditMitigationPolicy",
                    "name": "nightly",
                    "uid": "uid",
                    "controller": true,
                    "blockOwnerDeletion": false,
                }],
            },
            "spec": {
                "taskId": "fleet_nightly_3f2ad1c09e6b4d7f8a5012c3b4d5e6f7",
                "target": { "auditTaskId": AUDIT },
                "auditCheckToActionsMapping": { REVOKED: ["Deactivate", "Tell"] },
                "approval": { "requiredAbove": { "findings": 50 } },
            },
        })
    );
}

#[test]
fn the_filter_of_its_checks_and_what_the_policy_says_of_its_tasks_go_with_it() {
    let mut bench = Bench::watching();
    bench.edit("region", json!("eu-central-1"));
    bench.edit("deletionPolicy", json!("Orphan"));
    bench.edit("activeDeadlineSeconds", json!(600));
    bench.edit("approval", json!({ "plan": "k7d2m4q3h5xw6tza" }));
    bench.add_completed(AUDIT, "2026-05-01T06:00:00Z");
    let spec = made(&mut bench)["spec"].take();
    assert_eq!(
        spec,
        json!({
            "taskId": "fleet_nightly_3f2ad1c09e6b4d7f8a5012c3b4d5e6f7",
            "target": {
                "auditTaskId": AUDIT,
                "auditCheckToReasonCodeFilter": { EXPIRING: ["CERTIFICATE_PAST_EXPIRATION"] },
            },
            "auditCheckToActionsMapping": { EXPIRING: ["Quarantine"] },
            "region": "eu-central-1",
            "approval": {},
            "deletionPolicy": "Orphan",
            "activeDeadlineSeconds": 600,
        })
    );
}
