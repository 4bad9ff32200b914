//! What may still be edited, and when.

use serde_json::{Value, json};

use super::{Failures, Server, spec_with};

/// Statuses under which the request may still change: nothing of this resource was started.
fn not_started() -> Vec<(&'static str, Value)> {
    vec![
        ("new", json!({})),
        ("rejected", json!({"phase": "Rejected"})),
        (
            "suspended",
            json!({"phase": "Suspended", "region": "eu-central-1", "clientRequestToken": "t"}),
        ),
        (
            "conflict",
            json!({"phase": "Conflict", "taskId": "theirs", "startedBy": "Other"}),
        ),
    ]
}

/// Statuses under which it may not.
fn started() -> Vec<(&'static str, Value)> {
    let attempt = json!({"taskId": "a", "requestHash": "b", "region": "eu-central-1", "time": "2026-01-02T03:04:05Z"});
    vec![
        ("running", json!({"phase": "Running", "taskId": "ours"})),
        ("completed", json!({"phase": "Completed", "taskId": "ours"})),
        ("without-phase", json!({"taskId": "ours"})),
        ("attempt", json!({"phase": "Pending", "attempt": attempt})),
    ]
}

/// Edits of the request: what the resource is created with, the edit, the field that a refusal names.
fn edits() -> Vec<(Value, Value, &'static str)> {
    let full = json!({
        "taskId": "mine", "clientRequestToken": "token", "region": "eu-central-1",
        "target": {"auditCheckToReasonCodeFilter": {"CHECK": ["CODE"]}},
        "auditCheckToActionsMapping": {"OTHER_CHECK": ["One", "Two"]},
    });
    let findings = json!({"target": {"auditTaskId": null, "findingIds": ["f-1", "f-2"]}});
    vec![
        // Appearing, changing, disappearing.
        (json!({}), json!({"taskId": "mine"}), "taskId"),
        (full.clone(), json!({"taskId": "other"}), "taskId"),
        (full.clone(), json!({"taskId": null}), "taskId"),
        (json!({}), json!({"clientRequestToken": "token"}), "clientRequestToken"),
        (
            full.clone(),
            json!({"clientRequestToken": "other"}),
            "clientRequestToken",
        ),
        (full.clone(), json!({"clientRequestToken": null}), "clientRequestToken"),
        (json!({}), json!({"region": "eu-central-1"}), "region"),
        (full.clone(), json!({"region": "eu-west-1"}), "region"),
        (full.clone(), json!({"region": null}), "region"),
        (json!({}), json!({"target": {"auditTaskId": "other"}}), "target"),
        (
            json!({}),
            json!({"target": {"auditTaskId": null, "findingIds": ["f-1"]}}),
            "target",
        ),
        (
            json!({}),
            json!({"target": {"auditCheckToReasonCodeFilter": {"CHECK": ["CODE"]}}}),
            "target",
        ),
        (
            full.clone(),
            json!({"target": {"auditCheckToReasonCodeFilter": null}}),
            "target",
        ),
        (full.clone(), json!({"target": {"auditTaskId": null}}), "target"),
        (
            full.clone(),
            json!({"target": {"auditCheckToReasonCodeFilter": {"CHECK": ["CODE", "MORE"]}}}),
            "target",
        ),
        (
            full.clone(),
            json!({"target": {"auditCheckToReasonCodeFilter": {"MORE": ["CODE"]}}}),
            "target",
        ),
        (findings.clone(), json!({"target": {"findingIds": ["f-1"]}}), "target"),
        (
            findings.clone(),
            json!({"target": {"findingIds": ["f-1", "f-3"]}}),
            "target",
        ),
        (
            json!({}),
            json!({"auditCheckToActionsMapping": {"MORE": ["Action"]}}),
            "auditCheckToActionsMapping",
        ),
        (
            full.clone(),
            json!({"auditCheckToActionsMapping": {"OTHER_CHECK": null}}),
            "auditCheckToActionsMapping",
        ),
        // The order of actions is the order in which they are applied.
        (
            full.clone(),
            json!({"auditCheckToActionsMapping": {"OTHER_CHECK": ["Two", "One"]}}),
            "auditCheckToActionsMapping",
        ),
        (
            full,
            json!({"auditCheckToActionsMapping": {"OTHER_CHECK": ["One"]}}),
            "auditCheckToActionsMapping",
        ),
    ]
}

/// A resource with this spec and status, under a name made of both.
async fn stored(server: &Server, name: &str, spec: &Value, status: &Value) {
    server.create(name, &spec_with(spec)).await;
    server.write_status(name, status).await.unwrap();
}

#[tokio::test]
async fn the_request_can_be_edited_while_nothing_was_started() {
    let server = Server::shared("edits").await;
    let mut failures = Failures::default();
    for (state, status) in not_started() {
        for (number, (spec, edit, _)) in edits().into_iter().enumerate() {
            let name = format!("{state}-{number}");
            stored(&server, &name, &spec, &status).await;
            let answer = server.try_edit(&name, &json!({ "spec": edit })).await;
            failures.accepted(&format!("{state}: {edit}"), answer);
        }
    }
}

