//! The kustomize base: what the chart renders, for people without Helm.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::generated::{check, root};
use crate::world::cluster;

const FOLDER: &str = "deploy/kustomize";
const NAME: &str = "audit-mitigation-operator";
const NAMESPACE: &str = "audit-mitigation";

/// Labels that would say that Helm manages the objects.
const OF_HELM: [&str; 2] = ["helm.sh/chart", "app.kubernetes.io/managed-by"];

#[test]
fn the_base_is_made_of_the_chart() {
    check([
        (format!("{FOLDER}/base/operator.yaml"), operator().as_str()),
        (
            format!("{FOLDER}/base/crd.yaml"),
            include_str!("../../charts/audit-mitigation-operator/files/crd.yaml"),
        ),
    ]);
}

/// The same as objects, so that a mistake in the text's making is noticed.
#[tokio::test]
async fn the_base_builds_the_objects_of_the_chart() {
    let mut expected = objects(&rendered());
    expected.retain(|object| object["metadata"]["annotations"]["helm.sh/hook"].is_null());
    for object in &mut expected {
        for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
            if let Some(labels) = object.pointer_mut(labels).and_then(Value::as_object_mut) {
                labels.retain(|label, _| !OF_HELM.contains(&label.as_str()));
            }
        }
    }
    expected.extend(objects(include_str!(
        "../../charts/audit-mitigation-operator/files/crd.yaml"
    )));
    let mut built = build("base").await;
    built.retain(|object| object["kind"] != "Namespace");
    let key = |object: &Value| format!("{} {}", object["kind"], object["metadata"]["name"]);
    expected.sort_by_key(key);
    built.sort_by_key(key);
    assert_eq!(
        built.iter().map(key).collect::<Vec<_>>(),
        expected.iter().map(key).collect::<Vec<_>>()
    );
    for (mut built, mut expected) in built.into_iter().zip(expected) {
        numbers(&mut built);
        numbers(&mut expected);
        assert_eq!(built, expected);
    }
}

/// Writes 1 as 1.0, as kustomize doesn't.
fn numbers(value: &mut Value) {
    match value {
        Value::Number(number) => *value = json!(number.as_f64()),
        Value::Array(items) => items.iter_mut().for_each(numbers),
        Value::Object(members) => members.values_mut().for_each(numbers),
        _ => {}
    }
}

/// `kubectl apply -k`, twice: the API server takes it all, and the second time nothing is left to change.
#[tokio::test]
async fn the_example_is_applied_by_kubectl() {
    let cluster = cluster().await;
    let folder = root().join(FOLDER).join("example");
    let apply = ["apply", "--server-side", "-k", folder.to_str().unwrap()];
    cluster.kubectl_ok(&apply).await.unwrap();
    let version = || async {
        let args = ["get", "deployment", NAME, "--namespace", NAMESPACE, "-o", "json"];
        let deployment: Value = serde_json::from_str(&cluster.kubectl_ok(&args).await.unwrap()).unwrap();
        deployment
    };
    let first = version().await;
    cluster.kubectl_ok(&apply).await.unwrap();
    let second = version().await;
    assert_eq!(
        first["metadata"]["resourceVersion"],
        second["metadata"]["resourceVersion"]
    );

    let container = &first["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(
        container["image"],
        "registry.example.com/audit-mitigation-operator:0.1.0"
    );
    let region = json!({ "name": "AWS_REGION", "value": "eu-central-1" });
    assert!(container["env"].as_array().unwrap().contains(&region), "{container}");
    let role = [
        "get",
        "serviceaccount",
        NAME,
        "--namespace",
        NAMESPACE,
        "-o",
        "jsonpath={.metadata.annotations}",
    ];
    assert!(
        cluster
            .kubectl_ok(&role)
            .await
            .unwrap()
            .contains("role/audit-mitigation")
    );
}

/// What helm makes of the chart, as people would install it.
fn rendered() -> String {
    let chart = root().join("charts").join(NAME);
    let mut helm = Command::new(support::tools::HELM_4.path().unwrap());
    // Nothing is there, so that neither a cluster nor a plugin of whoever runs the tests has a say.
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kustomize-helm");
    for folder in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
        helm.env(folder, home.join(folder));
    }
    let output = helm
        .env("KUBECONFIG", home.join("none"))
        .args([
            "template",
            NAME,
            "--namespace",
            NAMESPACE,
            "--set",
            "crds.install=false",
        ])
        .arg(chart)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The same without what is Helm's alone.
fn operator() -> String {
    let mut text = String::from(
        "# Made of the chart; change that, and then run `UPDATE_GENERATED=1 cargo test --test gitops the_base`.\n",
    );
    for document in rendered().split("---\n").filter(|document| !document.trim().is_empty()) {
        if document.contains("helm.sh/hook") {
            continue;
        }
        text.push_str("---\n");
        let lines = document.trim_end().lines().filter(|line| {
            let of_helm = OF_HELM.iter().any(|label| line.trim_start().starts_with(label));
            !of_helm && !line.starts_with("# Source:")
        });
        lines.for_each(|line| {
            text.push_str(line);
            text.push('\n');
        });
    }
    text
}

async fn build(folder: &str) -> Vec<Value> {
    let folder = root().join(FOLDER).join(folder);
    objects(
        &cluster()
            .await
            .kubectl_ok(&["kustomize", folder.to_str().unwrap()])
            .await
            .unwrap(),
    )
}

fn objects(text: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    documents.into_iter().filter(Value::is_object).collect()
}
