//! Policies in an Application: their tasks are shown under them, and go with them.

use simulator::Outcome;

use super::waves::BEHIND;
use crate::approval::hash;
use crate::policies::{MANIFEST, NIGHTLY, SCHEDULE, approving};
use crate::world::World;

#[tokio::test]
async fn tasks_are_shown_under_their_policy_and_go_with_it() {
    let world = World::with_argo_cd("policies").await;
    world.add_schedule();
    world.add_problems(60);
    world.sync_policies("first", &[MANIFEST, BEHIND]).await.succeeded();
    world.until_watching(NIGHTLY).await;
    let policy = format!("AuditMitigationPolicy/{NIGHTLY} Synced Healthy");
    let behind = "ConfigMap/behind Synced without health".to_owned();
    assert_eq!(
        world.tree_of_policies(&[MANIFEST, BEHIND]),
        [policy.clone(), behind.clone()]
    );

    let task = format!("{NIGHTLY}-{}", world.audit(SCHEDULE));
    world.until_made(&task).await;
    world.phase(&task, "AwaitingApproval").await;
    let shown = |health: &str| format!("AuditMitigationTask/{task} of AuditMitigationPolicy/{NIGHTLY} {health}");
    // Nothing of it is out of sync, or there would be another line.
    let lines = [policy.clone(), shown("Suspended"), behind.clone()];
    assert_eq!(world.tree_of_policies(&[MANIFEST, BEHIND]), lines);
    let uid = world.uid(&task).await;
    world.sync_policies("unrelated", &[MANIFEST]).await.succeeded();
    assert!(!world.has_config_map("behind").await, "this Application prunes");
    assert_eq!(world.uid(&task).await, uid);
    let tracking = &world.get(&task).await["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"];
    assert!(tracking.is_null(), "{tracking}");

    // The hash in the policy approves the plan of its task.
    world.aws.set_outcome("*", Outcome::held());
    let approved = approving(&hash(&world.get(&task).await));
    world.sync_policies("approved", &[&approved]).await.succeeded();
    world.phase(&task, "Running").await;
    world.until_watching(NIGHTLY).await;
    assert_eq!(world.tree_of_policies(&[&approved])[0], policy);
    world.sync_policies("over", &[MANIFEST]).await.succeeded();
    world.until_watching(NIGHTLY).await;
    assert_eq!(world.tree_of_policies(&[MANIFEST]), [policy, shown("Progressing")]);
    world.sync_policies("removed", &[BEHIND]).await.succeeded();
    world.until_empty().await;
    let tasks = world.aws.tasks();
    assert_eq!((tasks.len(), tasks[0].status.as_str()), (1, "CANCELED"));
}

#[tokio::test]
async fn a_policy_whose_schedule_does_not_exist_fails_the_sync() {
    let world = World::with_argo_cd("policies").await;
    world
        .sync_policies("first", &[MANIFEST, BEHIND])
        .await
        .failed("one or more synchronization tasks completed unsuccessfully");
    assert!(!world.has_config_map("behind").await);
    // The next wave goes on when the audits are read, whatever they will find.
    world.add_schedule();
    world.kubectl(&["delete", "amp", NIGHTLY]).await;
    world.sync_policies("second", &[MANIFEST, BEHIND]).await.succeeded();
    assert!(world.has_config_map("behind").await);
}
