//! What the chart renders, and the examples, checked by kubeconform, as pipelines without a cluster do.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use support::tools;
use tokio::sync::OnceCell;

use crate::{rendered, schemas};

#[tokio::test]
async fn every_manifest_fits_the_schemas() {
    let folder = schemas().await;
    for rendered in rendered::all() {
        let output = kubeconform(folder, &rendered.file);
        assert!(output.status.success(), "{}", said(&output));
        // "Skipped" would be a kind that nobody checked.
        assert!(
            said(&output).contains("Invalid: 0, Errors: 0, Skipped: 0"),
            "{}",
            said(&output)
        );
    }
    // What Artifact Hub shows for copying.
    let shown = &crate::yaml("Chart.yaml")["annotations"]["artifacthub.io/crdsExamples"];
    let shown: Vec<Value> = serde_saphyr::from_str(shown.as_str().unwrap()).unwrap();
    assert!(!shown.is_empty());
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": shown });
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("artifact-hub.json");
    std::fs::write(&file, list.to_string()).unwrap();
    for examples in [file, Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")] {
        let output = kubeconform(folder, &examples);
        assert!(output.status.success(), "{}", said(&output));
        assert!(said(&output).contains("AuditMitigationTask"), "{}", said(&output));
    }
}

/// Without this, schemas that take anything would go unseen.
#[tokio::test]
async fn what_does_not_fit_is_found() {
    let folder = schemas().await;
    let good = std::fs::read_to_string(&rendered::all().iter().find(|one| one.set == "monitors").unwrap().file);
    let good = good.unwrap();
    for (from, to, said_of_it) in [
        ("replicas: 2", "replica: 2", "'replica' not allowed"),
        ("replicas: 2", "replicas: two", "want integer"),
        (
            "automountServiceAccountToken: true",
            "automountServiceAccountToken: \"true\"",
            "want boolean",
        ),
        ("honorLabels: true", "honourLabels: true", "'honourLabels' not allowed"),
        ("kind: PodMonitor", "kind: PodWatcher", "could not find schema"),
    ] {
        assert!(good.contains(from), "{from}");
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kubeconform-bad.yaml");
        std::fs::write(&file, good.replacen(from, to, 1)).unwrap();
        let output = kubeconform(folder, &file);
        assert!(!output.status.success(), "{to}");
        assert!(said(&output).contains(said_of_it), "{to}: {}", said(&output));
    }
}

/// The folder with the schemas, made once for all tests.
async fn schemas() -> &'static Path {
    static FOLDER: OnceCell<PathBuf> = OnceCell::const_new();
    FOLDER
        .get_or_init(async || {
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chart-schemas");
            // Those of an earlier API server would hide that a kind is gone.
            _ = std::fs::remove_dir_all(&folder);
            schemas::write(&folder).await;
            folder
        })
        .await
}

fn kubeconform(schemas: &Path, manifests: &Path) -> Output {
    Command::new(tools::KUBECONFORM.path().unwrap())
        .args(["-strict", "-summary", "-verbose", "-schema-location"])
        .arg(schemas.join(schemas::LOCATION))
        .arg(manifests)
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    texts.concat()
}
