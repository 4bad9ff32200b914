//! The same scripts in `argocd-cm`, for an Argo CD that doesn't ship them.

use std::fmt::Write as _;
use std::fs;

use serde_json::json;

use super::expectations::{KINDS, TASK};
use super::runner::{succeeded, test_config_map};
use crate::generated::{check, root};
use crate::world::cluster;

pub(super) const FILE: &str = "gitops/argocd/argocd-cm.yaml";

#[test]
fn the_patch_has_the_scripts() {
    check([(FILE.to_owned(), rendered().as_str())]);
}

/// Patched by kubectl as the docs say, and read from the API server by Argo CD's own settings code.
#[tokio::test]
async fn argo_cd_reads_the_patch_and_every_test_passes() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("argocd").await.unwrap();
    // As an installation of Argo CD leaves it.
    let installed = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "argocd-cm",
            "namespace": namespace,
            "labels": { "app.kubernetes.io/name": "argocd-cm", "app.kubernetes.io/part-of": "argocd" },
        },
        "data": { "url": "https://argocd.example.com" },
    });
    cluster.apply(&installed.to_string()).await.unwrap();
    let before = test_config_map(cluster.kubeconfig(), &namespace, &TASK);
    assert!(!before.status.success(), "there is no health without the patch");

    let patch = root().join(FILE);
    let patch = [
        "patch",
        "configmap",
        "argocd-cm",
        "--patch-file",
        patch.to_str().unwrap(),
    ];
    cluster
        .kubectl_ok(&[&["--namespace", &namespace], &patch[..]].concat())
        .await
        .unwrap();
    for kind in KINDS {
        let lines = succeeded(&test_config_map(cluster.kubeconfig(), &namespace, kind));
        assert_eq!(lines.lines().count(), kind.tests());
    }
    let url = ["get", "configmap", "argocd-cm", "-o", "jsonpath={.data.url}"];
    let url = cluster
        .kubectl_ok(&[&["--namespace", &namespace], &url[..]].concat())
        .await;
    assert_eq!(url.unwrap(), "https://argocd.example.com", "the rest stays");
}

/// The patch, made of the scripts' files.
fn rendered() -> String {
    let mut text = String::from(
        "# Health and actions of AuditMitigationTask and AuditMitigationPolicy. Made of the scripts in resource_customizations.\n\
         #\n\
         #   kubectl --namespace argocd patch configmap argocd-cm --patch-file gitops/argocd/argocd-cm.yaml\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\ndata:\n",
    );
    for kind in KINDS {
        let script = |path: &str| fs::read_to_string(root().join(kind.folder()).join(path)).unwrap();
        let key = |what: &str| format!("  resource.customizations.{what}.devicedefender.dev_{}: |\n", kind.name);
        text += &key("health");
        text += &indented(4, &script("health.lua"));
        text += &key("actions");
        text += "    discovery.lua: |\n";
        text += &indented(6, &script("actions/discovery.lua"));
        text += "    definitions:\n";
        for action in kind.actions {
            writeln!(text, "    - name: {}\n      action.lua: |", action.name).unwrap();
            text += &indented(8, &script(&format!("actions/{}/action.lua", action.name)));
        }
    }
    text
}

/// A block of YAML's literal style.
fn indented(by: usize, text: &str) -> String {
    text.lines()
        .map(|line| {
            if line.is_empty() {
                "\n".to_owned()
            } else {
                format!("{:by$}{line}\n", "")
            }
        })
        .collect()
}
