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
    assert_eq!(world.tree(&[WAITS]), [shown.clone()]);

    world.sync("wrong", &[&approving(ANOTHER)]).await.succeeded();
    let wrong = world.phase(RUN, "AwaitingApproval").await;
    assert_eq!(hash(&wrong), plan);
    world.sync("withdrawn", &[WAITS]).await.succeeded();
    let withdrawn = world.phase(RUN, "AwaitingApproval").await;
    assert_eq!(withdrawn["spec"]["approval"], json!({}));
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
    assert_eq!(world.get(RUN).await["spec"]["approval"], approval["spec"]["approval"]);

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
