//! Deletion in every phase, with Cancel and with Orphan, also when the service doesn't play along.

use audit_mitigation_operator::api::Phase;
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Operation, Outcome};

use super::{World, has_finalizer, spec};

fn with_policy(task_id: &str, policy: &str) -> Value {
    let mut spec = spec(task_id);
    spec["deletionPolicy"] = json!(policy);
    spec
}

impl World {
    pub(super) async fn delete(&self, name: &str) {
        self.kubectl(&["delete", "amt", name, "--wait=false"]).await;
    }
}

#[tokio::test]
async fn deleting_a_running_task_cancels_it() {
    let world = World::new("delete-running").await;
    world.aws.set_outcome("*", Outcome::held());
    world.create("one", &spec("delete-running")).await;
    world.phase("one", Phase::Running).await;
    assert!(has_finalizer(&world.get("one").await));
    world.delete("one").await;
    world.until_gone("one").await;
    assert_eq!(world.aws.task("delete-running").unwrap().status, "CANCELED");
    assert_eq!(world.calls(Operation::CANCEL).len(), 1);
}

#[tokio::test]
async fn deleting_with_orphan_lets_the_task_run() {
    let world = World::new("delete-orphan").await;
    world.aws.set_outcome("*", Outcome::held());
    world.create("one", &with_policy("delete-orphan", "Orphan")).await;
    world.phase("one", Phase::Running).await;
    assert!(!has_finalizer(&world.get("one").await), "nothing holds it back");
    world.create("two", &spec("delete-orphan-later")).await;
    world.phase("two", Phase::Running).await;
    world
        .edit("two", &json!({ "spec": { "deletionPolicy": "Orphan" } }))
        .await;
    for name in ["one", "two"] {
        world.delete(name).await;
        world.until_gone(name).await;
    }
    assert!(world.calls(Operation::CANCEL).is_empty());
    assert!(world.aws.tasks().iter().all(|task| task.status == "IN_PROGRESS"));
}

/// Phases in which there is nothing to cancel: gone at once, with either policy, and nothing is called for it.
#[tokio::test]
async fn deleting_what_does_not_run_calls_nothing() {
    let world = World::with("delete-rest", &[], |_| {}).await;
    for policy in ["Cancel", "Orphan"] {
        let suffix = policy.to_lowercase();
        let name = |phase: &str| format!("{phase}-{suffix}");
        let rejected = name("rejected");
        let invalid = FaultKind::Error {
            status: 400,
            code: "InvalidRequestException".to_owned(),
            message: "no".to_owned(),
        };
        world
            .aws
            .inject(Fault::new(invalid).on(Operation::START).task(&rejected));
        world.aws.inject(
            Fault::new(FaultKind::Throttle)
                .on(Operation::START)
                .task(&name("pending")),
        );
        world.aws.set_outcome(&name("failed"), Outcome::status("FAILED"));
        for phase in ["completed", "failed", "rejected", "pending", "suspended", "canceled"] {
            let name = name(phase);
            let mut spec = with_policy(&name, policy);
            spec["suspend"] = json!(phase == "suspended");
            spec["cancel"] = json!(phase == "canceled");
            world.create(&name, &spec).await;
        }
        let phases = [
            ("completed", Phase::Completed),
            ("failed", Phase::Failed),
            ("rejected", Phase::Rejected),
            ("pending", Phase::Pending),
            ("suspended", Phase::Suspended),
            ("canceled", Phase::Canceled),
        ];
        for (phase, expected) in phases {
            world.phase(&name(phase), expected).await;
        }
        for (phase, _) in phases {
            world.delete(&name(phase)).await;
            world.until_gone(&name(phase)).await;
        }
    }
    assert!(world.calls(Operation::CANCEL).is_empty());
}

/// The answer to the Start was lost, and the resource is deleted: the task is found, proven to be its own, cancelled.
#[tokio::test]
async fn deleting_with_an_open_attempt_cancels_what_was_started() {
    let world = World::new("delete-open").await;
    world.aws.set_outcome("*", Outcome::held());
    world
        .aws
        .inject(Fault::new(FaultKind::Cut).on(Operation::START).after_work().times(1));
    // Replays are refused until the deletion has begun.
    let throttle = world.aws.inject(Fault::new(FaultKind::Throttle).on(Operation::START));
    world.create("one", &spec("delete-open")).await;
    world
        .until("one", "the attempt is open", |task| {
            super::status(task).attempt.is_some()
        })
        .await;
    world
        .aws
        .inject(Fault::new(FaultKind::Throttle).on(Operation::DESCRIBE).times(1));
    world.delete("one").await;
    world
        .until("one", "it is being deleted", |task| {
            task.metadata.deletion_timestamp.is_some()
        })
        .await;
    assert!(world.aws.remove_fault(throttle));
    world.until_gone("one").await;
    assert_eq!(world.aws.task("delete-open").unwrap().status, "CANCELED");
    assert_eq!(world.aws.starts("delete-open"), 1);
}

