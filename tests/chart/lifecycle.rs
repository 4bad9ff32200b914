//! Installed by the real helm on a real API server, with the operator run exactly as the installed Deployment says and
//! RBAC enforced: a verb that is missing fails these tests.

use audit_mitigation_operator::api::Phase;
use kube::api::DeleteParams;
use serde_json::json;
use simulator::{Operation, Outcome};
use support::{Process, eventually};

use crate::chart;
use crate::helm::{EACH, path};
use crate::installed::{Installed, LIMIT, NAME};

/// The service account of the release.
const ACCOUNT: &str = "system:serviceaccount:system:amo-audit-mitigation-operator";

/// Everything that the operator needs a right for: list, watch, get, patch, status, events, delete, its Lease.
async fn does_its_work(installed: &Installed, namespace: &str, run: &str) {
    let mut operator = installed.start_operator().await;
    let name = |what: &str| format!("{what}-{run}");

    let completed = name("completed");
    installed.create(namespace, &completed, &json!({})).await;
    installed
        .phase(namespace, &completed, Phase::Completed, &operator)
        .await;
    installed
        .until_event(namespace, &completed, "Completed", &operator)
        .await;

    let canceled = name("canceled");
    installed.aws.set_outcome("*", Outcome::held());
    installed
        .create(namespace, &canceled, &json!({ "taskId": canceled }))
        .await;
    installed.phase(namespace, &canceled, Phase::Running, &operator).await;
    let tasks = installed.tasks(namespace);
    tasks.delete(&canceled, &DeleteParams::default()).await.unwrap();
    installed.until_gone(namespace, &canceled, &operator).await;
    assert_eq!(installed.aws.task(&canceled).unwrap().status, "CANCELED");
    installed.aws.clear_outcomes();

    let short = name("short-lived");
    installed
        .create(namespace, &short, &json!({ "ttlSecondsAfterFinished": 0 }))
        .await;
    installed.until_gone(namespace, &short, &operator).await;

    let log = operator.log();
    assert!(!log.contains("forbidden"), "{log}");
    let ended = operator.stop(LIMIT).await.unwrap();
    assert!(ended.success(), "{ended}: {}", operator.log());
}

#[tokio::test]
async fn a_release_for_all_namespaces_works_is_uninstalled_and_installed_again() {
    for helm in EACH {
        let installed = Installed::new(helm, &["fleet"], "").await;
        does_its_work(&installed, "fleet", "first").await;
        let leases = ["get", "leases", "--namespace", "system", "--output", "name"];
        let leases_found = installed.cluster.kubectl_ok(&leases).await.unwrap();
        assert_eq!(leases_found.trim(), format!("lease.coordination.k8s.io/{NAME}"));

        installed.helm(&["uninstall", "amo"]);
        let kept = installed.tasks("fleet").get("completed-first").await.unwrap();
        assert_eq!(kept.status.unwrap().phase, Some(Phase::Completed), "the CRD stayed");
        assert!(!installed.may(ACCOUNT, "fleet", "list", "auditmitigationtasks").await);

        installed.install_again();
        does_its_work(&installed, "fleet", "second").await;
    }
}

#[tokio::test]
async fn a_release_for_some_namespaces_works_there_and_sees_no_other() {
    for helm in EACH {
        let installed = Installed::new(helm, &["watched", "other"], "watchNamespaces={watched}").await;
        let resource = "auditmitigationtasks";
        assert!(installed.may(ACCOUNT, "watched", "list", resource).await);
        assert!(!installed.may(ACCOUNT, "other", "list", resource).await);
        assert!(!installed.may(ACCOUNT, "system", "list", resource).await);
        does_its_work(&installed, "watched", "first").await;
    }
}

