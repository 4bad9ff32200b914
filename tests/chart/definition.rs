//! The definition among the chart's objects: what a first release may hold, and whose a kept one is.

use serde_json::json;

use crate::chart;
use crate::helm::{EACH, path};
use crate::installed::{Installed, NAME};

const DEFINITION: &str = "crd/auditmitigationtasks.devicedefender.dev";

/// What a page says in an error's words has to be what helm says.
const TROUBLESHOOTING: &str = include_str!("../../docs/troubleshooting.md");

/// helm looks up every kind before it makes anything, so the task has to come after the release that brings its kind.
#[tokio::test]
async fn a_task_comes_after_the_first_release() {
    for helm in EACH {
        let installed = Installed::prepared(helm, &["fleet"], "").await;
        let mut task = serde_json::to_value(Installed::task("task", &json!({}))).unwrap();
        task["metadata"]["namespace"] = json!("fleet");
        let folder = tempfile::tempdir().unwrap();
        let values = folder.path().join("values.yaml");
        std::fs::write(&values, json!({ "extraObjects": [task] }).to_string()).unwrap();
        let chart = chart();
        let kubeconfig = path(installed.cluster.kubeconfig());
        let fixed = ["--namespace", "system", "--kubeconfig", kubeconfig];
        let with_task = ["install", "amo", path(&chart), "--values", path(&values)];
        let said = helm.refused(&[&with_task[..], &fixed].concat());
        let words = "no matches for kind \"AuditMitigationTask\"";
        assert!(said.contains(words), "{said}");
        assert!(TROUBLESHOOTING.contains(words));

        // As that page says: the release first, and the task with the next one, or in one of its own.
        let first = installed.helm(&["install", "amo", path(&chart)]);
        assert!(
            first.contains("Keep tasks in a release or a manifest of their own"),
            "{first}"
        );
        installed.helm(&["upgrade", "amo", path(&chart), "--values", path(&values)]);
        installed.tasks("fleet").get("task").await.unwrap();
    }
}

/// The definition that an uninstall has left bears the name of the release that made it.
#[tokio::test]
async fn a_kept_definition_is_taken_over_by_a_release_of_another_name() {
    for helm in EACH {
        let installed = Installed::prepared(helm, &["fleet"], "").await;
        let chart = chart();
        installed.helm(&["install", "amo", path(&chart)]);
        installed.create("fleet", "task", &json!({})).await;
        installed.helm(&["uninstall", "amo"]);
        // The same name in the same namespace needs nothing.
        installed.helm(&["install", "amo", path(&chart)]);
        installed.helm(&["uninstall", "amo"]);

        let kubeconfig = path(installed.cluster.kubeconfig());
        let fixed = ["--namespace", "system", "--kubeconfig", kubeconfig];
        let install = ["install", "other", path(&chart)];
        let said = helm.refused(&[&install[..], &fixed].concat());
        let words = "invalid ownership metadata";
        assert!(said.contains(words), "{said}");
        assert!(TROUBLESHOOTING.contains(words));
        assert!(TROUBLESHOOTING.contains("--take-ownership"));
        let notes = installed.helm(&[&install[..], &["--take-ownership"]].concat());
        assert!(
            notes.contains("--take-ownership"),
            "the notes say so before it is needed: {notes}"
        );
        let owner = "jsonpath={.metadata.annotations.meta\\.helm\\.sh/release-name}";
        let get = ["get", DEFINITION, "--output", owner];
        assert_eq!(installed.cluster.kubectl_ok(&get).await.unwrap(), "other");
        installed.tasks("fleet").get("task").await.unwrap();

        // Or it is left to whom it belongs.
        installed.helm(&["uninstall", "other"]);
        installed.helm(&["install", "third", path(&chart), "--set", "crds.install=false"]);
        let deployment = format!("deployment/{}", NAME.replace("amo-", "third-"));
        let exists = ["get", &deployment, "--namespace", "system"];
        installed.cluster.kubectl_ok(&exists).await.unwrap();
    }
}
