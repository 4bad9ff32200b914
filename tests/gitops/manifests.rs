//! The manifests to copy, as the API server takes them with the definitions of Argo CD and Flux.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use support::{Cluster, eventually, tools};
use tokio::sync::OnceCell;

use crate::generated::root;
use crate::world::{LIMIT, cluster};

/// The cluster of these tests, with the definitions of both tools.
pub(crate) async fn with_definitions() -> &'static Cluster {
    static SERVED: OnceCell<()> = OnceCell::const_new();
    let cluster = cluster().await;
    let served = SERVED.get_or_init(|| async {
        for definitions in definitions() {
            let apply = ["apply", "--server-side", "-f", definitions.to_str().unwrap()];
            cluster.kubectl_ok(&apply).await.unwrap();
        }
        for kind in ["applications.argoproj.io", "kustomizations.kustomize.toolkit.fluxcd.io"] {
            eventually(LIMIT, "the definitions are served", async || {
                cluster.kubectl_ok(&["get", kind, "--all-namespaces"]).await
            })
            .await
            .unwrap();
        }
        for namespace in ["argocd", "flux-system"] {
            cluster.kubectl_ok(&["create", "namespace", namespace]).await.unwrap();
        }
    });
    served.await;
    cluster
}

fn definitions() -> [PathBuf; 4] {
    let flux = |source: tools::GoSource| source.path().unwrap().join("config/crd/bases");
    [
        tools::ARGO_CD
            .path()
            .unwrap()
            .join("manifests/crds/application-crd.yaml"),
        flux(tools::FLUX_SOURCE),
        flux(tools::FLUX_KUSTOMIZE),
        flux(tools::FLUX_HELM),
    ]
}

/// Server-side dry run, strictly: a misspelt field is refused, not dropped.
async fn dry_run(cluster: &Cluster, manifests: &str) -> Result<(), String> {
    let args = ["create", "--dry-run=server", "--validate=strict", "-f", "-"];
    let output = cluster.kubectl_stdin(&args, manifests).await.unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[tokio::test]
async fn every_manifest_is_accepted() {
    let cluster = with_definitions().await;
    for folder in [
        "argocd/applications",
        "flux",
        "tasks/once",
        "tasks/again",
        "tasks/hook",
        "tasks/approval",
        "policies",
    ] {
        let folder = root().join("gitops").join(folder);
        let mut number = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            dry_run(cluster, &text)
                .await
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            // The definitions are looked at: the same with a field that nobody knows is refused.
            let unknown = text.replacen("\nspec:\n", "\nspec:\n  misspelt: true\n", 1);
            assert!(dry_run(cluster, &unknown).await.is_err(), "{}", path.display());
            number += 1;
        }
        assert!(number > 0, "{} is empty", folder.display());
    }
}

/// The charts' values in the manifests are ones that the chart knows: helm refuses others.
#[test]
fn the_values_are_the_charts() {
    let argocd = include_str!("../../gitops/argocd/applications/operator.yaml");
    let argocd: Value = serde_saphyr::from_str(argocd).unwrap();
    let both = include_str!("../../gitops/argocd/applications/operator-and-tasks.yaml");
    let both: Value = serde_saphyr::from_str(both).unwrap();
    let flux: Vec<Value> = serde_saphyr::from_multiple(include_str!("../../gitops/flux/operator.yaml")).unwrap();
    let release = flux.iter().find(|object| object["kind"] == "HelmRelease").unwrap();
    for (number, (values, path)) in [
        (
            &argocd["spec"]["source"]["helm"]["valuesObject"],
            &argocd["spec"]["source"]["path"],
        ),
        (
            &both["spec"]["sources"][0]["helm"]["valuesObject"],
            &both["spec"]["sources"][0]["path"],
        ),
        (&release["spec"]["values"], &release["spec"]["chart"]["spec"]["chart"]),
    ]
    .into_iter()
    .enumerate()
    {
        assert!(values.is_object());
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("gitops-values-{number}.json"));
        fs::write(&file, values.to_string()).unwrap();
        let output = std::process::Command::new(tools::HELM_4.path().unwrap())
            .env("KUBECONFIG", "/dev/null")
            .args(["template", "amo"])
            .arg(root().join(path.as_str().unwrap()))
            .arg("--values")
            .arg(file)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(
            text.contains("registry.example.com/audit-mitigation-operator:"),
            "{text}"
        );
    }
}
