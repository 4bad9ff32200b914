//! No rule locks in what was stored before it: the status of such an object can be written, and its finalizer removed.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, api::DynamicObject};
use serde_json::{Value, json};
use support::{Cluster, ClusterOptions, eventually};

use super::{CRD, Failures, LIMIT, create, install, message, served, spec_with, spec_with_null, task};

/// The definition with a schema that lets everything through, as an older version might have been.
fn permissive() -> String {
    let mut crd: Value = serde_saphyr::from_str(CRD).unwrap();
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] =
        json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    crd.to_string()
}

/// Specs that today's schema refuses, and the names that they are stored under.
fn refused_today() -> Vec<(String, Value)> {
    let long = "n".repeat(60);
    [
        (long.as_str(), spec_with(&json!({}))),
        ("empty-target", spec_with(&json!({"target": {"auditTaskId": null}}))),
        ("no-target", spec_with(&json!({"target": null}))),
        (
            "findings-and-audit",
            spec_with(&json!({"target": {"findingIds": ["f"]}})),
        ),
        (
            "duplicate-finding",
            spec_with(&json!({"target": {"auditTaskId": null, "findingIds": ["f", "f"]}})),
        ),
        ("null-audit", spec_with_null(&json!({"target": {"auditTaskId": null}}))),
        ("no-mapping", spec_with(&json!({"auditCheckToActionsMapping": null}))),
        (
            "empty-check",
            spec_with(&json!({"auditCheckToActionsMapping": {"": ["a"]}})),
        ),
        (
            "null-actions",
            spec_with_null(&json!({"auditCheckToActionsMapping": {"CHECK": null}})),
        ),
        (
            "six-actions",
            spec_with(&json!({"auditCheckToActionsMapping": {"CHECK": ["1", "2", "3", "4", "5", "6"]}})),
        ),
        ("bad-task-id", spec_with(&json!({"taskId": "has space"}))),
        ("bad-token", spec_with(&json!({"clientRequestToken": "t".repeat(65)}))),
        ("bad-region", spec_with(&json!({"region": "Frankfurt"}))),
        ("bad-policy", spec_with(&json!({"deletionPolicy": "Retain"}))),
        ("bad-deadline", spec_with(&json!({"activeDeadlineSeconds": 0}))),
        ("bad-ttl", spec_with(&json!({"ttlSecondsAfterFinished": -1}))),
        // Nothing can have been started with these: no operator could read them.
        ("unreadable-task-id", spec_with(&json!({"taskId": 5}))),
        ("unreadable-suspend", spec_with(&json!({"suspend": "yes"}))),
        ("unknown-field", spec_with(&json!({"former": {"field": true}}))),
    ]
    .map(|(name, spec)| (name.to_owned(), spec))
    .into()
}

#[tokio::test]
async fn no_rule_locks_in_what_was_stored_before_it() {
    // Not the shared cluster: the definition changes under the others' feet.
    let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
    install(&cluster, &permissive()).await;
    let tasks = served(&cluster, "default").await;
    for (name, spec) in refused_today() {
        let mut object = task(&name, &spec);
        object["metadata"]["finalizers"] = json!(["devicedefender.dev/task"]);
        create(&tasks, &object, &PostParams::default()).await.unwrap();
    }
    install(&cluster, CRD).await;
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    eventually(LIMIT, "the schema is in force", async || {
        match create(&tasks, &task("probe", &json!({})), &dry_run).await {
            Ok(_) => Err("an empty spec is still accepted"),
            Err(_) => Ok(()),
        }
    })
    .await
    .unwrap();

    let mut failures = Failures::default();
    for (name, spec) in refused_today() {
        if name != "unknown-field" {
            failures.refused(
                &format!("{name}: anew"),
                create(&tasks, &task(&name, &spec), &dry_run).await,
                "is invalid",
            );
        }
        // Twice: the second write finds a status whose task has been started.
        for progress in ["0/1", "1/1"] {
            let status = if name.starts_with("unreadable") {
                json!({"status": {"phase": "Unknown", "progress": progress}})
            } else {
                json!({"status": {"phase": "Running", "taskId": "t", "progress": progress}})
            };
            let written = tasks
                .patch_status(&name, &PatchParams::default(), &Patch::Merge(status))
                .await;
            failures.accepted(&format!("{name}: status {progress}"), message(written));
        }
        let label = json!({"metadata": {"labels": {"a": "b"}}});
        failures.accepted(&format!("{name}: label"), edit(&tasks, &name, &label).await);
        tasks.delete(&name, &DeleteParams::default()).await.unwrap();
        let released = edit(&tasks, &name, &json!({"metadata": {"finalizers": null}})).await;
        failures.accepted(&format!("{name}: finalizer"), released);
        let left = tasks.get_opt(&name).await.unwrap();
        failures.accepted(
            &format!("{name}: gone"),
            left.map_or(Ok(()), |_| Err("it is still there".to_owned())),
        );
    }
}

#[tokio::test]
async fn what_was_stored_before_a_rule_can_be_repaired() {
    let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
    install(&cluster, &permissive()).await;
    let tasks = served(&cluster, "default").await;
    let spec = spec_with(&json!({"target": {"findingIds": ["f"]}, "taskId": "has space"}));
    create(&tasks, &task("broken", &spec), &PostParams::default())
        .await
        .unwrap();
    install(&cluster, CRD).await;
    eventually(LIMIT, "the rules are in force", async || {
        match edit(&tasks, "broken", &json!({"spec": {"taskId": "has space too"}})).await {
            Ok(_) => Err("a bad edit was accepted".to_owned()),
            Err(_) => Ok(()),
        }
    })
    .await
    .unwrap();
    edit(
        &tasks,
        "broken",
        &json!({"spec": {"taskId": "good", "target": {"findingIds": null}}}),
    )
    .await
    .unwrap();
    let refused = edit(&tasks, "broken", &json!({"spec": {"taskId": "has space"}}))
        .await
        .unwrap_err();
    assert!(refused.contains("spec.taskId in body should match"), "{refused}");
}

async fn edit(tasks: &Api<DynamicObject>, name: &str, patch: &Value) -> Result<DynamicObject, String> {
    message(tasks.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await)
}
