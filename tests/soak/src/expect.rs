//! When a resource has nothing left to do, and whether its status says what the service says.

use kube::{ResourceExt as _, api::DynamicObject};
use serde_json::Value;
use simulator::Task;

use crate::resources::AUDIT;

/// How far a resource has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing is left to do.
    Settled,
    /// An attempt to start got no answer, the service has no such task, and people have changed their mind since:
    /// by the contract the operator waits until no request of it can still arrive, a quarter of an hour.
    Open,
    /// Something is left to do: what.
    Busy(String),
}

/// Judges a resource by the service's tasks.
pub(crate) fn rest(object: &DynamicObject, tasks: &[Task]) -> Rest {
    let text = |pointer: &str| object.data.pointer(pointer).and_then(Value::as_str);
    let of_id = |id: &str| tasks.iter().find(|task| task.task_id == id);
    let busy = |what: &str| {
        let status = object.data.get("status").unwrap_or(&Value::Null);
        Rest::Busy(format!("{}: {what}: {status}", object.name_any()))
    };
    if object.metadata.deletion_timestamp.is_some() {
        return busy("it is being deleted");
    }
    if object
        .data
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64)
        != object.metadata.generation
    {
        return busy("the status speaks of an older spec");
    }
    if let Some(id) = text("/status/attempt/taskId") {
        let is_set = |pointer: &str| object.data.pointer(pointer).and_then(Value::as_bool) == Some(true);
        let changed =
            is_set("/spec/cancel") || is_set("/spec/suspend") || text("/spec/target/auditTaskId") != Some(AUDIT);
        return match of_id(id) {
            None if changed => Rest::Open,
            None => busy("the start is still to be repeated"),
            Some(_) => busy("the service has the task of the open attempt"),
        };
    }
    let phase = text("/status/phase").unwrap_or_default();
    let own = tasks
        .iter()
        .find(|task| Some(&task.token) == object.metadata.uid.as_ref());
    let named = text("/status/taskId").and_then(of_id);
    let agrees = match phase {
        "Completed" => named.is_some_and(|task| task.status == "COMPLETED"),
        "Failed" => named.is_some_and(|task| task.status == "FAILED"),
        "Canceled" => named.map_or(own.is_none(), |task| task.status == "CANCELED"),
        "Suspended" => own.is_none() && text("/status/taskId").is_none(),
        "Conflict" => own.is_none() && named.is_some(),
        _ => return busy("this phase isn't the last"),
    };
    if !agrees {
        return busy(&format!("the service has {named:?}, and of this uid {own:?}"));
    }
    if phase != "Suspended" && !object.finalizers().is_empty() {
        return busy("it is finished, and held by a finalizer");
    }
    Rest::Settled
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(status: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "metadata": { "name": "one", "uid": "u", "generation": 2 },
            "status": status,
        }))
        .unwrap()
    }

    fn task(status: &str) -> Task {
        serde_json::from_value(json!({
            "account": "a", "region": "r", "task_id": "t", "token": "u", "request": {}, "status": status,
            "start": "2026-01-01T00:00:00Z", "end": null, "statistics": {},
        }))
        .unwrap()
    }

    #[test]
    fn a_status_that_says_another_end_than_the_service_is_seen() {
        let completed = object(&json!({ "phase": "Completed", "taskId": "t", "observedGeneration": 2 }));
        assert_eq!(rest(&completed, &[task("COMPLETED")]), Rest::Settled);
        assert!(matches!(rest(&completed, &[task("FAILED")]), Rest::Busy(_)));
        assert!(matches!(rest(&completed, &[]), Rest::Busy(_)));
        let old = object(&json!({ "phase": "Completed", "taskId": "t", "observedGeneration": 1 }));
        assert!(matches!(rest(&old, &[task("COMPLETED")]), Rest::Busy(_)));
        let suspended = object(&json!({ "phase": "Suspended", "observedGeneration": 2 }));
        assert_eq!(rest(&suspended, &[]), Rest::Settled);
        assert!(matches!(rest(&suspended, &[task("IN_PROGRESS")]), Rest::Busy(_)));
    }

    #[test]
    fn an_attempt_is_left_open_only_while_the_service_has_no_such_task() {
        let mut open = object(&json!({ "phase": "Pending", "attempt": { "taskId": "t" }, "observedGeneration": 2 }));
        open.data["spec"] = json!({ "target": { "auditTaskId": AUDIT } });
        assert!(matches!(rest(&open, &[]), Rest::Busy(_)), "the same start settles it");
        open.data["spec"]["cancel"] = json!(true);
        assert_eq!(rest(&open, &[]), Rest::Open);
        assert!(matches!(rest(&open, &[task("IN_PROGRESS")]), Rest::Busy(_)));
    }
}
