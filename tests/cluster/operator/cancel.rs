//! `spec.cancel`, `spec.activeDeadlineSeconds`, `spec.suspend`: ways to stop, and whom they never stop.

use audit_mitigation_operator::api::{Phase, StartedBy};
use serde_json::json;
use simulator::{Fault, FaultKind, Operation, Outcome};

use super::{World, condition, message, spec, status};

fn with(task_id: &str, more: &serde_json::Value) -> serde_json::Value {
    let mut spec = spec(task_id);
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    spec
}

#[tokio::test]
async fn cancel_before_the_start_starts_nothing_and_is_one_way() {
    let world = World::new("cancel-before").await;
    world
        .create(
            "one",
            &with("cancel-before", &json!({ "cancel": true, "suspend": true })),
        )
        .await;
    let canceled = world.phase("one", Phase::Canceled).await;
    assert_eq!(
        condition(&canceled, "Started"),
        ("False".to_owned(), "CanceledBeforeStart".to_owned())
    );
    assert_eq!(condition(&canceled, "Failed").0, "True");
    world
        .kubectl(&["wait", "--for=condition=Finished", "--timeout=60s", "amt/one"])
        .await;
    assert!(world.aws.calls().is_empty());
    world.until_events("one", &["CanceledBeforeStart"]).await;
}

#[tokio::test]
async fn cancel_of_a_running_task_cancels_it_and_keeps_the_resource() {
    let world = World::new("cancel-running").await;
    world.aws.set_outcome("*", Outcome::held());
    world
        .aws
        .set_readings(|readings| readings.cancel_takes = std::time::Duration::from_secs(1));
    world.create("one", &spec("cancel-running")).await;
    world.phase("one", Phase::Running).await;
    world.edit("one", &json!({ "spec": { "cancel": true } })).await;
    let canceled = world.phase("one", Phase::Canceled).await;
    assert_eq!(
        condition(&canceled, "Failed"),
        ("True".to_owned(), "CanceledBySpec".to_owned())
    );
    assert_eq!(condition(&canceled, "Started").0, "True");
    assert_eq!(world.calls(Operation::CANCEL).len(), 1);
    assert_eq!(world.aws.task("cancel-running").unwrap().status, "CANCELED");
    world
        .until_events("one", &["Started", "CanceledBySpec", "CanceledBySpec"])
        .await;
}

#[tokio::test]
async fn a_cancel_whose_answer_is_lost_is_settled() {
    let world = World::new("cancel-lost").await;
    world.aws.set_outcome("*", Outcome::held());
    for (name, fault) in [
        ("before", Fault::new(FaultKind::Cut)),
        ("after", Fault::new(FaultKind::Cut).after_work()),
    ] {
        world.aws.inject(fault.on(Operation::CANCEL).task(name).times(1));
        world.create(name, &spec(name)).await;
        world.phase(name, Phase::Running).await;
        world.edit(name, &json!({ "spec": { "cancel": true } })).await;
        let canceled = world.phase(name, Phase::Canceled).await;
        assert_eq!(condition(&canceled, "Failed").1, "CanceledBySpec", "{name}");
    }
}

#[tokio::test]
async fn a_cancel_that_loses_the_race_against_the_end_tells_the_end() {
    let world = World::new("cancel-race").await;
    world.aws.set_outcome("*", Outcome::held());
    world.create("one", &spec("cancel-race")).await;
    world.phase("one", Phase::Running).await;
    // The operator's next look comes too late: the task ends right before the Cancel.
    world.aws.inject(
        Fault::new(FaultKind::TaskStatus {
            status: "IN_PROGRESS".to_owned(),
        })
        .on(Operation::DESCRIBE)
        .times(3),
    );
    world.aws.finish("cancel-race");
    world.edit("one", &json!({ "spec": { "cancel": true } })).await;
    let done = world.phase("one", Phase::Completed).await;
    assert_eq!(condition(&done, "Complete").0, "True");
    assert!(
        world
            .calls(Operation::CANCEL)
            .iter()
            .all(|call| call.code.as_deref() == Some("InvalidRequestException"))
    );
}

#[tokio::test]
async fn a_task_that_runs_too_long_is_cancelled() {
    let world = World::new("deadline").await;
    world.aws.set_outcome("*", Outcome::held());
    world
        .create("one", &with("deadline", &json!({ "activeDeadlineSeconds": 2 })))
        .await;
    let canceled = world.phase("one", Phase::Canceled).await;
    assert_eq!(
        condition(&canceled, "Failed"),
        ("True".to_owned(), "DeadlineExceeded".to_owned())
    );
    let task = world.aws.task("deadline").unwrap();
    let ran = task.end.unwrap().duration_since(task.start).as_secs_f64();
    assert!(ran >= 1.0, "cancelled after {ran} seconds");
    world
        .until_events("one", &["Started", "DeadlineExceeded", "DeadlineExceeded"])
        .await;
}

#[tokio::test]
async fn a_task_that_somebody_else_cancels_is_said_to_be() {
    let world = World::new("cancel-elsewhere").await;
    world.aws.set_outcome("*", Outcome::status("CANCELED"));
    world.create("one", &spec("cancel-elsewhere")).await;
    let canceled = world.phase("one", Phase::Canceled).await;
    assert_eq!(condition(&canceled, "Failed").1, "CanceledElsewhere");
}

/// Neither cancel nor a deadline nor a deletion stops a task that this resource did not start.
#[tokio::test]
async fn a_task_of_others_is_never_cancelled() {
    let world = World::new("not-ours").await;
    world.aws.set_outcome("*", Outcome::held());
    world.create("first", &spec("not-ours")).await;
    world.phase("first", Phase::Running).await;
    world
        .create("second", &with("not-ours", &json!({ "activeDeadlineSeconds": 1 })))
        .await;
    let second = world.until("second", "it says so", |task| {
        status(task)
            .conditions
            .iter()
            .any(|condition| condition.reason == "CancelIgnored")
    });
    let second = status(&second.await);
    assert_eq!(
        (second.phase, second.started_by),
        (Some(Phase::Running), Some(StartedBy::Other))
    );
    world.edit("second", &json!({ "spec": { "cancel": true } })).await;
    let second = world.phase("second", Phase::Running).await;
    assert!(
        message(&second).contains("not started by this resource"),
        "{}",
        message(&second)
    );
    world.kubectl(&["delete", "amt", "second", "--timeout=60s"]).await;
    world.until_events("second", &["AlreadyExists", "CancelIgnored"]).await;
    assert!(world.calls(Operation::CANCEL).is_empty());
    assert_eq!(world.aws.task("not-ours").unwrap().status, "IN_PROGRESS");
    world.phase("first", Phase::Running).await;
}
