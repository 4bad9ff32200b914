//! JSON schemas of everything that an API server serves, made from what it says of itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};
use support::{Cluster, eventually, shared, tools};

/// Generous, for a machine that is busy building.
const LIMIT: Duration = Duration::from_mins(2);

/// Where kubeconform finds the schema of a kind, below the folder.
pub(crate) const LOCATION: &str = "{{.Group}}_{{.ResourceAPIVersion}}_{{.ResourceKind}}.json";

const DEFINITIONS: &str = "definitions.json";

/// The shared cluster, which also serves the kinds of the Prometheus operator.
pub(crate) async fn cluster_with_monitoring() -> &'static Cluster {
    let cluster = shared().await.unwrap();
    // Where a set of values puts its monitors.
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "monitoring" } });
    cluster.apply(&namespace.to_string()).await.unwrap();
    let folder = tools::PROMETHEUS_OPERATOR.path().unwrap();
    let folder = folder.join("example/prometheus-operator-crd");
    for plural in ["servicemonitors", "podmonitors", "prometheusrules"] {
        let file = folder.join(format!("monitoring.coreos.com_{plural}.yaml"));
        // Too large for the annotation of a client-side apply.
        let apply = ["apply", "--server-side", "--filename", file.to_str().unwrap()];
        cluster.kubectl_ok(&apply).await.unwrap();
        let list = ["get", &format!("{plural}.monitoring.coreos.com"), "--all-namespaces"];
        eventually(LIMIT, &format!("{plural} are served"), async || {
            cluster.kubectl_ok(&list).await
        })
        .await
        .unwrap();
    }
    cluster
}

/// Writes a schema for each kind into a folder: those of the API server, and those of the project's own.
pub(crate) async fn write(folder: &Path) {
    let mut definitions = served(cluster_with_monitoring().await).await;
    for (name, definition) in crate::drift::DELIVERED {
        definitions.insert(name.to_owned(), own(definition));
    }
    for (name, definition) in &mut definitions {
        strict(definition);
        if name.ends_with(".api.resource.Quantity") {
            // "1", 1 and 0.5 are the same kind of thing to the API server.
            *definition = json!({ "type": ["string", "number"] });
        }
    }
    let mut kinds: BTreeMap<String, Value> = BTreeMap::new();
    for (name, definition) in &definitions {
        let served = definition["x-kubernetes-group-version-kind"].as_array();
        for kind in served.into_iter().flatten() {
            let text = |key: &str| kind[key].as_str().unwrap().to_owned();
            // kubeconform takes the version of the core group for its name.
            let group = Some(text("group")).filter(|group| !group.is_empty());
            let group = group.unwrap_or_else(|| text("version"));
            let file = format!("{group}_{}_{}.json", text("version"), text("kind").to_lowercase());
            kinds.insert(file, json!({ "$ref": format!("{DEFINITIONS}#/definitions/{name}") }));
        }
    }
    assert!(kinds.len() > 100, "{} kinds", kinds.len());
    kinds.insert(DEFINITIONS.to_owned(), json!({ "definitions": definitions }));
    std::fs::create_dir_all(folder).unwrap();
    for (name, schema) in kinds {
        std::fs::write(folder.join(name), schema.to_string()).unwrap();
    }
}

/// The definitions of the API server's `OpenAPI` document, once the kinds of the Prometheus operator are among them.
async fn served(cluster: &Cluster) -> Map<String, Value> {
    eventually(
        LIMIT,
        "the kinds of the Prometheus operator are published",
        async || {
            let document = cluster.kubectl_ok(&["get", "--raw", "/openapi/v2"]).await;
            let text = document.map_err(|error| error.to_string())?;
            let mut document: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            let Value::Object(definitions) = document["definitions"].take() else {
                return Err("no definitions".to_owned());
            };
            let published = |kind: &&str| definitions.contains_key(&format!("com.coreos.monitoring.v1.{kind}"));
            let awaited = ["ServiceMonitor", "PodMonitor", "PrometheusRule"];
            if awaited.iter().all(published) {
                Ok(definitions)
            } else {
                Err("not yet".to_owned())
            }
        },
    )
    .await
    .unwrap()
}

/// The schema of a kind of the project's own, as its definition says.
fn own(definition: &str) -> Value {
    let definition = crate::helm::objects(definition);
    let definition = &crate::helm::the(&definition, "CustomResourceDefinition")["spec"];
    let version = &definition["versions"][0];
    let mut schema = version["schema"]["openAPIV3Schema"].clone();
    let members = schema["properties"].as_object_mut().unwrap();
    for name in ["apiVersion", "kind"] {
        members.insert(name.to_owned(), json!({ "type": "string" }));
    }
    members.insert("metadata".to_owned(), json!({ "type": "object" }));
    schema["x-kubernetes-group-version-kind"] = json!([{
        "group": definition["group"],
        "version": version["name"],
        "kind": definition["names"]["kind"],
    }]);
    schema
}

/// What Kubernetes means and JSON Schema has to be told: no unknown fields, and its two extensions of types.
fn strict(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(strict),
        Value::Object(members) => {
            members.values_mut().for_each(strict);
            let is = |key: &str, value: Value| members.get(key) == Some(&value);
            let open = is("x-kubernetes-preserve-unknown-fields", json!(true));
            let either = is("format", json!("int-or-string")) || is("x-kubernetes-int-or-string", json!(true));
            let nullable = is("nullable", json!(true));
            // A member called "properties" has a schema, and so a type.
            let closed = members
                .get("properties")
                .is_some_and(|properties| !properties["type"].is_string());
            if closed && !open && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
            if either {
                members.insert("type".to_owned(), json!(["string", "integer"]));
            } else if nullable && let Some(one) = members.get("type").cloned() {
                members.insert("type".to_owned(), json!([one, "null"]));
            }
        }
        _ => {}
    }
}
