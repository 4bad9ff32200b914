//! What fails is told from the first time until it goes well, with one write for each failed call at most.

use std::sync::{Arc, Mutex};

use audit_mitigation_operator::api::{AuditMitigationTaskStatus, Phase, StoredTask};
use futures::{StreamExt as _, TryStreamExt as _};
use kube::ResourceExt as _;
use kube::api::{WatchEvent, WatchParams};
use serde_json::json;
use simulator::{Fault, FaultKind, Operation, Outcome};
use support::eventually;

use super::{LIMIT, World, cancel, message, requests, spec_of, status};

/// All that the API server has stored of a resource since it began.
struct History(Arc<Mutex<Vec<AuditMitigationTaskStatus>>>);

impl History {
    async fn begin(world: &World, name: &str) -> Self {
        let version = world.get(name).await.resource_version().unwrap();
        let params = WatchParams::default().fields(&format!("metadata.name={name}"));
        let tasks = world.tasks();
        let stored = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&stored);
        tokio::spawn(async move {
            let mut events = tasks.watch(&params, &version).await.unwrap().boxed();
            while let Some(event) = events.try_next().await.unwrap() {
                if let WatchEvent::Modified(task) = event {
                    seen.lock().unwrap().push(status(&task));
                }
            }
        });
        Self(stored)
    }

    /// All of it until this phase.
    async fn until(&self, phase: Phase) -> Vec<AuditMitigationTaskStatus> {
        eventually(LIMIT, "the end is seen", async || {
            let seen = self.0.lock().unwrap().clone();
            let end = seen.iter().position(|status| status.phase == Some(phase));
            end.map(|end| seen[..end].to_vec())
                .ok_or(format!("{} versions", seen.len()))
        })
        .await
        .unwrap()
    }
}

/// Once there were nine writes for six failed calls, and most of the time the status said nothing of the failure.
#[tokio::test]
async fn what_fails_is_told_until_it_goes_well_with_one_write_for_each_failed_call() {
    const FAILED: usize = 4;
    let (mut world, user) = requests::audited("outage-told", &["--max-poll-interval=500ms"]).await;
    world.start_operator();
    let mut cases = Vec::new();
    for (case, operation, told) in [
        ("cancel", Operation::CANCEL, "CancelAuditMitigationActionsTask"),
        ("describe", Operation::DESCRIBE, "DescribeAuditMitigationActionsTask"),
    ] {
        world.aws.set_outcome(case, Outcome::held());
        world.create(case, &spec_of(case, &json!({}))).await;
        let is_seen = |task: &StoredTask| status(task).start_time.is_some();
        world.until(case, "it was seen running", is_seen).await;
        let history = History::begin(&world, case).await;
        world
            .aws
            .inject(Fault::new(FaultKind::Internal).on(operation).task(case));
        cases.push((case, operation, told, history));
    }
    world.edit("cancel", &cancel()).await;
    for (case, operation, _, _) in &cases {
        let enough = async || match count_failed(&world, *operation, case) {
            times @ ..FAILED => Err(format!("{case}: {times}")),
            _ => Ok(()),
        };
        eventually(LIMIT, "the calls fail", enough).await.unwrap();
        world.aws.finish(case);
    }
    world.aws.clear_faults();
    for (case, _, _, _) in &cases {
        world.phase(case, Phase::Completed).await;
    }
    let requests = requests::requests(&mut world, &user).await;
    for (case, operation, told, history) in cases {
        let seen = history.until(Phase::Completed).await;
        let failed = count_failed(&world, operation, case);
        assert!(failed >= FAILED, "{case}: {failed}");
        let told: Vec<bool> = seen.iter().map(|status| message(status).contains(told)).collect();
        let first = told.iter().position(|told| *told).expect("it is told");
        assert!(told[first..].iter().all(|told| *told), "{case}, on and off: {told:?}");
        // Those of a task that is seen running, and that it is being cancelled.
        let others = 3 + usize::from(operation == Operation::CANCEL);
        let is_write =
            |request: &&support::AuditedRequest| request.name == case && request.resource.ends_with("/status");
        let writes = requests.iter().filter(is_write).count();
        assert!(
            writes <= others + failed,
            "{case}: {writes} writes for {failed} failed calls"
        );
    }
}

fn count_failed(world: &World, operation: Operation, case: &str) -> usize {
    let calls = world.calls_for(operation, case);
    calls.iter().filter(|call| call.status == Some(500)).count()
}
