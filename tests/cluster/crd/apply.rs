//! What server-side apply makes of a target and a mapping: one decision each, of whoever applies them.

use kube::api::{DynamicObject, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use support::{Cluster, ClusterOptions};

use super::{CRD, LIMIT, Server, create, install, served, spec_with, task};

const ARGO_CD: &str = "argocd-controller";

/// Two checks and two findings, not yet started.
fn wide() -> Value {
    json!({
        "suspend": true,
        "deletionPolicy": "Cancel",
        "target": {"findingIds": ["f-1", "f-2"]},
        "auditCheckToActionsMapping": {"A_CHECK": ["Notify"], "B_CHECK": ["Deactivate"]},
    })
}

/// What is left of it in Git.
fn narrow() -> Value {
    json!({
        "suspend": false,
        "deletionPolicy": "Cancel",
        "target": {"findingIds": ["f-1"]},
        "auditCheckToActionsMapping": {"A_CHECK": ["Notify"]},
    })
}

/// Pairs of what is there and what is applied instead.
fn changes() -> Vec<(&'static str, Value, Value)> {
    let filter = |filter: Value| {
        spec_with(&json!({"deletionPolicy": "Cancel", "target": {"auditCheckToReasonCodeFilter": filter}}))
    };
    let audit = spec_with(&json!({"deletionPolicy": "Cancel"}));
    let findings =
        spec_with(&json!({"deletionPolicy": "Cancel", "target": {"auditTaskId": null, "findingIds": ["f-1"]}}));
    vec![
        ("narrower", wide(), narrow()),
        ("findings-of-an-audit", audit.clone(), findings.clone()),
        ("audit-of-findings", findings, audit.clone()),
        ("without-filter", filter(json!({"A_CHECK": ["ONE"]})), audit),
        (
            "fewer-codes",
            filter(json!({"A_CHECK": ["ONE", "TWO"], "B_CHECK": ["ONE"]})),
            filter(json!({"A_CHECK": ["TWO"]})),
        ),
        (
            "other-actions",
            spec_with(&json!({"deletionPolicy": "Cancel", "auditCheckToActionsMapping": {"A_CHECK": ["One", "Two"]}})),
            spec_with(&json!({"deletionPolicy": "Cancel", "auditCheckToActionsMapping": {"A_CHECK": ["Two"]}})),
        ),
    ]
}

/// Applies as Argo CD and Flux do; gives the spec that results.
async fn apply(cluster: &Cluster, namespace: &str, manager: &str, name: &str, spec: &Value, more: &[&str]) -> Value {
    let manager = format!("--field-manager={manager}");
    let args = [
        "--namespace",
        namespace,
        "apply",
        "--server-side",
        "--force-conflicts",
        &manager,
        "-o",
        "json",
        "-f",
        "-",
    ];
    let output = cluster
        .kubectl_stdin(&[&args[..], more].concat(), &task(name, spec).to_string())
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["spec"].take()
}

/// Its fields belong to kubectl then, beside whoever applies it.
async fn create_with_kubectl(server: &Server, name: &str, spec: &Value) {
    let args = ["--namespace", &server.namespace, "create", "-f", "-"];
    let output = server
        .cluster
        .kubectl_stdin(&args, &task(name, spec).to_string())
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn what_is_applied_is_all_that_is_asked_for() {
    let server = Server::shared("apply").await;
    for manager in [ARGO_CD, "kustomize-controller"] {
        for (change, before, after) in changes() {
            let name = format!("{change}-{manager}");
            create_with_kubectl(&server, &name, &before).await;
            let applied = apply(server.cluster, &server.namespace, manager, &name, &after, &[]).await;
            assert_eq!(applied, after, "{name}");
            assert_eq!(server.tasks.get(&name).await.unwrap().data["spec"], after, "{name}");
        }
    }
}

/// Somebody widens a suspended task by hand: a dry run shows the difference, and applying takes it back.
#[tokio::test]
async fn what_somebody_adds_by_hand_is_seen_and_taken_back() {
    let server = Server::shared("apply").await;
    let (cluster, namespace) = (server.cluster, server.namespace.as_str());
    let mut suspended = narrow();
    suspended["suspend"] = json!(true);
    apply(cluster, namespace, ARGO_CD, "widened", &suspended, &[]).await;
    let patch = json!({"spec": wide()}).to_string();
    server
        .kubectl(&[
            "patch",
            "amt",
            "widened",
            "--type=merge",
            "--field-manager=kubectl-edit",
            "-p",
            &patch,
        ])
        .await;
    assert_eq!(server.tasks.get("widened").await.unwrap().data["spec"], wide());
    let predicted = apply(
        cluster,
        namespace,
        ARGO_CD,
        "widened",
        &suspended,
        &["--dry-run=server"],
    )
    .await;
    assert_eq!(predicted, suspended, "no drift is seen");
    apply(cluster, namespace, ARGO_CD, "widened", &suspended, &[]).await;
    assert_eq!(server.tasks.get("widened").await.unwrap().data["spec"], suspended);
}

/// Who owned what was noted member by member when the definition was an older one.
#[tokio::test]
async fn what_was_applied_under_an_older_definition_is_replaced_too() {
    let mut older: Value = serde_saphyr::from_str(CRD).unwrap();
    let spec = &mut older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    for path in [
        "/target",
        "/auditCheckToActionsMapping",
        "/target/properties/auditCheckToReasonCodeFilter",
    ] {
        let removed = spec
            .pointer_mut(path)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove("x-kubernetes-map-type");
        assert_eq!(removed, Some(json!("atomic")), "{path}");
    }
    let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
    install(&cluster, &older.to_string()).await;
    let tasks = served(&cluster, "default").await;
    for (name, before, _) in changes() {
        create(&tasks, &task(name, &before), &PostParams::default())
            .await
            .unwrap();
        apply(&cluster, "default", ARGO_CD, name, &before, &[]).await;
    }
    install(&cluster, CRD).await;
    in_force(&cluster, &tasks).await;
    for (name, _, after) in changes() {
        let applied = apply(&cluster, "default", ARGO_CD, name, &after, &[]).await;
        assert_eq!(applied, after, "{name}");
    }
}

/// Waits until a target is owned as a whole.
async fn in_force(cluster: &Cluster, tasks: &Api<DynamicObject>) {
    support::eventually(LIMIT, "the definition is in force", async || {
        apply(cluster, "default", "probe", "probe", &narrow(), &[]).await;
        let probe = tasks.get("probe").await.unwrap();
        let owned = serde_json::to_string(probe.managed_fields()).unwrap();
        tasks
            .delete("probe", &kube::api::DeleteParams::default())
            .await
            .unwrap();
        if owned.contains("\"f:target\":{}") {
            Ok(())
        } else {
            Err(owned)
        }
    })
    .await
    .unwrap();
}
