//! Cancel is refused or fails for good.

use audit_mitigation_operator::api::Phase;
use futures::future::join_all;
use serde_json::json;
use simulator::{Fault, FaultKind, Operation, Outcome};

use super::{FLAGS, World, cancel, failures, spec_of};

/// By whom the task is to be cancelled.
#[derive(Clone, Copy, Debug)]
enum Wish {
    Spec,
    Deadline,
    Deletion,
}

/// Seen once: ten tasks whose Cancel was denied blocked a region, though they had ended long ago.
#[tokio::test]
async fn a_cancel_that_fails_for_good_hides_no_end_and_holds_no_slot() {
    let world = World::with("outage-cancel", FLAGS, |_| {}).await;
    let mut cases = Vec::new();
    for (kind, fault, told) in failures() {
        for wish in [Wish::Spec, Wish::Deadline, Wish::Deletion] {
            let case = format!("{kind}-{wish:?}").to_lowercase();
            world.aws.set_outcome(&case, Outcome::held());
            world
                .aws
                .inject(Fault::new(fault.clone()).on(Operation::CANCEL).task(&case));
            cases.push((case, wish, told));
        }
    }
    join_all(cases.iter().map(|(case, wish, told)| lives(&world, case, *wish, told))).await;
}

async fn lives(world: &World, case: &str, wish: Wish, told: &str) {
    world.create(case, &spec_of(case, &json!({}))).await;
    world.phase(case, Phase::Running).await;
    let next = world.create_next(case).await;
    match wish {
        Wish::Spec => world.edit(case, &cancel()).await,
        Wish::Deadline => {
            world
                .edit(case, &json!({ "spec": { "activeDeadlineSeconds": 1 } }))
                .await;
        }
        Wish::Deletion => world.delete(case).await,
    }
    world.until_told(case, Phase::Canceling, told).await;
    // It is looked at as before, at a pace of its own, whatever becomes of the Cancel.
    let before = world.calls_for(Operation::CANCEL, case).len();
    world.until_called_again(Operation::DESCRIBE, case, 5).await;
    let cancels = world.calls_for(Operation::CANCEL, case).len() - before;
    assert!(cancels < 4, "{case}: {cancels} Cancels with five looks");
    if let Wish::Deletion = wish {
        assert_eq!(world.aws.finish(case), 1, "{case}");
        world.until_gone(case).await;
        assert!(world.notes(case, "CancelAbandoned").await.is_empty(), "{case}");
    } else {
        world.end_is_seen(case).await;
    }
    world.phase(&next, Phase::Completed).await;
    assert!(!world.calls_for(Operation::CANCEL, case).is_empty(), "{case}");
}

/// The service says that the task isn't running, and shows it running.
#[tokio::test]
async fn a_cancel_that_contradicts_describe_is_repeated_with_a_backoff_and_told() {
    let flags = ["--max-poll-interval=200ms"];
    let world = World::with("outage-contradiction", &flags, |_| {}).await;
    let case = "contradiction";
    let contradiction = FaultKind::Error {
        status: 400,
        code: "InvalidRequestException".to_owned(),
        message: "the task is not in progress".to_owned(),
    };
    let fault = world
        .aws
        .inject(Fault::new(contradiction).on(Operation::CANCEL).task(case));
    world.aws.set_outcome(case, Outcome::held());
    world.create(case, &spec_of(case, &json!({}))).await;
    world.phase(case, Phase::Running).await;
    world.edit(case, &cancel()).await;
    world
        .until_told(case, Phase::Canceling, "the task is not in progress")
        .await;
    world.until_called_again(Operation::CANCEL, case, 1).await;
    let calls = world.aws.calls();
    let of_it = |operation: Operation| {
        let calls = calls.iter().filter(move |call| call.operation == Some(operation));
        calls
            .filter(|call| call.task_id.as_deref() == Some(case))
            .map(|call| call.seq)
            .collect::<Vec<_>>()
    };
    let (cancels, looks) = (of_it(Operation::CANCEL), of_it(Operation::DESCRIBE));
    for pair in cancels.windows(2) {
        let between = looks.iter().filter(|look| (pair[0]..pair[1]).contains(look)).count();
        assert!(
            between > 3,
            "{between} looks between two Cancels, the waits are seconds"
        );
    }
    assert!(world.aws.remove_fault(fault));
    world.phase(case, Phase::Canceled).await;
}

/// Nobody is left who could ask for the Cancel once more: the docs say so.
#[tokio::test]
async fn deleting_with_orphan_gives_a_cancellation_up_that_was_not_taken() {
    let world = World::new("outage-given-up").await;
    let case = "given-up";
    world.aws.set_outcome(case, Outcome::held());
    let fault = world
        .aws
        .inject(Fault::new(FaultKind::Internal).on(Operation::CANCEL).task(case));
    world.create(case, &spec_of(case, &json!({}))).await;
    world.phase(case, Phase::Running).await;
    world.edit(case, &cancel()).await;
    world.until_told(case, Phase::Canceling, "HTTP status 500").await;
    let orphan = json!({ "spec": { "deletionPolicy": "Orphan" } });
    world.edit(case, &orphan).await;
    world.delete(case).await;
    world.until_gone(case).await;
    assert!(world.aws.remove_fault(fault));
    // What the operator does for another resource comes after all that it did for this one.
    world.create("afterwards", &spec_of("afterwards", &json!({}))).await;
    world.phase("afterwards", Phase::Completed).await;
    assert_eq!(world.aws.task(case).unwrap().status, "IN_PROGRESS");
}
