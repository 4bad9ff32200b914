//! The manifests: what each asks for in each of its versions.

use anyhow::{Context as _, Result};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};

pub(crate) const ACTION: &str = "EnableLogging";
pub(crate) const OTHER_ACTION: &str = "AddToQuarantine";

/// The audit that a manifest speaks of until it is edited.
pub(crate) const AUDIT: &str = "a3aea009955e501a31b764abe1bebd3d";

pub(crate) fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("devicedefender.dev", "v1alpha1", "AuditMitigationTask");
    ApiResource::from_gvk_with_plural(&kind, "auditmitigationtasks")
}

/// The task id that a version of a manifest names; three of four name one. The simulator's outcome follows from it.
pub(crate) fn task_id(manifest: usize, version: usize) -> Option<String> {
    let kind = match manifest % 4 {
        0 => "quick",
        1 => "long",
        2 => "failing",
        _ => return None,
    };
    Some(format!("{kind}-{manifest}-{version}"))
}

pub(crate) fn name(manifest: usize) -> String {
    format!("manifest-{manifest}")
}

/// What is applied.
pub(crate) fn object(name: &str, task_id: Option<&str>, audit: &str, suspend: bool) -> Result<DynamicObject> {
    let mut object = json!({
        "apiVersion": "devicedefender.dev/v1alpha1",
        "kind": "AuditMitigationTask",
        "metadata": { "name": name },
        "spec": {
            "suspend": suspend,
            "target": { "auditTaskId": audit },
            "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": [ACTION] },
        },
    });
    if let (Some(id), Some(Value::Object(spec))) = (task_id, object.get_mut("spec")) {
        spec.insert("taskId".to_owned(), json!(id));
    }
    serde_json::from_value(object).context("no object")
}
