//! When a resource has nothing left to do, and whether its status says what the service says.

use kube::{ResourceExt as _, api::DynamicObject};
use serde_json::Value;
use simulator::Task;

use crate::{
    history::text,
    policies::is_of_a_policy,
    resources::{AUDIT, RECORD, asks_for},
};

/// How far a resource has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing is left to do.
    Settled,
    /// By the contract the operator waits for longer than a run takes: because an attempt to start got no answer, the
    /// service has no such task, and people have changed their mind since, or because a copy's task is not to be found.
    Waits,
    /// Something is left to do: what.
    Busy(String),
    /// It says that nothing is left to do, and what it says isn't so.
    Wrong(String),
}

/// Judges a resource by the service's tasks.
pub(crate) fn rest(object: &DynamicObject, tasks: &[Task]) -> Rest {
    let of_id = |id: &str| tasks.iter().find(|task| task.task_id == id);
    let status = object.data.get("status").unwrap_or(&Value::Null);
    let busy = |what: &str| Rest::Busy(format!("{}: {what}: {status}", object.name_any()));
    let wrong = |what: &str| Rest::Wrong(format!("{}: {what}: {status}", object.name_any()));
    if object.metadata.deletion_timestamp.is_some() {
        return busy("it is being deleted");
    }
    let observed = object
        .data
        .pointer("/status/observedGeneration")
        .and_then(Value::as_i64);
    if observed != object.metadata.generation {
        return busy("the status speaks of an older spec");
    }
    if let Some(id) = text(object, "/status/attempt/taskId") {
        return match of_id(id) {
            None if has_changed(object) || is_refused_now(object) => Rest::Waits,
            None => busy("the start is still to be repeated"),
            Some(_) => busy("the service has the task of the open attempt"),
        };
    }
    let own = tasks
        .iter()
        .find(|task| Some(&task.token) == object.metadata.uid.as_ref());
    let named = text(object, "/status/taskId").and_then(of_id);
    let spec = object.data.get("spec").unwrap_or(&Value::Null);
    let is_the_specs = named.is_some_and(|task| asks_for(&task.request, spec));
    let has_ended_as = |status: &str| is_the_specs && named.is_some_and(|task| task.status == status);
    let phase = text(object, "/status/phase").unwrap_or_default();
    let agrees = match phase {
        "Completed" => has_ended_as("COMPLETED"),
        "Failed" => has_ended_as("FAILED"),
        "Canceled" => own.is_none() && named.is_none() || has_ended_as("CANCELED"),
        "Suspended" | "AwaitingApproval" => own.is_none() && named.is_none(),
        "Conflict" => named.is_some() && !is_the_specs,
        "Rejected" => own.is_none(),
        "Unknown" => is_of_another(object) && own.is_none(),
        "Pending" if is_of_another(object) => return Rest::Waits,
        _ => return busy("this phase isn't the last"),
    };
    if !agrees {
        return wrong(&format!("the service has {named:?}, and of this uid {own:?}"));
    }
    if !["Suspended", "AwaitingApproval"].contains(&phase) && !object.finalizers().is_empty() {
        return busy("it is finished, and held by a finalizer");
    }
    Rest::Settled
}

/// Whether what was asked for is no longer asked for.
fn has_changed(object: &DynamicObject) -> bool {
    let is_set = |pointer: &str| object.data.pointer(pointer).and_then(Value::as_bool) == Some(true);
    let is_edited = text(object, "/spec/target/auditTaskId") != Some(AUDIT);
    // Those of policies have audits of their own, and nobody edits them.
    is_set("/spec/cancel") || is_set("/spec/suspend") || is_edited && !is_of_a_policy(&object.name_any())
}

/// Whether the service has found fault with the same request since, which it took the first time.
fn is_refused_now(object: &DynamicObject) -> bool {
    let conditions = object.data.pointer("/status/conditions").and_then(Value::as_array);
    let mut messages = conditions
        .into_iter()
        .flatten()
        .filter_map(|condition| condition.get("message")?.as_str());
    messages.any(|message| message.contains("refuses the same request now"))
}

/// Whether its record was written for another resource.
fn is_of_another(object: &DynamicObject) -> bool {
    let record = object.annotations().get(RECORD);
    let record: Option<Value> = record.and_then(|record| serde_json::from_str(record).ok());
    let uid = record
        .as_ref()
        .and_then(|record| record.get("uid"))
        .and_then(Value::as_str);
    uid.is_some() && uid != object.metadata.uid.as_deref()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tests::{object, task};

    #[test]
    fn a_status_that_says_another_end_than_the_service_is_seen() {
        let completed = object(&json!({ "phase": "Completed", "taskId": "t", "observedGeneration": 2 }));
        assert_eq!(rest(&completed, &[task("COMPLETED")]), Rest::Settled);
        assert!(matches!(rest(&completed, &[task("FAILED")]), Rest::Wrong(_)));
        assert!(matches!(rest(&completed, &[]), Rest::Wrong(_)));
        let old = object(&json!({ "phase": "Completed", "taskId": "t", "observedGeneration": 1 }));
        assert!(matches!(rest(&old, &[task("COMPLETED")]), Rest::Busy(_)));
        let suspended = object(&json!({ "phase": "Suspended", "observedGeneration": 2 }));
        assert_eq!(rest(&suspended, &[]), Rest::Settled);
        assert!(matches!(rest(&suspended, &[task("IN_PROGRESS")]), Rest::Wrong(_)));
    }

    #[test]
    fn a_conflict_is_one_and_what_is_one_is_called_so() {
        let status = |phase| json!({ "phase": phase, "taskId": "t", "observedGeneration": 2 });
        let mut other = task("COMPLETED");
        other.request = json!({ "target": { "auditTaskId": "another" } });
        assert_eq!(rest(&object(&status("Conflict")), &[other.clone()]), Rest::Settled);
        assert!(matches!(rest(&object(&status("Completed")), &[other]), Rest::Wrong(_)));
        assert!(matches!(
            rest(&object(&status("Conflict")), &[task("COMPLETED")]),
            Rest::Wrong(_)
        ));
    }

    #[test]
    fn an_attempt_is_left_open_only_while_the_service_has_no_such_task() {
        let mut open = object(&json!({ "phase": "Pending", "attempt": { "taskId": "t" }, "observedGeneration": 2 }));
        assert!(matches!(rest(&open, &[]), Rest::Busy(_)), "the same start settles it");
        let mut refused = open.clone();
        let message =
            "its answer was not seen; the service refuses the same request now: Mitigation action does not exist";
        refused.data["status"]["conditions"] = json!([{ "type": "Ready", "message": message }]);
        assert_eq!(rest(&refused, &[]), Rest::Waits);
        open.data["spec"]["cancel"] = json!(true);
        assert_eq!(rest(&open, &[]), Rest::Waits);
        assert!(matches!(rest(&open, &[task("IN_PROGRESS")]), Rest::Busy(_)));
    }
}
