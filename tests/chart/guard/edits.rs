//! Edits: no way around a rule, and none shuts in what was there before the guard.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use support::eventually;

use super::{Guarded, VERSIONS, said, task, tasks};
use crate::installed::LIMIT;

const FORBIDDEN: &str = "may use the checks";

fn forbidden() -> Value {
    json!({ "auditCheckToActionsMapping": { "FORBIDDEN_CHECK": ["EnableLogging"] } })
}

/// A namespace whose guard allows one check, with one action.
async fn guarded(cluster: &Guarded, namespace: &str) {
    let rule = json!({
        "namespaces": [namespace], "checks": ["LOGGING_DISABLED_CHECK"], "actions": ["EnableLogging"],
        "regions": ["default"],
    });
    cluster.guard(namespace, &[namespace], &json!([rule])).await;
    eventually(LIMIT, "the guard is in force", async || {
        let answer = cluster.create(namespace, &forbidden()).await;
        answer.err().map(|_| ()).ok_or("not yet")
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_task_that_was_let_through_is_not_edited_into_another() {
    let cluster = Guarded::shared().await;
    let namespace = cluster.namespace("edits", &json!({})).await;
    guarded(cluster, &namespace).await;
    let api = tasks(cluster.tenant().await, &namespace, VERSIONS[0]);
    api.create(&PostParams::default(), &task("task", &json!({ "suspend": true })))
        .await
        .unwrap();
    let refused = [
        (forbidden(), FORBIDDEN),
        (
            json!({ "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["Deactivate"] } }),
            "actions",
        ),
        (
            json!({ "auditCheckToActionsMapping": { "FORBIDDEN_CHECK": ["EnableLogging"] }, "suspend": false }),
            FORBIDDEN,
        ),
        (
            json!({ "target": { "findingIds": null, "auditTaskId": "a-1" } }),
            "single findings",
        ),
        (json!({ "region": "eu-central-1" }), "may use the regions"),
        (json!({ "taskId": "other_task" }), "taskId has to begin"),
        (
            json!({ "clientRequestToken": "token" }),
            "clientRequestToken has to begin",
        ),
    ];
    for (spec, words) in &refused {
        let patch = json!({ "spec": spec });
        let answer = api.patch("task", &PatchParams::default(), &Patch::Merge(&patch)).await;
        let text = said(answer.expect_err("a merge patch"));
        assert!(text.contains(words), "{spec}: {text}");
    }
    let mut whole = task("task", &forbidden());
    let apply = api
        .patch("task", &PatchParams::apply("tenant").force(), &Patch::Apply(&whole))
        .await;
    let text = said(apply.expect_err("a server-side apply"));
    assert!(text.contains(FORBIDDEN), "{text}");
    let created = api
        .patch(
            "new",
            &PatchParams::apply("tenant"),
            &Patch::Apply(task("new", &forbidden())),
        )
        .await;
    let text = said(created.expect_err("a creation by server-side apply"));
    assert!(text.contains(FORBIDDEN), "{text}");
    whole.metadata.resource_version = api.get("task").await.unwrap().metadata.resource_version;
    let text = said(
        api.replace("task", &PostParams::default(), &whole)
            .await
            .expect_err("a PUT"),
    );
    assert!(text.contains(FORBIDDEN), "{text}");
    let generated = serde_json::from_value(json!({
        "apiVersion": "devicedefender.dev/v1alpha1", "kind": "AuditMitigationTask",
        "metadata": { "generateName": "task-" }, "spec": whole.data["spec"],
    }))
    .unwrap();
    let text = said(
        api.create(&PostParams::default(), &generated)
            .await
            .expect_err("a generated name"),
    );
    assert!(text.contains(FORBIDDEN), "{text}");

    let another = json!({ "spec": { "target": { "findingIds": ["f-2"] }, "suspend": false } });
    api.patch("task", &PatchParams::default(), &Patch::Merge(&another))
        .await
        .expect("an edit within the rules");
}

#[tokio::test]
async fn another_version_of_the_api_is_no_way_around() {
    let cluster = Guarded::shared().await;
    let namespace = cluster.namespace("version", &json!({})).await;
    guarded(cluster, &namespace).await;
    let api = tasks(cluster.tenant().await, &namespace, VERSIONS[1]);
    let mut object = task("task", &forbidden());
    object.types.as_mut().unwrap().api_version = format!("devicedefender.dev/{}", VERSIONS[1]);
    let text = said(api.create(&PostParams::default(), &object).await.unwrap_err());
    assert!(text.contains(FORBIDDEN), "{text}");
    object.data = task("task", &json!({})).data;
    api.create(&PostParams::default(), &object).await.unwrap();
    let patch = json!({ "spec": forbidden() });
    let answer = api.patch("task", &PatchParams::default(), &Patch::Merge(&patch)).await;
    let text = said(answer.unwrap_err());
    assert!(text.contains(FORBIDDEN), "{text}");
}

/// A write of the status can't change the spec: not the guard's doing, but it relies on it.
#[tokio::test]
async fn a_subresource_is_no_way_around() {
    let cluster = Guarded::shared().await;
    let namespace = cluster.namespace("subresource", &json!({})).await;
    guarded(cluster, &namespace).await;
    let api = tasks(cluster.tenant().await, &namespace, VERSIONS[0]);
    api.create(&PostParams::default(), &task("task", &json!({})))
        .await
        .unwrap();
    let patch = json!({ "spec": forbidden() });
    api.patch_status("task", &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap();
    let member = "auditCheckToActionsMapping";
    let stored = api.get("task").await.unwrap();
    assert_eq!(
        stored.data["spec"][member],
        task("task", &json!({})).data["spec"][member]
    );
}

/// What no rule allows can still be labelled, stopped and deleted, but not let go.
#[tokio::test]
async fn what_was_there_before_the_guard_is_not_shut_in() {
    let cluster = Guarded::shared().await;
    let namespace = cluster.namespace("before", &json!({})).await;
    let api = tasks(cluster.tenant().await, &namespace, VERSIONS[0]);
    let mut spec = forbidden();
    spec["suspend"] = json!(true);
    spec["region"] = json!("us-east-1");
    spec["taskId"] = json!("other_task");
    let mut object = task("task", &spec);
    object.metadata.finalizers = Some(vec!["example.com/finalizer".to_owned()]);
    api.create(&PostParams::default(), &object).await.unwrap();
    guarded(cluster, &namespace).await;
    let edit = async |patch: Value| {
        let answer = api.patch("task", &PatchParams::default(), &Patch::Merge(&patch)).await;
        answer.map(|_| ()).map_err(said)
    };
    for patch in [
        json!({ "spec": { "suspend": false } }),
        json!({ "spec": { "suspend": null } }),
        json!({ "spec": { "target": { "findingIds": ["f-2"] } } }),
        json!({ "spec": { "region": null } }),
    ] {
        edit(patch.clone()).await.expect_err(&patch.to_string());
    }
    for patch in [
        json!({ "metadata": { "labels": { "a": "b" } } }),
        json!({ "metadata": { "annotations": { "a": "b" } } }),
        json!({ "spec": { "deletionPolicy": "Orphan" } }),
        json!({ "spec": { "activeDeadlineSeconds": 60, "ttlSecondsAfterFinished": 60 } }),
        json!({ "spec": { "cancel": true } }),
    ] {
        edit(patch).await.unwrap();
    }
    api.delete("task", &DeleteParams::default()).await.unwrap();
    edit(json!({ "metadata": { "finalizers": null } })).await.unwrap();
    assert!(api.get_opt("task").await.unwrap().is_none());
}

#[tokio::test]
async fn an_administrator_is_bound_by_the_rules_too() {
    let cluster = Guarded::shared().await;
    let namespace = cluster.namespace("admin", &json!({})).await;
    guarded(cluster, &namespace).await;
    let api = tasks(cluster.admin().await, &namespace, VERSIONS[0]);
    let answer = api.create(&PostParams::default(), &task("task", &forbidden())).await;
    let text = said(answer.unwrap_err());
    assert!(text.contains(FORBIDDEN), "{text}");
}
