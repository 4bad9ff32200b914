//! What the API server adds and removes.

use audit_mitigation_operator::api::AuditMitigationTask;
use kube::Api;
use serde_json::json;

use super::{Server, spec_with, task};

#[tokio::test]
async fn a_new_resource_says_that_nobody_has_looked_at_it() {
    let server = Server::shared("defaults").await;
    let created = server.create("new", &spec_with(&json!({}))).await;
    assert_eq!(created.data["status"], json!({"observedGeneration": -1}));
    // A status that comes with a manifest, as from a backup, is nobody's word.
    let mut restored = task("restored", &spec_with(&json!({})));
    restored["status"] = json!({"phase": "Completed", "taskId": "theirs"});
    let restored = server.try_create(&restored).await.unwrap();
    assert_eq!(restored.data["status"], json!({"observedGeneration": -1}));
}

#[tokio::test]
async fn only_the_deletion_policy_is_written_into_a_spec() {
    let server = Server::shared("defaults").await;
    let created = server.create("new", &spec_with(&json!({}))).await;
    assert_eq!(created.data["spec"], spec_with(&json!({"deletionPolicy": "Cancel"})));
}

#[tokio::test]
async fn lists_keep_their_order() {
    let server = Server::shared("defaults").await;
    let spec = spec_with(&json!({
        "deletionPolicy": "Orphan",
        "target": {"auditTaskId": null, "findingIds": ["z", "a", "m"]},
        "auditCheckToActionsMapping": {"CHECK": ["Z", "A", "M"]},
    }));
    assert_eq!(server.create("order", &spec).await.data["spec"], spec);
}

#[tokio::test]
async fn unknown_fields_are_refused_by_kubectl_and_pruned_otherwise() {
    let server = Server::shared("defaults").await;
    let manifest = task(
        "unknown",
        &spec_with(&json!({"taskID": "typo", "target": {"findingIDs": ["f-1"]}})),
    );
    let args = ["create", "--namespace", &server.namespace, "-f", "-"];
    let output = server
        .cluster
        .kubectl_stdin(&args, &manifest.to_string())
        .await
        .unwrap();
    let refusal = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "it was accepted");
    for field in [
        "unknown field \"spec.taskID\"",
        "unknown field \"spec.target.findingIDs\"",
    ] {
        assert!(refusal.contains(field), "{refusal}");
    }
    let pruned = server.try_create(&manifest).await.unwrap();
    assert_eq!(pruned.data["spec"], spec_with(&json!({"deletionPolicy": "Cancel"})));
}

/// Conditions are merged by their type, so that another controller could add its own.
#[tokio::test]
async fn conditions_are_keyed_by_type() {
    let server = Server::shared("defaults").await;
    server.create("conditions", &spec_with(&json!({}))).await;
    let condition = json!({
        "type": "Ready", "status": "False", "reason": "Queued", "message": "", "observedGeneration": 1,
        "lastTransitionTime": "2026-01-02T03:04:05Z",
    });
    server
        .write_status("conditions", &json!({"conditions": [condition]}))
        .await
        .unwrap();
    let twice = server
        .write_status("conditions", &json!({"conditions": [condition, condition]}))
        .await
        .unwrap_err();
    assert!(
        twice.contains("status.conditions[1]: Duplicate value") && twice.contains("{\"type\":\"Ready\"}"),
        "{twice}"
    );
}

/// The Rust types read what the schema lets through, and write what it lets in.
#[tokio::test]
async fn the_types_and_the_schema_agree() {
    let server = Server::shared("defaults").await;
    let spec = spec_with(&json!({
        "taskId": "mine", "clientRequestToken": "token", "region": "eu-central-1", "suspend": true, "cancel": true,
        "deletionPolicy": "Orphan", "activeDeadlineSeconds": 1, "ttlSecondsAfterFinished": 0,
        "target": {"auditCheckToReasonCodeFilter": {"CHECK": ["CODE"]}},
        "approval": {"requiredAbove": {"findings": 50, "percent": 2}, "plan": "yar7ayjn7lrgixxi"},
    }));
    server.create("typed", &spec).await;
    let counts = json!({
        "totalFindingsCount": 5, "failedFindingsCount": 1, "succeededFindingsCount": 2,
        "skippedFindingsCount": 1, "canceledFindingsCount": 1,
    });
    let time = "2026-01-02T03:04:05Z";
    let status = json!({
        "observedGeneration": 1, "phase": "Failed", "taskId": "mine", "clientRequestToken": "token",
        "region": "eu-central-1", "startedBy": "Self", "startTime": time, "completionTime": time,
        "attempt": {"taskId": "mine", "requestHash": "hash", "region": "eu-central-1", "time": time},
        "plan": {
            "hash": "yar7ayjn7lrgixxi", "time": time, "findings": 2, "suppressedFindings": 1, "percent": 1,
            "checks": {"CHECK": {
                "findings": 2, "suppressedFindings": 1, "resourcesChecked": 400, "reasonCodes": {"CODE": 2},
                "examples": [{"findingId": "f", "resource": "deviceCertificateId/c", "reasonCode": "CODE"}],
                "truncated": true,
            }},
            "actions": [{
                "name": "a", "type": "ENABLE_IOT_LOGGING", "roleArn": "arn", "parameters": {"logLevel": "ERROR"},
                "lastModified": time,
            }],
        },
        "taskStatistics": {"CHECK": counts}, "progress": "5/5", "failedFindings": 1,
        "failures": [{"findingId": "f", "checkName": "CHECK", "actionName": "a", "errorCode": "e", "message": "m"}],
        "failuresTruncated": true, "nextAttemptTime": time,
        "conditions": [{
            "type": "Ready", "status": "False", "reason": "ActionsFailed", "message": "m", "observedGeneration": 1,
            "lastTransitionTime": time,
        }],
    });
    server.write_status("typed", &status).await.unwrap();
    let client = server.cluster.client().await.unwrap();
    let typed: Api<AuditMitigationTask> = Api::namespaced(client, &server.namespace);
    let typed = typed.get("typed").await.unwrap();
    assert_eq!(serde_json::to_value(&typed.spec).unwrap(), spec);
    assert_eq!(serde_json::to_value(&typed.status).unwrap(), status);
}