/// What the operator never does it may not do.
#[tokio::test]
async fn rights_are_few_also_for_users() {
    let installed = Installed::new(EACH[0], &["fleet"], "").await;
    for (verb, resource) in [
        ("create", "auditmitigationtasks"),
        ("update", "auditmitigationtasks"),
        ("deletecollection", "auditmitigationtasks"),
        ("update", "auditmitigationtasks/status"),
        ("list", "secrets"),
        ("get", "configmaps"),
        ("list", "events.events.k8s.io"),
        ("create", "events"),
        ("get", "leases.coordination.k8s.io"),
        ("list", "namespaces"),
    ] {
        assert!(
            !installed.may(ACCOUNT, "fleet", verb, resource).await,
            "{verb} {resource}"
        );
        assert!(
            !installed.may(ACCOUNT, "system", verb, resource).await,
            "{verb} {resource} in its namespace"
        );
    }
    let lease = format!("leases.coordination.k8s.io/{NAME}");
    assert!(installed.may(ACCOUNT, "system", "update", &lease).await);
    assert!(!installed.may(ACCOUNT, "system", "delete", &lease).await);

    for role in ["view", "edit", "admin"] {
        let binding = ["create", "rolebinding", role, "--clusterrole", role, "--user", role];
        let args = [&binding[..], &["--namespace", "fleet"]].concat();
        installed.cluster.kubectl_ok(&args).await.unwrap();
        // A controller gathers the roles.
        eventually(LIMIT, &format!("{role} sees the resources"), async || {
            if installed.may(role, "fleet", "list", "auditmitigationtasks").await {
                Ok(())
            } else {
                Err("not yet")
            }
        })
        .await
        .unwrap();
        for verb in ["create", "patch", "delete"] {
            assert!(
                !installed.may(role, "fleet", verb, "auditmitigationtasks").await,
                "{role} {verb}"
            );
        }
    }
}

/// Whatever happens to the release, a task is started once and followed to its end.
#[tokio::test]
async fn a_running_task_outlives_upgrade_rollback_and_uninstall() {
    for helm in EACH {
        let installed = Installed::new(helm, &["fleet"], "").await;
        installed.aws.set_outcome("*", Outcome::held());
        let mut operator = installed.start_operator().await;
        installed.create("fleet", "task", &json!({ "taskId": "task" })).await;
        installed.phase("fleet", "task", Phase::Running, &operator).await;
        operator.stop(LIMIT).await.unwrap();

        let chart = chart();
        let upgrade = ["upgrade", "amo", path(&chart), "--reuse-values"];
        installed.helm(&[&upgrade[..], &["--set", "log.level=debug"]].concat());
        assert!(installed.arguments().await.contains(&"--log-level=debug".to_owned()));
        follows(&installed).await.stop(LIMIT).await.unwrap();

        installed.helm(&["rollback", "amo", "1"]);
        assert!(installed.arguments().await.contains(&"--log-level=info".to_owned()));
        follows(&installed).await.stop(LIMIT).await.unwrap();

        installed.helm(&["uninstall", "amo"]);
        assert_eq!(installed.aws.task("task").unwrap().status, "IN_PROGRESS");
        installed.install_again();
        let mut operator = follows(&installed).await;
        installed.aws.finish("task");
        installed.phase("fleet", "task", Phase::Completed, &operator).await;
        assert_eq!(installed.aws.starts("task"), 1);
        operator.stop(LIMIT).await.unwrap();
    }
}

/// A new operator that asks the service about the running task, and starts nothing.
async fn follows(installed: &Installed) -> Process {
    installed.aws.clear_calls();
    let operator = installed.start_operator().await;
    eventually(LIMIT, "the task is followed", async || {
        let calls = installed.aws.calls();
        if calls.iter().any(|call| call.operation == Some(Operation::DESCRIBE)) {
            Ok(())
        } else {
            Err(format!("{calls:?}\n{}", operator.log()))
        }
    })
    .await
    .unwrap();
    operator
}

#[tokio::test]
async fn two_releases_of_one_name_work_side_by_side() {
    let installed = Installed::new(EACH[0], &["one", "two", "second"], "watchNamespaces={one}").await;
    installed.install_beside("second", "watchNamespaces={two},crds.install=false");
    let mut first = installed.start_operator().await;
    let mut second = installed.start_operator_of("second").await;
    for (namespace, operator) in [("one", &first), ("two", &second)] {
        installed.create(namespace, "task", &json!({})).await;
        installed.phase(namespace, "task", Phase::Completed, operator).await;
    }
    for operator in [&mut first, &mut second] {
        let log = operator.log();
        assert!(!log.contains("forbidden"), "{log}");
        operator.stop(LIMIT).await.unwrap();
    }
}
