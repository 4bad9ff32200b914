//! The `CustomResourceDefinition`, generated from the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSONSchemaProps};
use kube::CustomResourceExt as _;

use super::{AuditMitigationTask, columns, rules};
use crate::api::schema::{self, property};

/// The `CustomResourceDefinition` as it is installed.
pub fn crd() -> CustomResourceDefinition {
    schema::complete(
        AuditMitigationTask::crd(),
        &columns::columns(),
        &rules::root(),
        describe,
    )
}

/// Adds what the derived schema can't say.
fn describe(root: &mut JSONSchemaProps) {
    if let Some(status) = property(root, &["status"]) {
        status.description = Some("What happened, why, what comes next and when.".to_owned());
    }
    if let Some(spec) = property(root, &["spec"]) {
        spec.description = Some("What is asked for: which actions, on which findings.".to_owned());
    }
}
