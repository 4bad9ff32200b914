//! A hash in the policy approves that plan of its own task.

use audit_mitigation_operator::api::Phase;
use serde_json::json;
use simulator::Operation;

use super::{SCHEDULE, World};
use crate::operator::condition;

#[tokio::test]
async fn a_hash_in_the_policy_approves_that_plan_of_its_own_task() {
    let mut world = World::with_schedule("policy-approves", &[]).await;
    world.add_problems(2);
    world.start_operator();
    let quarantine = json!({ "approval": {}, "auditCheckToActionsMapping": { super::EXPIRING: ["Quarantine"] } });
    world.watch("nightly", &quarantine).await;
    let audit = world.aws.run_schedule(SCHEDULE).unwrap();
    let task = world.noted("nightly", &audit).await.2.unwrap();
    let status = world.phase(&task, Phase::AwaitingApproval).await;
    let hash = status.plan.unwrap().hash;
    let waits = |status: &super::AuditMitigationPolicyStatus| {
        status.conditions[0]
            .message
            .contains("waits for the approval of its plan")
    };
    let status = world.until_policy("nightly", "it says so", waits).await;
    assert_eq!(status.active_task.as_deref(), Some(&*task));
    // Another hash approves nothing.
    let approve = |plan: &str| json!({ "spec": { "approval": { "plan": plan } } }).to_string();
    for plan in ["a".repeat(16), hash] {
        assert!(world.calls(Operation::START).is_empty());
        let patch = ["patch", "amp", "nightly", "--type=merge", "--patch", &approve(&plan)];
        world.kubectl(&patch).await;
        world.until_policy("nightly", "it is seen", |_| true).await;
    }
    let status = world.phase(&task, Phase::Completed).await;
    assert_eq!(
        condition(&status, "Approved"),
        ("True".to_owned(), "ApprovedByPolicy".to_owned())
    );
    // The next audit has other findings, so it is another plan.
    let audit = world.aws.run_schedule(SCHEDULE).unwrap();
    let task = world.noted("nightly", &audit).await.2.unwrap();
    world.phase(&task, Phase::AwaitingApproval).await;
    assert_eq!(world.calls(Operation::START).len(), 1);
}
