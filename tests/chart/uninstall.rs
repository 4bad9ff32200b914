//! Uninstalled while tasks run: what stays, and the ways out that docs/install.md names.

use audit_mitigation_operator::api::{FINALIZER, Phase};
use kube::ResourceExt as _;
use kube::api::DeleteParams;
use serde_json::json;
use simulator::Outcome;
use support::eventually;

use crate::helm::EACH;
use crate::installed::{Installed, LIMIT};

const PAGE: &str = include_str!("../../docs/install.md");

/// A release with a running task, uninstalled.
async fn uninstalled(helm: crate::helm::Helm, values: &str) -> Installed {
    let installed = Installed::new(helm, &["fleet"], values).await;
    installed.aws.set_outcome("*", Outcome::held());
    let mut operator = installed.start_operator().await;
    installed.create("fleet", "task", &json!({ "taskId": "task" })).await;
    installed.phase("fleet", "task", Phase::Running, &operator).await;
    // As the kubelet ends a pod whose Deployment is gone. Helm removes that before the definition; an operator that sees
    // the resources go with the definition cancels the task, although it has no right left to say so.
    let keeps_definition = !values.contains("crds.keep=false");
    if !keeps_definition {
        operator.stop(LIMIT).await.unwrap();
    }
    installed.helm(&["uninstall", "amo"]);
    if keeps_definition {
        operator.stop(LIMIT).await.unwrap();
    }
    assert_eq!(installed.aws.task("task").unwrap().status, "IN_PROGRESS");
    installed
}

#[tokio::test]
async fn a_running_task_goes_on_and_is_followed_again_after_a_reinstallation() {
    for helm in EACH {
        let installed = uninstalled(helm, "").await;
        let task = installed.tasks("fleet").get("task").await.unwrap();
        assert_eq!(task.finalizers(), [FINALIZER]);
        installed.install_again();
        let mut operator = installed.start_operator().await;
        installed.aws.finish("task");
        installed.phase("fleet", "task", Phase::Completed, &operator).await;
        assert_eq!(installed.aws.starts("task"), 1);
        operator.stop(LIMIT).await.unwrap();
    }
}

/// A deletion waits for an operator, and ends when there is one.
#[tokio::test]
async fn a_deletion_without_an_operator_waits_for_one() {
    let installed = uninstalled(EACH[0], "").await;
    let tasks = installed.tasks("fleet");
    tasks.delete("task", &DeleteParams::default()).await.unwrap();
    let waiting = tasks.get("task").await.unwrap();
    assert!(waiting.metadata.deletion_timestamp.is_some());
    assert_eq!(waiting.finalizers(), [FINALIZER]);
    installed.install_again();
    let mut operator = installed.start_operator().await;
    installed.until_gone("fleet", "task", &operator).await;
    assert_eq!(installed.aws.task("task").unwrap().status, "CANCELED");
    operator.stop(LIMIT).await.unwrap();
}

/// Without `crds.keep` the definition hangs at the finalizer of a running task, until somebody lets go of it by hand.
#[tokio::test]
async fn a_definition_that_is_not_kept_waits_for_running_tasks() {
    for helm in EACH {
        let installed = uninstalled(helm, "crds.keep=false").await;
        is_being_deleted(&installed).await;
        let patch = r#"{"metadata":{"finalizers":null}}"#;
        let way_out = format!("kubectl patch amt task --namespace fleet --type merge --patch '{patch}'");
        assert!(PAGE.contains(&way_out), "{way_out}");
        let named = ["patch", "amt", "task", "--namespace", "fleet"];
        let args = [&named[..], &["--type", "merge", "--patch", patch]].concat();
        installed.cluster.kubectl_ok(&args).await.unwrap();
        until_undefined(&installed).await;
        assert_eq!(installed.aws.task("task").unwrap().status, "IN_PROGRESS");

        // The same manifest finds the task that runs on.
        installed.install_again();
        let mut operator = installed.start_operator().await;
        installed.create("fleet", "task", &json!({ "taskId": "task" })).await;
        installed.phase("fleet", "task", Phase::Running, &operator).await;
        assert_eq!(installed.aws.starts("task"), 1);
        operator.stop(LIMIT).await.unwrap();
    }
}

#[tokio::test]
async fn a_definition_that_is_not_kept_goes_when_a_release_has_cancelled_the_tasks() {
    let installed = uninstalled(EACH[1], "crds.keep=false").await;
    is_being_deleted(&installed).await;
    installed.install_again_with("crds.install=false");
    let mut operator = installed.start_operator().await;
    until_undefined(&installed).await;
    assert_eq!(installed.aws.task("task").unwrap().status, "CANCELED");
    operator.stop(LIMIT).await.unwrap();
}

async fn is_being_deleted(installed: &Installed) {
    let tasks = installed.tasks("fleet");
    eventually(LIMIT, "the resource is being deleted", async || {
        let task = tasks.get("task").await.map_err(|error| error.to_string())?;
        assert_eq!(task.finalizers(), [FINALIZER]);
        let deleted = task.metadata.deletion_timestamp;
        deleted.map(|_| ()).ok_or_else(|| "not yet".to_owned())
    })
    .await
    .unwrap();
}

async fn until_undefined(installed: &Installed) {
    eventually(LIMIT, "the definition is gone", async || {
        let get = [
            "get",
            "crd/auditmitigationtasks.devicedefender.dev",
            "--ignore-not-found",
        ];
        let output = installed.cluster.kubectl(&get).await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() && text.is_empty() {
            Ok(())
        } else {
            Err(text)
        }
    })
    .await
    .unwrap();
}
