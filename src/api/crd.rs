//! The `CustomResourceDefinition`, generated from the types.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

use super::AuditMitigationTask;

/// The `CustomResourceDefinition` as it is installed.
#[must_use]
pub fn crd() -> CustomResourceDefinition {
    AuditMitigationTask::crd()
}
