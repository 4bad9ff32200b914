//! The `CustomResourceDefinition`, generated from the types.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt as _;
use serde_json::json;

use super::{AuditMitigationTask, columns, rules};

/// The first lines of the generated file.
const HEADER: &str = "# Generated from the types in src/api by `cargo run -- crd`. Do not edit.\n";

/// The `CustomResourceDefinition` as it is installed.
#[must_use]
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
    if let Some(target) = property(root, &["spec", "target"]) {
        target.x_kubernetes_validations = Some(rules::target());
    }
    if let Some(filter) = property(root, &["spec", "target", "auditCheckToReasonCodeFilter"]) {
        filter.x_kubernetes_validations = Some(rules::check_map("reason codes"));
    }
    if let Some(mapping) = property(root, &["spec", "auditCheckToActionsMapping"]) {
        mapping.x_kubernetes_validations = Some(rules::check_map("actions"));
    }
}

/// A field that isn't set is absent, never null: else null and absent would be two values to the rules of what may
/// change. Descriptions are wrapped by who shows them, and their backticks are for Rust's documentation only.
fn tidy(schema: &mut JSONSchemaProps) {
    if let Some(text) = schema.description.as_mut() {
        *text = text.replace('`', "").split_whitespace().collect::<Vec<_>>().join(" ");
    }
    for property in schema.properties.iter_mut().flat_map(BTreeMap::values_mut) {
        property.nullable = None;
        tidy(property);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = schema.additional_properties.as_mut() {
        tidy(values);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = schema.items.as_mut() {
        tidy(items);
    }
}

/// The schema of the field at `path`. A path that isn't there is caught by a test.
fn property<'a>(schema: &'a mut JSONSchemaProps, path: &[&str]) -> Option<&'a mut JSONSchemaProps> {
    path.iter()
        .try_fold(schema, |schema, name| schema.properties.as_mut()?.get_mut(*name))
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

    /// The longest path of each kind that [`complete`] names: a path that isn't there would lose its rules in silence.
    #[test]
    fn every_rule_has_arrived() {
        let yaml = to_yaml().unwrap();
        for rule in [
            rules::root(),
            rules::target(),
            rules::check_map("actions"),
            rules::check_map("reason codes"),
        ]
        .concat()
        {
            let message = rule.message.unwrap();
            assert!(yaml.contains(&message), "{message}");
        }
        assert_eq!(yaml.matches("default:").count(), 2, "deletionPolicy and status");
    }
}
