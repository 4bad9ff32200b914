//! A plan that waits for approval: what a commit does, what self-heal leaves alone, and what the next wave does.

use serde_json::json;

use super::sync::{ended, held};
use super::waves::BEHIND;
use crate::approval::{ANOTHER, RUN, WAITS, approving, hash};
use crate::world::World;

#[tokio::test]
async fn a_commit_approves_the_plan_that_was_reviewed() {
    let world = World::with_argo_cd("approval").await;
    // With nothing behind it, the sync doesn't wait: the next commit is synced.
    world.sync("first", &[WAITS]).await.succeeded();
    let plan = hash(&world.phase(RUN, "AwaitingApproval").await);
    let shown = format!("AuditMitigationTask/{RUN} Synced Suspended");
    assert_eq!(world.tree(&[WAITS]), std::slice::from_ref(&shown));

    world.sync("wrong", &[&approving(ANOTHER)]).await.succeeded();
    let wrong = world.phase(RUN, "AwaitingApproval").await;
    assert_eq!(hash(&wrong), plan);
    world.sync("withdrawn", &[WAITS]).await.succeeded();
    let withdrawn = world.phase(RUN, "AwaitingApproval").await;
    assert_eq!(
        withdrawn["spec"]["approval"],
        json!({ "requiredAbove": { "findings": 0 } })
    );
    assert_eq!(world.started(), 0);

    world.sync("approved", &[&approving(&plan)]).await.succeeded();
    world.phase(RUN, "Completed").await;
    assert_eq!(world.started(), 1);
    // It says what was approved, so it stays as it is.
    world
        .sync("withdrawn-again", &[WAITS])
        .await
        .failed("is immutable once the task has been started");
}

/// Why the manifest has a bound: the API server makes null of a map when a server-side apply takes its last member away.
#[tokio::test]
async fn without_a_bound_a_commit_can_not_take_the_hash_back() {
    let world = World::with_argo_cd("approval").await;
    let (spec, _) = WAITS.split_once("  approval:\n").unwrap();
    let without_bound = |approval: &str| format!("{spec}  approval: {approval}\n");
    let waits = without_bound("{}");
    world.sync("first", &[&waits]).await.succeeded();
    world.phase(RUN, "AwaitingApproval").await;
    let approved = without_bound(&format!("{{plan: {ANOTHER}}}"));
    world.sync("wrong", &[&approved]).await.succeeded();
    world
        .sync("withdrawn", &[&waits])
        .await
        .failed("spec.approval in body must be of type object");
    let approved = without_bound("{plan: bbbbbbbbbbbbbbbb}");
    world.sync("another", &[&approved]).await.succeeded();
    world.phase(RUN, "AwaitingApproval").await;
    assert_eq!(world.started(), 0);
}

#[tokio::test]
async fn self_heal_leaves_an_approval_that_git_does_not_set() {
    let world = World::with_argo_cd("approval").await;
    world.sync("first", &[WAITS]).await.succeeded();
    world.phase(RUN, "AwaitingApproval").await;
    let approval = json!({ "spec": { "approval": { "plan": ANOTHER } } });
    world.edit(RUN, &approval).await;
    world.phase(RUN, "AwaitingApproval").await;
    assert_eq!(
        world.tree(&[WAITS]),
        [format!("AuditMitigationTask/{RUN} Synced Suspended")]
    );
    world.sync("healed", &[WAITS]).await.succeeded();
    assert_eq!(world.get(RUN).await["spec"]["approval"]["plan"], ANOTHER);

    world.act(RUN, "approve").await;
    world.phase(RUN, "Completed").await;
    world.sync("healed-again", &[WAITS]).await.succeeded();
    assert_eq!(
        world.tree(&[WAITS]),
        [format!("AuditMitigationTask/{RUN} Synced Healthy")]
    );
    assert_eq!(world.started(), 1);
}

#[tokio::test]
async fn the_next_wave_waits_for_the_approval() {
    let world = World::with_argo_cd("approval").await;
    let mut sync = world.begin_sync("first", &[WAITS, BEHIND]);
    held(&mut sync, RUN).await;
    world.phase(RUN, "AwaitingApproval").await;
    held(&mut sync, RUN).await;
    assert!(!world.has_config_map("behind").await);
    world.act(RUN, "approve").await;
    ended(sync).await.succeeded();
    assert!(world.has_config_map("behind").await);
    assert_eq!(world.started(), 1);
}
