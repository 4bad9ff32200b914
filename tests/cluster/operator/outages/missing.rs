//! The service doesn't know a task that was started: as an endpoint of another account does.

use audit_mitigation_operator::api::Phase;
use serde_json::json;
use simulator::{Fault, FaultKind, Operation, Outcome};

use support::eventually;

use super::{LIMIT, World, message, region_of, spec_of};

#[tokio::test]
async fn a_task_that_is_not_found_is_asked_for_at_an_edit_and_its_deletion_warns() {
    let world = World::with("outage-missing", &["--max-poll-interval=2s"], |_| {}).await;
    let cases = ["mended", "deleted"];
    let mut faults = Vec::new();
    for case in cases {
        world.aws.set_outcome(case, Outcome::held());
        world.create(case, &spec_of(case, &json!({}))).await;
        for operation in [Operation::DESCRIBE, Operation::CANCEL] {
            let not_found = Fault::new(FaultKind::NotFound).on(operation).task(case);
            faults.push((case, world.aws.inject(not_found)));
        }
    }
    for case in cases {
        let unknown = world.phase(case, Phase::Unknown).await;
        assert!(message(&unknown).contains("when the spec changes"), "{unknown:?}");
    }
    // Nothing but the edit is reason to look: the next look by itself is an hour ahead.
    for (case, fault) in faults {
        if case == "mended" {
            assert!(world.aws.remove_fault(fault));
        }
    }
    world
        .edit("mended", &json!({ "spec": { "activeDeadlineSeconds": 7_776_000 } }))
        .await;
    world.phase("mended", Phase::Running).await;
    assert_eq!(world.aws.finish("mended"), 1);
    world.phase("mended", Phase::Completed).await;

    world.delete("deleted").await;
    world.until_gone("deleted").await;
    let farewell = format!("its task deleted in {} was not found", region_of("deleted"));
    eventually(LIMIT, "the deletion warns", async || {
        let notes = world.notes("deleted", "TaskNotFound").await;
        let warns = |note: &String| note.contains(&farewell) && note.contains("it may still run");
        if notes.iter().any(warns) {
            Ok(())
        } else {
            Err(format!("{notes:?}"))
        }
    })
    .await
    .unwrap();
    assert!(!world.calls_for(Operation::CANCEL, "deleted").is_empty());
}
