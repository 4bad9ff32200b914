//! The `CustomResourceDefinition`, generated from the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps,
};
use kube::CustomResourceExt as _;
use serde_json::json;

use super::{AuditMitigationTask, columns, rules};
use crate::api::schema::{property, tidy};

/// The first lines of the generated file.
const HEADER: &str = "# Generated from the types in src/api by `cargo run -- crd`. Do not edit.\n";

/// The `CustomResourceDefinition` as it is installed.
pub fn crd() -> CustomResourceDefinition {
    let mut crd = AuditMitigationTask::crd();
    for version in &mut crd.spec.versions {
        version.additional_printer_columns = Some(columns::columns());
        let schema = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut());
        if let Some(root) = schema {
            complete(root);
        }
    }
    crd
}

/// The file `crds/auditmitigationtasks.yaml`, and what the command `crd` prints.
///
/// # Errors
/// When the definition can't be written as YAML, which would be a defect of this program.
pub fn to_yaml() -> Result<String, serde_saphyr::SerializeError> {
    Ok(format!("{HEADER}{}", serde_saphyr::to_string(&crd())?))
}

/// Adds what the derived schema can't say: rules, defaults and what null means.
fn complete(root: &mut JSONSchemaProps) {
    tidy(root);
    root.x_kubernetes_validations = Some(rules::root());
    // A rule says it: `required` would refuse every write to an object that was stored without a spec.
    root.required = None;
    if let Some(status) = property(root, &["status"]) {
        status.description = Some("What happened, why, what comes next and when.".to_owned());
        // kstatus and Argo CD know from the first moment that nobody has looked at the resource yet.
        status.default = Some(JSON(json!({ "observedGeneration": -1 })));
    }
    if let Some(spec) = property(root, &["spec"]) {
        spec.description = Some("What is asked for: which actions, on which findings.".to_owned());
    }
    if let Some(policy) = property(root, &["spec", "deletionPolicy"]) {
        policy.default = Some(JSON(json!(super::DeletionPolicy::default())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/auditmitigationtasks.yaml");

    #[test]
    fn the_generated_file_is_fresh() {
        let stored = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(
            stored == to_yaml().unwrap(),
            "crds/auditmitigationtasks.yaml is stale: run `cargo run -- crd > crds/auditmitigationtasks.yaml`",
        );
    }

    #[test]
    fn the_file_is_the_definition() {
        let read: CustomResourceDefinition = serde_saphyr::from_str(&to_yaml().unwrap()).unwrap();
        assert_eq!(read, crd());
    }

    /// A path of [`complete`] that isn't there would lose what it adds in silence.
    #[test]
    fn everything_that_is_added_has_arrived() {
        let yaml = to_yaml().unwrap();
        for rule in rules::root() {
            let message = rule.message.unwrap();
            assert!(yaml.contains(&message), "{message}");
        }
        assert_eq!(yaml.matches("default:").count(), 2, "deletionPolicy and status");
    }
}
