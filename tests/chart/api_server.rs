//! What the chart renders is taken by a real API server, which checks every field, and pod security "restricted".

use support::shared;

use crate::helm::{EACH, objects, path};
use crate::schemas::cluster_with_monitoring;
use crate::{chart, value_sets};

#[tokio::test]
async fn the_api_server_takes_every_set_of_values_without_a_warning() {
    let cluster = cluster_with_monitoring().await;
    let namespace = cluster.namespace("chart").await.unwrap();
    let label = [
        "label",
        "namespace",
        &namespace,
        "pod-security.kubernetes.io/warn=restricted",
    ];
    cluster.kubectl_ok(&label).await.unwrap();
    for set in value_sets() {
        for helm in EACH {
            let objects = objects(&helm.template(&namespace, &["--values", path(&set)]));
            // A pod is refused whose account isn't there, and a dry run makes none.
            for pod in objects.iter().filter(|object| object["kind"] == "Pod") {
                let account = pod["spec"]["serviceAccountName"].as_str().unwrap();
                let exists = ["get", "serviceaccount", account, "--namespace", &namespace];
                if !cluster.kubectl(&exists).await.unwrap().status.success() {
                    let create = ["create", "serviceaccount", account, "--namespace", &namespace];
                    cluster.kubectl_ok(&create).await.unwrap();
                }
            }
            let list = serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects });
            let args = [
                "apply",
                "--server-side",
                "--dry-run=server",
                "--validate=strict",
                "--warnings-as-errors",
                "--filename=-",
            ];
            let output = cluster.kubectl_stdin(&args, &list.to_string()).await.unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{} of {}: {said}", set.display(), helm.name());
        }
    }
}

/// Without this, the test above would not notice a lax pod.
#[tokio::test]
async fn a_pod_with_too_many_rights_is_warned_of() {
    let cluster = shared().await.unwrap();
    let namespace = cluster.namespace("chart-lax").await.unwrap();
    let label = [
        "label",
        "namespace",
        &namespace,
        "pod-security.kubernetes.io/warn=restricted",
    ];
    cluster.kubectl_ok(&label).await.unwrap();
    let lax = [
        "--set",
        "securityContext.allowPrivilegeEscalation=true,crds.install=false",
    ];
    let text = EACH[0].template(&namespace, &lax);
    let args = [
        "apply",
        "--server-side",
        "--dry-run=server",
        "--warnings-as-errors",
        "--filename=-",
    ];
    let output = cluster.kubectl_stdin(&args, &text).await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("allowPrivilegeEscalation"),
        "{said}"
    );
}

/// The next command is told, and what is dangerous is said.
#[tokio::test]
async fn the_notes_say_what_comes_next() {
    let cluster = shared().await.unwrap();
    let chart = chart();
    let kubeconfig = path(cluster.kubeconfig());
    for helm in EACH {
        let notes = |set: &str| {
            let install = ["install", "amo", path(&chart), "--namespace", "fleet"];
            let further = ["--dry-run=server", "--kubeconfig", kubeconfig, "--set", set];
            helm.ok(&[install, further].concat())
        };
        let text = notes("crds.keep=false");
        assert!(
            text.contains("rollout status deployment/amo-audit-mitigation-operator"),
            "{text}"
        );
        assert!(text.contains("helm test amo --namespace fleet --logs"), "{text}");
        assert!(text.contains("aws.region is not set"), "{text}");
        assert!(text.contains("deletes every AuditMitigationTask"), "{text}");
        let text = notes("aws.region=eu-central-1,rbac.aggregateToEdit=true");
        assert!(!text.contains("aws.region is not set"), "{text}");
        assert!(text.contains("every device of the AWS account"), "{text}");
    }
}
