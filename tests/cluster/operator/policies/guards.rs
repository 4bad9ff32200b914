//! What holds a policy's task back: a lease that isn't sure, and tasks that nobody has seen yet.

use std::sync::Arc;

use serde_json::json;
use simulator::Operation;
use support::proxy::{Asked, Fate, Pause, Side};

use super::{SCHEDULE, World};
use crate::operator::guards::Leader;
use crate::operator::until_older_than;

/// All that is left to do is to make the task: the policy was read while the lease was sure.
#[tokio::test]
async fn no_task_is_made_while_the_lease_is_not_surely_held() {
    let world = World::with_schedule("policy-lease", &[]).await;
    let pause = Arc::new(Pause::default());
    let read = Arc::clone(&pause);
    let mut leader = Leader::of(world, move |asked: &Asked| {
        if asked.method == "GET" && asked.path.ends_with("/auditmitigationpolicies/nightly") {
            Fate::Hold(Side::After, Arc::clone(&read))
        } else {
            Fate::Pass
        }
    })
    .await;
    leader.world.add_problems(1);
    leader.world.watch("nightly", &json!({})).await;
    leader.world.aws.run_schedule(SCHEDULE).unwrap();
    pause.reached().await;
    leader.is_unsure().await;
    pause.end();
    leader.ends().await;
    assert!(leader.world.task_names().await.is_empty());
}

/// One of those that are not listed yet might run.
#[tokio::test]
async fn no_task_is_made_before_all_tasks_are_listed() {
    let mut world = World::with_schedule("policy-listed", &[]).await;
    world.add_problems(1);
    world.start_operator();
    world.watch("nightly", &json!({})).await;
    drop(world.operator.take());
    let described = world.calls(Operation::DescribeScheduledAudit).len();
    world.aws.run_schedule(SCHEDULE).unwrap();
    let pause = Arc::new(Pause::default());
    let held = Arc::clone(&pause);
    // The list before it, with a limit of one, only looks whether the definition is there.
    let _proxy = world
        .lay_proxy(move |asked: &Asked| {
            if asked.path.ends_with("/auditmitigationtasks")
                && asked.method == "GET"
                && asked.query.contains("limit=10")
            {
                Fate::Hold(Side::Before, Arc::clone(&held))
            } else {
                Fate::Pass
            }
        })
        .await;
    world.start_operator();
    pause.reached().await;
    world.until_logged("watching AuditMitigationPolicies", 1).await;
    until_older_than(jiff::Timestamp::now(), 3).await;
    assert!(world.task_names().await.is_empty());
    // Its first step would have been this.
    assert_eq!(world.calls(Operation::DescribeScheduledAudit).len(), described);
    pause.end();
    support::eventually(super::LIMIT, "it is made", async || {
        match world.task_names().await.len() {
            1 => Ok(()),
            number => Err(number.to_string()),
        }
    })
    .await
    .unwrap();
}
