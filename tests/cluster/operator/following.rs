//! Following a task to its end, and what it says of failures.

use std::time::Duration;

use audit_mitigation_operator::api::Phase;
use serde_json::json;
use simulator::{AUDIT_OF_DEVICES, Failure, Fault, FaultKind, Operation, Outcome};

use super::{World, condition, message, spec};

/// Every action fails.
pub(super) fn everything_fails() -> Outcome {
    Outcome::failing([Failure {
        finding: "*".to_owned(),
        check: "*".to_owned(),
        action: "*".to_owned(),
        error_code: "INVALID_STATE_OF_RESOURCE".to_owned(),
        message: "the certificate is gone".to_owned(),
    }])
}

#[tokio::test]
async fn the_failures_of_an_audit_are_found_with_a_bounded_number_of_calls() {
    let world = World::with("bounded", &[], |config| {
        config.settings.quotas.list = None;
    })
    .await;
    world.aws.set_outcome("*", everything_fails());
    let spec = json!({
        "taskId": "bounded",
        "target": { "auditTaskId": AUDIT_OF_DEVICES },
        "auditCheckToActionsMapping": { "DEVICE_CERTIFICATE_EXPIRING_CHECK": ["Deactivate"] },
    });
    world.create("one", &spec).await;
    let failed = world.phase("one", Phase::Failed).await;
    assert!(failed.failed_findings.unwrap() > 25, "{:?}", failed.failed_findings);
    assert_eq!(failed.failures.len(), 25);
    assert_eq!(failed.failures_truncated, Some(true));
    let calls = world.calls(Operation::EXECUTIONS).len() + world.calls(Operation::ListAuditFindings).len();
    assert!(calls <= 50, "{calls} calls");
}

/// The look for failures is a service to the reader; the end is told without it.
#[tokio::test]
async fn an_error_in_the_look_for_failures_holds_up_nothing() {
    let world = World::new("look-fails").await;
    world.aws.set_outcome("*", everything_fails());
    world
        .aws
        .inject(Fault::new(FaultKind::AccessDenied).on(Operation::EXECUTIONS));
    let spec = json!({
        "taskId": "look-fails",
        "target": { "findingIds": ["f-1"] },
        "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
    });
    world.create("one", &spec).await;
    let failed = world.phase("one", Phase::Failed).await;
    assert_eq!((failed.failures.len(), failed.failures_truncated), (0, Some(true)));
}

/// After a restart the operator follows what runs, and starts nothing again.
#[tokio::test]
async fn a_restart_goes_on_following() {
    let mut world = World::new("restart").await;
    world.aws.set_outcome("*", Outcome::held());
    world.create("one", &spec("restart")).await;
    world.phase("one", Phase::Running).await;
    // Events are written on the side.
    world.until_events("one", &["Started"]).await;
    world.operator.take().unwrap().kill().unwrap();
    world.aws.finish("restart");
    world.start_operator();
    world.phase("one", Phase::Completed).await;
    assert_eq!(world.calls(Operation::START).len(), 1);
    world.until_events("one", &["Started", "Completed"]).await;
}

/// The service doesn't know a task that was started, for longer than it may lag: Unknown, and never another start.
#[tokio::test]
async fn a_started_task_that_the_service_does_not_know_is_unknown() {
    let world = World::with("vanished", &[], |config| {
        config.settings.task_duration = Duration::from_mins(10);
    })
    .await;
    world.create("one", &spec("vanished")).await;
    world.phase("one", Phase::Running).await;
    let fault = world
        .aws
        .inject(Fault::new(FaultKind::NotFound).on(Operation::DESCRIBE));
    let unknown = world.phase("one", Phase::Unknown).await;
    assert_eq!(
        condition(&unknown, "Stalled"),
        ("True".to_owned(), "TaskNotFound".to_owned())
    );
    assert_eq!(condition(&unknown, "Started").0, "True");
    assert!(unknown.next_attempt_time.is_some(), "asked for again hourly");
    assert!(message(&unknown).contains("credentials"), "{}", message(&unknown));
    assert_eq!(world.calls(Operation::START).len(), 1);
    // Deleted, it waits for nobody: the task is Self's, and the service doesn't know it.
    assert!(world.aws.remove_fault(fault));
}
