//! The look for failed actions is refused or fails for good.

use audit_mitigation_operator::api::{Phase, StoredTask};
use futures::future::join_all;
use serde_json::json;
use simulator::{Failure, Fault, Operation, Outcome};

use super::super::has_finalizer;
use super::{FLAGS, World, failures, message, spec_of};

#[tokio::test]
async fn a_list_that_fails_for_good_holds_up_no_end_and_no_slot() {
    let world = World::with("outage-lists", FLAGS, |_| {}).await;
    let operations = [
        ("executions", Operation::EXECUTIONS),
        ("findings", Operation::ListAuditFindings),
    ];
    let mut cases = Vec::new();
    for (name, operation) in operations {
        for (kind, fault, told) in failures() {
            let case = format!("{kind}-{name}");
            world.aws.set_outcome(&case, Outcome::failing([Failure::default()]));
            // The list of findings names no task, but it is asked for in the task's region.
            let fault = Fault::new(fault).on(operation);
            world.aws.inject(Fault {
                region: Some(super::region_of(&case)),
                ..fault
            });
            cases.push((case, operation, told));
        }
    }
    join_all(cases.iter().map(async |(case, operation, told)| {
        world.create(case, &spec_of(case, &json!({}))).await;
        let next = world.create_next(case).await;
        let failed = world.phase(case, Phase::Failed).await;
        let shown = message(&failed);
        assert!(
            shown.contains("could not be listed") && shown.contains(told),
            "{case}: {shown}"
        );
        assert_eq!(failed.failed_findings, Some(1), "{case}");
        assert_eq!(world.status(case).await.failures.len(), 0, "{case}");
        world.phase(&next, Phase::Completed).await;
        let is_free = |task: &StoredTask| !has_finalizer(task);
        world.until(case, "the finalizer is off", is_free).await;
        let region = super::region_of(case);
        let asked = world
            .calls(*operation)
            .iter()
            .filter(|call| call.region == region)
            .count();
        assert!(asked > 0, "{case}: {operation:?} was not asked for");
    }))
    .await;
}
