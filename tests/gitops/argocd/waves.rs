//! What a task in a wave means for the sync, and for the wave behind it.

use simulator::{Failure, Outcome};

use super::sync::{ended, held};
use crate::world::World;

/// The manifest to copy, in wave 1.
const TASK: &str = include_str!("../../../gitops/tasks/once/2026-01-enable-logging.yaml");
const NAME: &str = "2026-01-enable-logging";
/// What waits for it.
pub(super) const BEHIND: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: behind\n  annotations:\n    \
                      argocd.argoproj.io/sync-wave: \"2\"\n";

#[tokio::test]
async fn the_next_wave_waits_until_the_task_has_completed() {
    let world = World::with_argo_cd("wave").await;
    world.aws.set_outcome("*", Outcome::held());
    let mut sync = world.begin_sync("first", &[TASK, BEHIND]);
    held(&mut sync, NAME).await;
    let task = world.phase(NAME, "Running").await;
    held(&mut sync, NAME).await;
    assert!(!world.has_config_map("behind").await);

    world.aws.finish(task["status"]["taskId"].as_str().unwrap());
    ended(sync).await.succeeded();
    assert!(world.has_config_map("behind").await);
    assert_eq!(world.started(), 1);

    // The next file is the next run, and the one before stays as it is.
    let next = TASK.replace(NAME, "2026-02-enable-logging");
    world.aws.clear_outcomes();
    world.sync("second", &[TASK, &next, BEHIND]).await.succeeded();
    world.phase("2026-02-enable-logging", "Completed").await;
    assert_eq!(world.started(), 2);
}

#[tokio::test]
async fn a_failed_task_fails_the_sync() {
    let world = World::with_argo_cd("wave").await;
    world.aws.set_outcome("*", Outcome::failing([Failure::default()]));
    world
        .sync("first", &[TASK, BEHIND])
        .await
        .failed("one or more synchronization tasks completed unsuccessfully");
    assert!(!world.has_config_map("behind").await);
    assert_eq!(world.started(), 1);

    // With nothing behind it, a sync is over when the task is applied.
    let last = TASK.replace(NAME, "last");
    world.sync("second", &[&last]).await.succeeded();
    world.phase("last", "Failed").await;
}

#[tokio::test]
async fn a_suspended_task_holds_the_sync() {
    let world = World::with_argo_cd("wave").await;
    let suspended = TASK.replace("\nspec:\n", "\nspec:\n  suspend: true\n");
    let mut sync = world.begin_sync("first", &[&suspended, BEHIND]);
    held(&mut sync, NAME).await;
    world.phase(NAME, "Suspended").await;
    held(&mut sync, NAME).await;
    assert!(!world.has_config_map("behind").await);
    assert_eq!(world.started(), 0);

    world.act(NAME, "resume").await;
    ended(sync).await.succeeded();
    assert!(world.has_config_map("behind").await);
    assert_eq!(world.started(), 1);
}

#[tokio::test]
async fn without_the_health_waves_do_not_wait() {
    let world = World::with_unpatched_argo_cd("wave").await;
    world.aws.set_outcome("*", Outcome::held());
    world.sync("first", &[TASK, BEHIND]).await.succeeded();
    assert!(world.has_config_map("behind").await);
    world.phase(NAME, "Running").await;
}
