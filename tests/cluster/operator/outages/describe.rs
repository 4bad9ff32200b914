//! Describe is refused or fails for good: nobody sees what the task does, and a cancellation reaches it all the same.

use audit_mitigation_operator::api::{Phase, StoredTask};
use futures::future::join_all;
use serde_json::json;
use simulator::{Fault, Operation, Outcome};

use super::{FLAGS, World, cancel, failures, spec_of, status};

#[tokio::test]
async fn a_describe_that_fails_for_good_holds_up_no_cancellation() {
    let world = World::with("outage-describe", FLAGS, |_| {}).await;
    let cases = failures().into_iter().flat_map(|(kind, fault, told)| {
        ["spec", "deadline", "deletion"].map(|wish| (format!("{kind}-{wish}"), fault.clone(), told, wish))
    });
    join_all(cases.map(async |(case, fault, told, wish)| {
        world.aws.set_outcome(&case, Outcome::held());
        world.create(&case, &spec_of(&case, &json!({}))).await;
        if wish == "deadline" {
            // What was never seen to run may have ended: it is not overdue.
            let is_seen = |task: &StoredTask| status(task).start_time.is_some();
            world.until(&case, "it was seen running", is_seen).await;
        }
        let fault = world.aws.inject(Fault::new(fault).on(Operation::DESCRIBE).task(&case));
        world.until_told(&case, Phase::Running, told).await;
        match wish {
            "spec" => world.edit(&case, &cancel()).await,
            "deadline" => {
                world
                    .edit(&case, &json!({ "spec": { "activeDeadlineSeconds": 1 } }))
                    .await;
            }
            _ => world.delete(&case).await,
        }
        world.until_task(&case, "CANCELED").await;
        if wish == "deletion" {
            world.until_gone(&case).await;
        } else {
            world.until_told(&case, Phase::Canceling, told).await;
            assert!(world.aws.remove_fault(fault));
            // An edit is reason to ask at once.
            world
                .edit(&case, &json!({ "spec": { "ttlSecondsAfterFinished": 3600 } }))
                .await;
            world.phase(&case, Phase::Canceled).await;
        }
        assert_eq!(world.calls_for(Operation::CANCEL, &case).len(), 1, "{case}");
        let next = world.create_next(&case).await;
        world.phase(&next, Phase::Completed).await;
    }))
    .await;
}