#[tokio::test]
async fn the_request_is_immutable_after_the_start() {
    let server = Server::shared("edits").await;
    let mut failures = Failures::default();
    for (state, status) in started() {
        for (number, (spec, edit, field)) in edits().into_iter().enumerate() {
            let name = format!("{state}-{number}");
            stored(&server, &name, &spec, &status).await;
            let expected = format!(
                "spec: Invalid value: spec.{field}: {field} is immutable once the task has been started (see status): \
                 put it back as it was, and create a resource with another name for another task"
            );
            let answer = server.try_edit(&name, &json!({ "spec": edit })).await;
            failures.refused(&format!("{state}: {edit}"), answer, &expected);
        }
    }
}

#[tokio::test]
async fn everything_else_can_be_edited_after_the_start() {
    let server = Server::shared("edits").await;
    let mut failures = Failures::default();
    let spec = json!({
        "target": {"auditTaskId": null, "findingIds": ["f-1", "f-2"]},
        "ttlSecondsAfterFinished": 1, "suspend": false,
    });
    for (state, status) in started() {
        stored(&server, state, &spec, &status).await;
        for edit in [
            json!({"metadata": {"labels": {"a": "b"}, "finalizers": ["devicedefender.dev/task"]}}),
            json!({"spec": {"cancel": true}}),
            json!({"spec": {"suspend": null}}),
            json!({"spec": {"deletionPolicy": "Orphan"}}),
            json!({"spec": {"activeDeadlineSeconds": 1, "ttlSecondsAfterFinished": null}}),
            // A set: the same findings, the same task.
            json!({"spec": {"target": {"findingIds": ["f-2", "f-1"]}}}),
        ] {
            failures.accepted(&format!("{state}: {edit}"), server.try_edit(state, &edit).await);
        }
    }
}

#[tokio::test]
async fn a_conflict_is_corrected_in_place_and_frozen_again_after_the_start() {
    let server = Server::shared("edits").await;
    stored(
        &server,
        "task",
        &json!({}),
        &json!({"phase": "Conflict", "taskId": "theirs"}),
    )
    .await;
    let edit = json!({"spec": {"taskId": "mine"}});
    server
        .kubectl(&["patch", "amt", "task", "--type=merge", "-p", &edit.to_string()])
        .await;
    server
        .write_status("task", &json!({"phase": "Running", "taskId": "mine"}))
        .await
        .unwrap();
    let refused = server
        .try_edit("task", &json!({"spec": {"taskId": null}}))
        .await
        .unwrap_err();
    assert!(refused.contains("taskId is immutable"), "{refused}");
}

#[tokio::test]
async fn suspend_holds_back_a_start_only() {
    let server = Server::shared("edits").await;
    let mut failures = Failures::default();
    let suspend = json!({"spec": {"suspend": true}});
    let message = "spec: Invalid value: spec.suspend: suspend is immutable once the task has been started, a task can't be \
                   paused: leave it false, or set cancel to true to cancel the task";
    for (state, status) in not_started() {
        stored(&server, state, &json!({}), &status).await;
        failures.accepted(state, server.try_edit(state, &suspend).await);
    }
    for (state, status) in started() {
        stored(&server, state, &json!({}), &status).await;
        failures.refused(state, server.try_edit(state, &suspend).await, message);
        let explicit = format!("{state}-false");
        stored(&server, &explicit, &json!({"suspend": false}), &status).await;
        failures.refused(&explicit, server.try_edit(&explicit, &suspend).await, message);
        // Suspended while the start was on its way: not locked in.
        let already = format!("{state}-true");
        stored(&server, &already, &json!({"suspend": true}), &status).await;
        for edit in [json!({"spec": {"cancel": true}}), json!({"spec": {"suspend": false}})] {
            failures.accepted(&format!("{already}: {edit}"), server.try_edit(&already, &edit).await);
        }
    }
}

#[tokio::test]
async fn cancel_is_one_way() {
    let server = Server::shared("edits").await;
    let mut failures = Failures::default();
    let message = "spec: Invalid value: spec.cancel: cancel is immutable once it is true, a cancelled task can't be resumed: \
                   leave it true, and create a resource with another name for another task";
    for (state, status) in not_started().into_iter().chain(started()) {
        stored(&server, state, &json!({"cancel": true}), &status).await;
        for edit in [json!(false), Value::Null] {
            let answer = server.try_edit(state, &json!({"spec": {"cancel": edit}})).await;
            failures.refused(&format!("{state}: {edit}"), answer, message);
        }
        failures.accepted(
            state,
            server
                .try_edit(state, &json!({"spec": {"deletionPolicy": "Orphan"}}))
                .await,
        );
        let other = format!("{state}-false");
        stored(&server, &other, &json!({"cancel": false}), &status).await;
        failures.accepted(
            &other,
            server.try_edit(&other, &json!({"spec": {"cancel": true}})).await,
        );
        failures.accepted(
            &other,
            server.try_edit(&other, &json!({"spec": {"cancel": null}})).await,
        );
    }
}