/// The service refuses to cancel: it is tried again for a while, said, and then given up with a warning.
#[tokio::test]
async fn a_deletion_that_cannot_cancel_says_so_and_gives_up() {
    let world = World::with("delete-refused", &["--cancel-timeout", "8s"], |_| {}).await;
    world.aws.set_outcome("*", Outcome::held());
    world
        .aws
        .inject(Fault::new(FaultKind::AccessDenied).on(Operation::CANCEL));
    world.create("one", &spec("delete-refused")).await;
    world.phase("one", Phase::Running).await;
    world.delete("one").await;
    let waiting = world.until("one", "it says why it waits", |task| {
        let status = super::status(task);
        status.phase == Some(Phase::Canceling)
            && super::message(&status).contains("iot:CancelAuditMitigationActionsTask")
    });
    waiting.await;
    world.until_gone("one").await;
    world
        .until_events_with("one", &["CanceledByDeletion", "CancelAbandoned"])
        .await;
    assert_eq!(
        world.metric("audit_mitigation_operator_cancels_abandoned_total").await,
        1
    );
}

#[tokio::test]
async fn a_deletion_gets_over_a_cancel_whose_answer_is_lost_and_one_that_comes_too_late() {
    let world = World::new("delete-lost").await;
    world.aws.set_outcome("*", Outcome::held());
    for (name, fault) in [
        ("before", Fault::new(FaultKind::Cut)),
        ("after", Fault::new(FaultKind::Cut).after_work()),
    ] {
        world.aws.inject(fault.on(Operation::CANCEL).task(name).times(1));
        world.create(name, &spec(name)).await;
        world.phase(name, Phase::Running).await;
        world.delete(name).await;
        world.until_gone(name).await;
        assert_eq!(world.aws.task(name).unwrap().status, "CANCELED", "{name}");
    }
    world.create("late", &spec("late")).await;
    world.phase("late", Phase::Running).await;
    world.aws.inject(
        Fault::new(FaultKind::TaskStatus {
            status: "IN_PROGRESS".to_owned(),
        })
        .on(Operation::DESCRIBE)
        .times(2),
    );
    world.aws.finish("late");
    world.delete("late").await;
    world.until_gone("late").await;
    assert_eq!(world.aws.task("late").unwrap().status, "COMPLETED");
}

/// A cancellation that the service has taken needs no second one; a task of others needs none at all.
#[tokio::test]
async fn deleting_while_canceling_and_in_conflict() {
    let world = World::new("delete-late").await;
    world.aws.set_outcome("*", Outcome::held());
    world
        .aws
        .set_readings(|readings| readings.cancel_takes = std::time::Duration::from_mins(10));
    world.create("canceling", &spec("canceling")).await;
    world.phase("canceling", Phase::Running).await;
    let mut other = spec("canceling");
    other["auditCheckToActionsMapping"] = json!({ "LOGGING_DISABLED_CHECK": ["SomethingElse"] });
    world.create("conflict", &other).await;
    world.phase("conflict", Phase::Conflict).await;
    world.edit("canceling", &json!({ "spec": { "cancel": true } })).await;
    world.phase("canceling", Phase::Canceling).await;
    world.until_called(Operation::CANCEL, 1).await;
    for name in ["conflict", "canceling"] {
        world.delete(name).await;
        world.until_gone(name).await;
    }
    assert_eq!(world.calls(Operation::CANCEL).len(), 1);
}

/// Uninstalled in the wrong order: the deletion waits for an operator, and goes on with the next one. The way out of
/// the docs works as well.
#[tokio::test]
async fn a_deletion_without_an_operator_waits_for_one() {
    let mut world = World::new("delete-alone").await;
    world.aws.set_outcome("*", Outcome::held());
    for name in ["one", "two"] {
        world.create(name, &spec(name)).await;
        world.phase(name, Phase::Running).await;
    }
    world.operator.take();
    for name in ["one", "two"] {
        world.delete(name).await;
    }
    let patch = r#"{"metadata":{"finalizers":null}}"#;
    world
        .kubectl(&["patch", "amt", "two", "--type=merge", "-p", patch])
        .await;
    world.until_gone("two").await;
    assert!(world.get("one").await.metadata.deletion_timestamp.is_some());
    assert!(world.calls(Operation::CANCEL).is_empty());
    world.start_operator();
    world.until_gone("one").await;
    assert_eq!(world.aws.task("one").unwrap().status, "CANCELED");
    assert_eq!(world.aws.task("two").unwrap().status, "IN_PROGRESS");
}

/// Somebody took the finalizer off while the task runs: it is put back.
#[tokio::test]
async fn a_missing_finalizer_is_put_back() {
    let world = World::new("finalizer").await;
    world.aws.set_outcome("*", Outcome::held());
    world.create("one", &spec("finalizer")).await;
    world.phase("one", Phase::Running).await;
    world.edit("one", &json!({ "metadata": { "finalizers": null } })).await;
    world.until("one", "the finalizer is back", has_finalizer).await;
}
