//! Copies and restores: a manifest with its annotations under another uid never starts anything.

use std::time::Duration;

use audit_mitigation_operator::api::{Phase, StartedBy};
use serde_json::{Value, json};
use simulator::{Operation, Outcome};

use super::{World, condition, message, spec};

impl World {
    /// The resource as a backup would keep it, without what the API server owns.
    pub(super) async fn backup(&self, name: &str) -> Value {
        let text = self.kubectl(&["get", "amt", name, "-o", "json"]).await;
        let mut object: Value = serde_json::from_str(&text).unwrap();
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.retain(|key, _| ["name", "annotations"].contains(&key.as_str()));
        object
    }

    pub(super) async fn restore(&self, backup: &Value, with_status: bool) {
        self.create_object(backup).await;
        if with_status {
            let patch = json!({ "status": backup["status"] }).to_string();
            let name = backup["metadata"]["name"].as_str().unwrap();
            self.kubectl(&[
                "patch",
                "amt",
                name,
                "--subresource=status",
                "--type=merge",
                "-p",
                &patch,
            ])
            .await;
        }
    }
}

#[tokio::test]
async fn a_copy_of_a_running_task_follows_it_and_never_cancels_it() {
    let mut world = World::new("copy").await;
    world.aws.set_outcome("*", Outcome::held());
    world.create("one", &spec("copy")).await;
    world.phase("one", Phase::Running).await;
    let mut backup = world.backup("one").await;
    for (name, with_status) in [("copy", false), ("copy-with-status", true)] {
        backup["metadata"]["name"] = json!(name);
        // The status is restored before any operator looks, as a backup tool does it.
        world.operator.take();
        world.restore(&backup, with_status).await;
        world.start_operator();
        let copy = world
            .until(name, "it is followed as another's", |task| {
                super::status(task).started_by == Some(StartedBy::Other)
            })
            .await;
        assert_eq!(super::status(&copy).phase, Some(Phase::Running), "{name}");
        world.kubectl(&["delete", "amt", name, "--timeout=60s"]).await;
    }
    assert!(world.calls(Operation::CANCEL).is_empty());
    assert_eq!(world.calls(Operation::START).len(), 1);
}

#[tokio::test]
async fn a_restore_after_the_service_has_forgotten_starts_nothing_and_the_way_out_works() {
    let world = World::new("restore").await;
    world.create("one", &spec("restore")).await;
    world.phase("one", Phase::Completed).await;
    let backup = world.backup("one").await;
    world.kubectl(&["delete", "amt", "one", "--timeout=60s"]).await;
    world.aws.advance(Duration::from_hours(91 * 24));
    world.restore(&backup, false).await;
    let unknown = world.phase("one", Phase::Unknown).await;
    assert_eq!(
        condition(&unknown, "Stalled"),
        ("True".to_owned(), "TaskExpired".to_owned())
    );
    assert_eq!(condition(&unknown, "Started").0, "False");
    assert!(message(&unknown).contains("spec.taskId"), "{}", message(&unknown));
    assert_eq!(world.aws.starts("restore"), 1);

    world
        .edit("one", &json!({ "spec": { "taskId": "restore-again" } }))
        .await;
    let again = world.phase("one", Phase::Completed).await;
    assert_eq!(again.started_by, Some(StartedBy::This));
    assert_eq!((world.aws.starts("restore"), world.aws.starts("restore-again")), (1, 1));
}

/// Restored with the status of a task that ran, after the service has forgotten it: final, and the message says so.
#[tokio::test]
async fn a_restore_of_a_running_status_after_the_service_has_forgotten_is_expired() {
    let mut world = World::new("restore-running").await;
    world.aws.set_outcome("*", Outcome::held());
    world.create("one", &spec("restore-running")).await;
    world.phase("one", Phase::Running).await;
    let mut backup = world.backup("one").await;
    world.kubectl(&["delete", "amt", "one", "--timeout=60s"]).await;
    world.operator.take();
    let days = Duration::from_hours(91 * 24);
    world.aws.advance(days);
    backup["status"]["startTime"] = json!((jiff::Timestamp::now() - days).to_string());
    world.restore(&backup, true).await;
    world.start_operator();
    let unknown = world.phase("one", Phase::Unknown).await;
    assert_eq!(
        condition(&unknown, "Stalled"),
        ("True".to_owned(), "TaskExpired".to_owned())
    );
    assert_eq!(unknown.next_attempt_time, None, "final");
    assert!(
        message(&unknown).contains("create another resource"),
        "{}",
        message(&unknown)
    );
    assert_eq!(world.calls(Operation::START).len(), 1);
    world.kubectl(&["delete", "amt", "one", "--timeout=60s"]).await;
}

/// A restored status of a finished task is left as it is: no call, no start.
#[tokio::test]
async fn a_restore_with_its_final_status_is_free() {
    let mut world = World::new("restore-status").await;
    world.create("one", &spec("restore-status")).await;
    world.phase("one", Phase::Completed).await;
    let backup = world.backup("one").await;
    world.kubectl(&["delete", "amt", "one", "--timeout=60s"]).await;
    world.operator.take();
    world.aws.clear_calls();
    world.restore(&backup, true).await;
    world.start_operator();
    // Something that happens after the operator has looked at everything.
    world.create("two", &spec("restore-status-two")).await;
    world.phase("two", Phase::Completed).await;
    let about_one = world
        .aws
        .calls()
        .into_iter()
        .filter(|call| call.task_id.as_deref() == Some("restore-status"))
        .count();
    assert_eq!(about_one, 0);
    world.phase("one", Phase::Completed).await;
}
