//! `TaskAlreadyExists`: converged, never another start.

use std::time::Duration;

use audit_mitigation_operator::api::{Phase, StartedBy};
use serde_json::json;
use simulator::{Operation, Outcome};

use super::{World, condition, message, spec, until_older_than};

#[tokio::test]
async fn a_second_resource_of_the_same_task_adopts_it() {
    let world = World::new("adopts").await;
    world.create("first", &spec("shared")).await;
    world.phase("first", Phase::Completed).await;
    world.create("second", &spec("shared")).await;
    let second = world.phase("second", Phase::Completed).await;
    assert_eq!(second.task_id.as_deref(), Some("shared"));
    assert_eq!(second.started_by, Some(StartedBy::Other));
    assert_eq!(
        condition(&second, "Started"),
        ("True".to_owned(), "AlreadyExists".to_owned())
    );
    assert_eq!(world.aws.starts("shared"), 1);
    assert_eq!(world.aws.tasks().len(), 1);
    world.until_events("second", &["AlreadyExists", "Completed"]).await;
}

/// A deletion doesn't cancel a task of others, and says so.
#[tokio::test]
async fn deleting_a_resource_that_adopted_a_running_task_says_that_it_runs_on() {
    let world = World::new("adopts-running").await;
    world.aws.set_outcome("*", Outcome::held());
    world.create("first", &spec("adopts-running")).await;
    world.phase("first", Phase::Running).await;
    world.create("second", &spec("adopts-running")).await;
    world.phase("second", Phase::Running).await;
    world.kubectl(&["delete", "amt", "second", "--timeout=60s"]).await;
    world.until_events("second", &["AlreadyExists", "CancelIgnored"]).await;
    assert!(world.calls(Operation::CANCEL).is_empty());
}

#[tokio::test]
async fn a_task_that_ended_before_the_resource_existed_is_said_to_have() {
    let world = World::new("old").await;
    world.create("first", &spec("old")).await;
    world.phase("first", Phase::Completed).await;
    world.kubectl(&["delete", "amt", "first"]).await;
    until_older_than(world.aws.task("old").unwrap().end.unwrap(), 2).await;
    world.create("first", &spec("old")).await;
    let again = world.phase("first", Phase::Completed).await;
    assert!(
        message(&again).contains("before this resource was created"),
        "{}",
        message(&again)
    );
    assert!(message(&again).contains("spec.taskId"), "{}", message(&again));
    assert_eq!(world.aws.starts("old"), 1);
}

/// Both are named in AWS for the same id, and only the older one's claim can be right for whatever runs under it.
#[tokio::test]
async fn an_older_resource_that_claims_the_id_makes_the_task_another_s() {
    let world = World::new("claimed").await;
    world.create("older", &spec("claimed")).await;
    world.phase("older", Phase::Completed).await;
    let created = world.get("older").await.metadata.creation_timestamp.unwrap().0;
    until_older_than(created, 2).await;
    // The service has forgotten, and the id is free again.
    world.aws.advance(Duration::from_hours(91 * 24));
    world.aws.set_outcome("*", Outcome::held());
    world.create("younger", &spec("claimed")).await;
    let younger = world.phase("younger", Phase::Running).await;
    assert_eq!(younger.started_by, Some(StartedBy::Other));
    world.kubectl(&["delete", "amt", "younger", "--timeout=60s"]).await;
    assert!(world.calls(Operation::CANCEL).is_empty());
}

#[tokio::test]
async fn a_task_that_does_something_else_is_a_conflict_and_the_way_out_works() {
    let world = World::new("conflict").await;
    world.aws.set_outcome("clash", Outcome::held());
    world.create("first", &spec("clash")).await;
    world.phase("first", Phase::Running).await;
    let other = json!({
        "taskId": "clash",
        "target": { "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" },
        "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["SomethingElse"] },
    });
    world.create("second", &other).await;
    let second = world.phase("second", Phase::Conflict).await;
    assert_eq!(second.task_id.as_deref(), Some("clash"));
    assert_eq!(
        condition(&second, "Stalled"),
        ("True".to_owned(), "TaskDiffers".to_owned())
    );
    assert!(
        message(&second).contains("auditCheckToActionsMapping"),
        "{}",
        message(&second)
    );
    assert!(
        !message(&second).contains("EnableLogging"),
        "the other side's values are nobody's business: {}",
        message(&second)
    );
    assert_eq!(world.aws.tasks().len(), 1);
    world.until_events("second", &["AlreadyExists", "TaskDiffers"]).await;
    let described = world.calls(Operation::DESCRIBE).len();

    world.edit("second", &json!({ "spec": { "taskId": "no-clash" } })).await;
    let out = world.phase("second", Phase::Completed).await;
    assert_eq!(
        (out.task_id.as_deref(), out.started_by),
        (Some("no-clash"), Some(StartedBy::This))
    );
    assert_eq!(world.aws.starts("no-clash"), 1);
    assert!(world.calls(Operation::DESCRIBE).len() > described);
    world.phase("first", Phase::Running).await;
}
