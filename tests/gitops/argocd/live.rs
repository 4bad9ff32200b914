//! The actions on resources of a running operator: what is offered is accepted and honoured.

use serde_json::json;
use simulator::Outcome;

use super::expectations::{POLICY, TASK};
use super::runner::patch;
use crate::policies::{NIGHTLY, policy};
use crate::world::World;

impl World {
    /// Does what a click on an action does: the scripts' patch of the object as it is now.
    pub(super) async fn act(&self, name: &str, action: &str) {
        let patch = patch(
            &TASK,
            &format!("{}-{name}", self.namespace),
            action,
            &self.get(name).await,
        );
        self.edit(name, &patch).await;
    }
}

#[tokio::test]
async fn a_task_is_suspended_resumed_and_cancelled() {
    let mut world = World::new("actions").await;
    world.aws.set_outcome("*", Outcome::held());
    world.start_operator(&["--max-running-tasks", "1"]);
    world.create("first", json!({})).await;
    world.phase("first", "Running").await;
    world.create("second", json!({})).await;
    world.phase("second", "Queued").await;

    world.act("second", "suspend").await;
    world.phase("second", "Suspended").await;
    world.act("first", "cancel").await;
    let first = world.phase("first", "Canceled").await;
    assert_eq!(first["spec"]["cancel"], true);
    // Its slot is free, and the suspended one doesn't take it.
    assert_eq!(world.get("second").await["status"]["phase"], "Suspended");
    world.act("second", "resume").await;
    world.phase("second", "Running").await;
    world.act("second", "cancel").await;
    world.phase("second", "Canceled").await;
    assert_eq!(world.aws.tasks().len(), 2);
}

#[tokio::test]
async fn a_rejected_task_is_tried_again_by_suspend_and_resume() {
    let mut world = World::new("actions").await;
    let refusal = simulator::FaultKind::Error {
        status: 400,
        code: "InvalidRequestException".to_owned(),
        message: "no such action".to_owned(),
    };
    let refusal = world
        .aws
        .inject(simulator::Fault::new(refusal).on(simulator::Operation::START));
    world.start_operator(&[]);
    world.create("one", json!({})).await;
    world.phase("one", "Rejected").await;
    assert!(world.aws.remove_fault(refusal));
    world.act("one", "suspend").await;
    world.phase("one", "Suspended").await;
    world.act("one", "resume").await;
    world.phase("one", "Completed").await;
}

#[tokio::test]
async fn a_plan_is_approved() {
    let mut world = World::new("actions").await;
    world.start_operator(&[]);
    world.create("one", json!({ "approval": {} })).await;
    world.phase("one", "AwaitingApproval").await;
    world.act("one", "approve").await;
    let one = world.phase("one", "Completed").await;
    assert_eq!(one["spec"]["approval"]["plan"], one["status"]["plan"]["hash"]);

    world.create("refused", json!({ "approval": {} })).await;
    world.phase("refused", "AwaitingApproval").await;
    world.act("refused", "cancel").await;
    world.phase("refused", "Canceled").await;
    assert_eq!(world.aws.tasks().len(), 1);
}

#[tokio::test]
async fn a_policy_is_suspended_and_resumed() {
    let mut world = World::new("actions").await;
    world.add_schedule();
    world.start_operator(&[]);
    world.create_object(&policy(NIGHTLY, json!({}))).await;
    for (action, reason) in [("suspend", "Suspended"), ("resume", "Watching")] {
        let seen = world.until_watching(NIGHTLY).await;
        let patch = patch(&POLICY, &format!("{}-{action}", world.namespace), action, &seen);
        world.edit_policy(NIGHTLY, &patch).await;
        world
            .until_policy(NIGHTLY, reason, |policy| {
                let conditions = policy["status"]["conditions"].as_array().unwrap();
                conditions.iter().any(|condition| condition["reason"] == reason)
            })
            .await;
    }
}
