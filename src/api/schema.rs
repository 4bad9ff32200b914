//! What the schemas of the kinds have in common.

use std::collections::BTreeMap;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray,
    JSONSchemaPropsOrBool, ValidationRule,
};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::json;

use super::deletion_policy::DeletionPolicy;

/// What the service takes for the ids of tasks and findings, for tokens and for names of actions.
pub(super) const ID_PATTERN: &str = "^[a-zA-Z0-9_-]+$";

/// The most audit checks that a map may name. The service has 17, one or two more each year. It can be raised later
/// and never be lowered.
pub(super) const MAX_CHECKS: u32 = 32;

/// The longest name of an audit check. The service states no limit; the longest known one has 60 characters.
pub(super) const MAX_CHECK_NAME_LENGTH: u32 = 128;

/// The longest reason code. The service states no limit; the longest known one has 63 characters.
pub(super) const MAX_REASON_CODE_LENGTH: u32 = 256;

/// The schema of `auditCheckToActionsMapping`. The lists are nullable so that a null reaches the rule that refuses
/// it: the API server drops a null in silence otherwise, and the check with it. The map is atomic: it is one decision,
/// and whoever applies it means all of it.
pub(super) fn check_to_actions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": MAX_CHECKS,
        "x-kubernetes-map-type": "atomic",
        "additionalProperties": {
            "description": "The names of the mitigation actions for the findings of this check, in the order in which they are applied.",
            "type": "array",
            "nullable": true,
            "minItems": 1,
            "maxItems": 5,
            "x-kubernetes-list-type": "atomic",
            "items": { "type": "string", "minLength": 1, "maxLength": 128, "pattern": ID_PATTERN },
        },
    })
}

/// The schema of `auditCheckToReasonCodeFilter`; nullable and atomic as above.
pub(super) fn check_to_reason_codes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": MAX_CHECKS,
        "x-kubernetes-map-type": "atomic",
        "additionalProperties": {
            "description": "The reason codes of the findings of this check that are meant.",
            "type": "array",
            "nullable": true,
            "minItems": 1,
            "maxItems": 25,
            "x-kubernetes-list-type": "set",
            "items": { "type": "string", "minLength": 1, "maxLength": MAX_REASON_CODE_LENGTH },
        },
    })
}

/// A definition with what the derived schema can't say: columns, rules, defaults, and what `describe` adds.
pub(super) fn complete(
    mut crd: CustomResourceDefinition,
    columns: &[CustomResourceColumnDefinition],
    rules: &[ValidationRule],
    describe: fn(&mut JSONSchemaProps),
) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        version.additional_printer_columns = Some(columns.to_vec());
        let schema = version.schema.as_mut();
        let Some(root) = schema.and_then(|schema| schema.open_api_v3_schema.as_mut()) else {
            continue;
        };
        tidy(root);
        root.x_kubernetes_validations = Some(rules.to_vec());
        // A rule says it: `required` would refuse every write to an object that was stored without a spec.
        root.required = None;
        if let Some(status) = property(root, &["status"]) {
            // kstatus and Argo CD know from the first moment that nobody has looked at the resource yet.
            status.default = Some(JSON(json!({ "observedGeneration": -1 })));
            // The operator alone writes it, whole. So the API server need not note the owner of each of its fields,
            // which took as much room in each object as the status itself, and time at each write.
            status.x_kubernetes_map_type = Some("atomic".to_owned());
        }
        if let Some(policy) = property(root, &["spec", "deletionPolicy"]) {
            policy.default = Some(JSON(json!(DeletionPolicy::default())));
        }
        describe(root);
    }
    crd
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
pub(super) fn property<'a>(schema: &'a mut JSONSchemaProps, path: &[&str]) -> Option<&'a mut JSONSchemaProps> {
    path.iter()
        .try_fold(schema, |schema, name| schema.properties.as_mut()?.get_mut(*name))
}
