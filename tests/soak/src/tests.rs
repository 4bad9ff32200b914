//! What the tests of several modules are about.

use kube::api::DynamicObject;
use serde_json::{Value, json};
use simulator::Task;

/// A resource with this status.
pub(crate) fn object(status: &Value) -> DynamicObject {
    serde_json::from_value(json!({
        "metadata": { "name": "one", "uid": "u", "generation": 2 },
        "spec": { "target": { "auditTaskId": crate::resources::AUDIT } },
        "status": status,
    }))
    .unwrap()
}

/// The task of that resource.
pub(crate) fn task(status: &str) -> Task {
    serde_json::from_value(json!({
        "account": "a", "region": "r", "task_id": "t", "token": "u", "status": status,
        "request": { "target": { "auditTaskId": crate::resources::AUDIT } },
        "start": "2026-01-01T00:00:00Z", "end": null, "statistics": {}, "mitigates": [],
    }))
    .unwrap()
}
