//! What fails blinds nothing: something fails for as long as nobody mends it, and the operator still sees what the task
//! does, frees its slot, and says what fails.

mod altered;
mod away;
mod cancel;
mod claims;
mod describe;
mod lists;
mod missing;
mod refused;
mod start;
mod told;

use audit_mitigation_operator::api::Phase;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};
use simulator::{Call, FaultKind, Operation};
use support::eventually;

use super::{LIMIT, World, message, requests, spec, status};

/// One slot for each region: what holds it wrongly holds up the next. Looks that come often.
const FLAGS: &[&str] = &["--max-running-tasks=1", "--max-poll-interval=500ms"];

/// How an operation fails for good, and what the message tells of it.
fn failures() -> [(&'static str, FaultKind, &'static str); 3] {
    [
        ("denied", FaultKind::AccessDenied, "is not authorized to perform"),
        ("undocumented", undocumented(), "ValidationException"),
        ("broken", FaultKind::Internal, "HTTP status 500"),
    ]
}

/// As a service answers in a region that doesn't offer it.
fn undocumented() -> FaultKind {
    FaultKind::Error {
        status: 400,
        code: "ValidationException".to_owned(),
        message: "1 validation error detected".to_owned(),
    }
}

/// A region with slots of its own.
fn region_of(case: &str) -> String {
    format!("xx-{case}-1")
}

/// A spec in the case's own region, with these members.
fn spec_of(case: &str, more: &Value) -> Value {
    let mut spec = spec(case);
    spec["region"] = region_of(case).into();
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

impl World {
    fn calls_for(&self, operation: Operation, task_id: &str) -> Vec<Call> {
        let mut calls = self.calls(operation);
        calls.retain(|call| call.task_id.as_deref() == Some(task_id));
        calls
    }

    /// Waits until the service was asked this for a task so many times more.
    async fn until_called_again(&self, operation: Operation, task_id: &str, times: usize) {
        let before = self.calls_for(operation, task_id).len();
        eventually(LIMIT, "the calls are made", async || {
            let calls = self.calls_for(operation, task_id).len();
            if calls >= before + times {
                Ok(())
            } else {
                Err(format!("{calls} calls of {operation:?} for {task_id}, {before} before"))
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", self.log()));
    }

    /// Waits until the message of a resource in this phase tells this.
    async fn until_told(&self, name: &str, phase: Phase, text: &str) {
        self.until(name, &format!("{name} is {phase:?} and tells {text}"), |task| {
            let status = status(task);
            status.phase == Some(phase) && message(&status).contains(text)
        })
        .await;
    }

    /// Creates a resource that needs the slot of a case's region.
    async fn create_next(&self, case: &str) -> String {
        let name = format!("next-{case}");
        let mut spec = spec(&name);
        spec["region"] = region_of(case).into();
        self.create(&name, &spec).await;
        name
    }

    /// The task ends in the service: its resource tells it after at most two looks.
    async fn end_is_seen(&self, case: &str) {
        let before = self.calls_for(Operation::DESCRIBE, case).len();
        assert_eq!(self.aws.finish(case), 1, "{case}");
        self.phase(case, Phase::Completed).await;
        let looks = self.calls_for(Operation::DESCRIBE, case).len() - before;
        assert!(looks <= 2, "{case}: told after {looks} looks");
    }

    /// The notes of a resource's events of this reason.
    async fn notes(&self, name: &str, reason: &str) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let events = events.list(&ListParams::default()).await.unwrap().items;
        let of_it = |event: &Event| {
            let regarding = event.regarding.as_ref().and_then(|regarding| regarding.name.as_deref());
            regarding == Some(name) && event.reason.as_deref() == Some(reason)
        };
        events
            .into_iter()
            .filter(of_it)
            .filter_map(|event| event.note)
            .collect()
    }

    /// Waits for an event, and gives its note.
    async fn until_note(&self, name: &str, reason: &str) -> String {
        eventually(LIMIT, "the event is written", async || {
            let notes = self.notes(name, reason).await;
            notes.into_iter().next().ok_or(format!("no {reason} of {name}"))
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", self.log()))
    }
}

/// What makes a resource's task be cancelled.
fn cancel() -> Value {
    json!({ "spec": { "cancel": true } })
}
