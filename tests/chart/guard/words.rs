//! The operator's words, its record of a start and the status, are its own: by them it sends a start again.

use audit_mitigation_operator::api::START_RECORD_ANNOTATION;
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use support::eventually;

use super::{Guarded, VERSIONS, said, task, tasks};
use crate::installed::{LIMIT, NAME};

const REFUSAL: &str = "are written by the operator alone";

/// A release's namespace with its service account, a guarded namespace, and a task in it.
struct Release {
    guarded: String,
    operator: Api<DynamicObject>,
    tenant: Api<DynamicObject>,
    admin: Api<DynamicObject>,
    /// A policy in it, for the tenant and for the operator.
    policies: [Api<DynamicObject>; 2],
}

impl Release {
    async fn new() -> Self {
        let cluster = Guarded::shared().await;
        let release = cluster.namespace("release", &json!({})).await;
        let guarded = cluster.namespace("words", &json!({})).await;
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": NAME, "namespace": release },
        });
        // The operator's own rights are the matter of other tests.
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": "operator", "namespace": guarded },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "everything" },
            "subjects": [{ "kind": "ServiceAccount", "name": NAME, "namespace": release }],
        });
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": [account, binding] });
        cluster.cluster.apply(&list.to_string()).await.unwrap();
        let operator = cluster
            .cluster
            .kubeconfig_for_service_account(&release, NAME)
            .await
            .unwrap();
        let operator = cluster.cluster.client_from(&operator).await.unwrap();
        let tenant = tasks(cluster.tenant().await, &guarded, VERSIONS[0]);
        tenant
            .create(&PostParams::default(), &task("task", &json!({})))
            .await
            .unwrap();
        let of_tenant = super::policies(cluster.tenant().await, &guarded);
        of_tenant
            .create(&PostParams::default(), &super::policy("task", &json!({})))
            .await
            .unwrap();
        let rule = json!({ "namespaces": ["nobody"], "checks": ["*"], "actions": ["*"], "regions": ["*"] });
        cluster.guard(&release, &[&guarded], &json!([rule])).await;
        let admin = tasks(cluster.admin().await, &guarded, VERSIONS[0]);
        Self {
            operator: tasks(operator.clone(), &guarded, VERSIONS[0]),
            tenant,
            admin,
            policies: [of_tenant, super::policies(operator, &guarded)],
            guarded,
        }
    }
}

fn record(id: &str) -> Value {
    json!({ "metadata": { "annotations": { START_RECORD_ANNOTATION: json!({ "taskId": id, "region": "us-east-1" }).to_string() } } })
}

async fn patch(api: &Api<DynamicObject>, patch: &Value) -> Result<(), String> {
    let answer = api.patch("task", &PatchParams::default(), &Patch::Merge(patch)).await;
    answer.map(|_| ()).map_err(said)
}

async fn patch_status(api: &Api<DynamicObject>, patch: &Value) -> Result<(), String> {
    let answer = api
        .patch_status("task", &PatchParams::default(), &Patch::Merge(patch))
        .await;
    answer.map(|_| ()).map_err(said)
}

#[tokio::test]
async fn only_the_operator_writes_its_words() {
    let Release {
        guarded,
        operator,
        tenant,
        admin,
        policies,
    } = Release::new().await;
    let status = json!({ "status": { "observedGeneration": 1, "attempt": {
        "taskId": format!("{guarded}_task"), "requestHash": "0", "region": "us-east-1", "time": "2026-01-01T00:00:00Z",
    } } });
    eventually(LIMIT, "the guard is in force", async || {
        // The number of the try keeps the patch from being the same as the last one.
        match patch(&tenant, &record(&fresh())).await {
            Err(said) if said.contains(REFUSAL) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
    let said = patch_status(&tenant, &status).await.unwrap_err();
    assert!(said.contains(REFUSAL), "{said}");

    // What the operator does, and how it does it: no rule allows this namespace anything.
    patch(&operator, &record("task")).await.unwrap();
    let finalizer = json!({ "metadata": { "finalizers": ["devicedefender.dev/task"] } });
    patch(&operator, &finalizer).await.unwrap();
    patch_status(&operator, &status).await.unwrap();

    // Whatever else people do to the metadata of a task that has a record.
    let said = patch(&tenant, &record("another")).await.unwrap_err();
    assert!(said.contains(REFUSAL), "{said}");
    patch(&tenant, &json!({ "metadata": { "labels": { "a": "b" } } }))
        .await
        .unwrap();
    patch(
        &tenant,
        &json!({ "metadata": { "annotations": { START_RECORD_ANNOTATION: null } } }),
    )
    .await
    .unwrap();

    // A policy's status says which audits are done with.
    let status = json!({ "status": { "observedGeneration": 1 } });
    let said = patch_status(&policies[0], &status).await.unwrap_err();
    assert!(said.contains(REFUSAL), "{said}");
    patch_status(&policies[1], &status).await.unwrap();

    // Repairs.
    patch(&admin, &record("third")).await.unwrap();
    patch_status(&admin, &json!({ "status": { "attempt": null } }))
        .await
        .unwrap();
}

/// An id that no earlier try has used.
fn fresh() -> String {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("try-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}
