//! The operator was away for longer than a deletion waits.

use audit_mitigation_operator::api::Phase;
use serde_json::json;
use simulator::{Fault, FaultKind, Operation, Outcome};

use super::super::until_older_than;
use super::{World, region_of, spec_of};

/// It cancels first, and lets go then. Where the Cancel is refused for good, what is left names the task.
#[tokio::test]
async fn an_operator_that_was_away_cancels_before_it_lets_go() {
    let mut world = World::with("outage-away", &["--cancel-timeout=5s"], |_| {}).await;
    world.aws.set_outcome("*", Outcome::held());
    let cases = ["taken", "denied"];
    world
        .aws
        .inject(Fault::new(FaultKind::AccessDenied).on(Operation::CANCEL).task("denied"));
    for case in cases {
        world.create(case, &spec_of(case, &json!({}))).await;
        world.phase(case, Phase::Running).await;
    }
    world.operator.as_mut().unwrap().kill().unwrap();
    for case in cases {
        world.delete(case).await;
    }
    let deleted = world.get("denied").await.metadata.deletion_timestamp.unwrap().0;
    until_older_than(deleted, 8).await;
    assert!(world.calls(Operation::CANCEL).is_empty());

    world.start_operator();
    for case in cases {
        world.until_gone(case).await;
        assert!(!world.calls_for(Operation::CANCEL, case).is_empty(), "{case}");
    }
    assert_eq!(world.aws.task("taken").unwrap().status, "CANCELED");
    assert!(world.notes("taken", "CancelAbandoned").await.is_empty());
    let note = world.until_note("denied", "CancelAbandoned").await;
    let log = world.log();
    let line = log
        .lines()
        .find(|line| line.contains("could not be cancelled in time"))
        .unwrap_or_else(|| panic!("{log}"));
    for part in [
        "task denied",
        &region_of("denied"),
        "iot:CancelAuditMitigationActionsTask",
    ] {
        assert!(note.contains(part), "{note}");
        assert!(line.contains(part), "{line}");
    }
}
