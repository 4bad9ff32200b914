//! What the chart says twice, or says of other parts of the project, must agree.

use std::process::Command;

use serde_json::Value;

use crate::helm::{EACH, definition, objects, the};
use crate::{file, yaml};

/// The definitions as they are delivered, by plural.
pub(crate) const DELIVERED: [(&str, &str); 2] = [
    (
        "auditmitigationtasks",
        include_str!("../../crds/auditmitigationtasks.yaml"),
    ),
    (
        "auditmitigationpolicies",
        include_str!("../../crds/auditmitigationpolicies.yaml"),
    ),
];

#[test]
fn the_crds_are_the_delivered_ones() {
    let delivered = DELIVERED.map(|(_, text)| text).join("---\n");
    assert!(
        file("files/crd.yaml") == delivered,
        "files/crd.yaml of the chart is not what is in crds: run `UPDATE_GENERATED=1 cargo test --lib api::crds`"
    );
}

/// Beside what helm needs in its metadata, nothing of a definition may change on its way through the template.
#[test]
fn the_rendered_crds_have_the_delivered_specs() {
    for helm in EACH {
        let rendered = helm.objects("fleet", &["--set", "crds.annotations.example\\.com/a=b"]);
        let not_kept = helm.objects("fleet", &["--set", "crds.keep=false"]);
        for (plural, delivered) in DELIVERED {
            let delivered = objects(delivered);
            let delivered = the(&delivered, "CustomResourceDefinition");
            let rendered = definition(&rendered, plural);
            assert_eq!(rendered["spec"], delivered["spec"]);
            assert_eq!(rendered["metadata"]["name"], delivered["metadata"]["name"]);
            let annotations = &rendered["metadata"]["annotations"];
            assert_eq!(annotations["helm.sh/resource-policy"], "keep");
            assert_eq!(annotations["example.com/a"], "b");
            assert_eq!(rendered["metadata"]["labels"]["app.kubernetes.io/managed-by"], "Helm");
            assert_eq!(definition(&not_kept, plural)["metadata"]["annotations"], Value::Null);
        }
        let without = helm.objects("fleet", &["--set", "crds.install=false"]);
        assert!(
            without
                .iter()
                .all(|object| object["kind"] != "CustomResourceDefinition")
        );
    }
}

/// What Artifact Hub shows of the definitions.
#[test]
fn the_annotations_name_the_delivered_crds() {
    let chart = yaml("Chart.yaml");
    let annotation = |name: &str| chart["annotations"][format!("artifacthub.io/{name}")].as_str().unwrap();
    let crds: Value = serde_saphyr::from_str(annotation("crds")).unwrap();
    let crds = crds.as_array().unwrap();
    assert_eq!(crds.len(), DELIVERED.len());
    for (crd, (_, delivered)) in crds.iter().zip(DELIVERED) {
        let delivered = objects(delivered);
        let delivered = the(&delivered, "CustomResourceDefinition");
        assert_eq!(crd["name"], delivered["metadata"]["name"]);
        assert_eq!(crd["kind"], delivered["spec"]["names"]["kind"]);
        assert_eq!(crd["version"], delivered["spec"]["versions"][0]["name"]);
    }
    let changes: Vec<Value> = serde_saphyr::from_str(annotation("changes")).unwrap();
    let kinds = ["added", "changed", "deprecated", "removed", "fixed", "security"];
    assert!(
        changes
            .iter()
            .all(|change| kinds.contains(&change["kind"].as_str().unwrap()))
    );
    assert!(changes.iter().all(|change| change["description"].is_string()));
}

#[test]
fn the_versions_are_the_products() {
    let chart = yaml("Chart.yaml");
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}

/// A value that the schema doesn't know can't be set; one that values.yaml doesn't show can't be found.
#[test]
fn the_schema_and_the_values_have_the_same_keys() {
    let schema: Value = serde_json::from_str(&file("values.schema.json")).unwrap();
    same_keys("", &schema, &yaml("values.yaml"));
}

fn same_keys(at: &str, schema: &Value, values: &Value) {
    // A schema without properties leaves the content to the user.
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    assert_eq!(schema["additionalProperties"], false, "{at:?} takes any key");
    let values = values.as_object().unwrap_or_else(|| panic!("{at:?} is no object"));
    for name in values.keys() {
        assert!(properties.contains_key(name), "the schema has no {at}.{name}");
    }
    for (name, property) in properties {
        // What a parent chart gives, and what Kubernetes defines.
        let of_a_parent = at.is_empty() && ["global", "enabled"].contains(&name.as_str());
        if of_a_parent || ["resources", "affinity"].contains(&at) {
            continue;
        }
        let value = values
            .get(name)
            .unwrap_or_else(|| panic!("values.yaml has no {at}.{name}"));
        same_keys(name, property, value);
    }
}

/// The Deployment gives no flag and no variable that the operator doesn't have, whatever the values.
#[test]
fn every_flag_exists() {
    let output = Command::new(env!("CARGO_BIN_EXE_audit-mitigation-operator"))
        .args(["run", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for set in crate::value_sets() {
        let objects = EACH[0].objects("fleet", &["--values", crate::helm::path(&set)]);
        let container = &the(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0];
        for argument in container["args"].as_array().unwrap().iter().skip(1) {
            let argument = argument.as_str().unwrap();
            let (flag, _) = argument.split_once('=').unwrap_or((argument, ""));
            let known = |line: &str| {
                line.trim_start()
                    .strip_prefix(flag)
                    .is_some_and(|rest| rest.starts_with([' ', '[']))
            };
            assert!(help.lines().any(known), "{flag} isn't in:\n{help}");
        }
        for variable in container["env"].as_array().unwrap() {
            let name = variable["name"].as_str().unwrap();
            // The SDK's own are no flags, and neither is where a proxy is.
            let known =
                name.starts_with("AWS_") || name.ends_with("_PROXY") || help.contains(&format!("[env: {name}="));
            assert!(known, "{name} isn't in:\n{help}");
        }
    }
}
