//! The three ways to keep tasks in Git: what a sync does with them, and when it starts a task in AWS.

use simulator::{Failure, Fault, FaultKind, Operation, Outcome};

use crate::world::World;

const ONCE: &str = include_str!("../../../gitops/tasks/once/2026-01-enable-logging.yaml");
const AGAIN: &str = include_str!("../../../gitops/tasks/again/enable-logging.yaml");
const HOOK: &str = include_str!("../../../gitops/tasks/hook/enable-logging.yaml");
/// The name of the first two.
const RUN: &str = "2026-01-enable-logging";
const TASK: &str = "enable-logging";

/// The manifest with another action.
fn edited(manifest: &str) -> String {
    let edited = manifest.replace("- EnableLogging", "- Notify");
    assert_ne!(edited, manifest);
    edited
}

/// The manifest with these sync options.
fn with_options(manifest: &str, options: &str) -> String {
    let changed = manifest.replace(
        "argocd.argoproj.io/sync-wave: \"1\"",
        &format!("argocd.argoproj.io/sync-options: {options}"),
    );
    assert_ne!(changed, manifest);
    changed
}

#[tokio::test]
async fn an_edit_of_a_run_fails_the_sync() {
    let world = World::with_argo_cd("once").await;
    world.sync("first", &[ONCE]).await.succeeded();
    world.phase(RUN, "Completed").await;
    let immutable = "is immutable once the task has been started";
    world.sync("edited", &[&edited(ONCE)]).await.failed(immutable);
    let replaced = with_options(&edited(ONCE), "Replace=true");
    world.sync("replaced", &[&replaced]).await.failed(immutable);
    assert_eq!(world.started(), 1);
    // The way out.
    world.sync("first", &[ONCE]).await.succeeded();
    assert_eq!(world.started(), 1);
}

#[tokio::test]
async fn force_runs_the_task_again_when_it_is_edited() {
    let world = World::with_argo_cd("again").await;
    // The Application applies server-side, which can't force.
    let server_side = AGAIN.replace("Force=true,ServerSideApply=false", "Force=true");
    world
        .sync("server-side", &[&server_side])
        .await
        .failed("--force cannot be used with --server-side");
    world.sync("first", &[AGAIN]).await.succeeded();
    world.phase(TASK, "Completed").await;
    let first = world.uid(TASK).await;
    world.sync("unrelated", &[AGAIN]).await.succeeded();
    assert_eq!((world.uid(TASK).await, world.started()), (first.clone(), 1));

    // The second run is edited away while it runs.
    world.aws.set_outcome("*", Outcome::held());
    world.sync("edited", &[&edited(AGAIN)]).await.succeeded();
    let second = world.phase(TASK, "Running").await;
    assert_ne!(world.uid(TASK).await, first);
    assert_eq!(world.started(), 2);
    let second = second["status"]["taskId"].as_str().unwrap();

    // The old version again. Argo CD doesn't wait for the cancellation, so the next try makes the resource anew.
    let refusal = world.aws.inject(Fault::new(FaultKind::Throttle).on(Operation::CANCEL));
    world
        .sync("reverted", &[AGAIN])
        .await
        .failed("context deadline exceeded");
    assert!(world.aws.remove_fault(refusal));
    world.until_empty().await;
    world.sync("reverted", &[AGAIN]).await.succeeded();
    // Its task exists.
    let task = world.phase(TASK, "Completed").await;
    assert_eq!(task["status"]["startedBy"], "Other", "{task}");
    assert_eq!(world.started(), 2);
    assert_eq!(world.aws.task(second).unwrap().status, "CANCELED");
}

#[tokio::test]
async fn force_and_replace_make_the_resource_anew_at_every_sync() {
    let world = World::with_argo_cd("replace").await;
    world.aws.set_outcome("*", Outcome::held());
    let manifest = with_options(ONCE, "Force=true,Replace=true");
    world.sync("first", &[&manifest]).await.succeeded();
    let running = world.phase(RUN, "Running").await;
    let first = world.uid(RUN).await;
    world.sync("unrelated", &[&manifest]).await.succeeded();
    let canceled = world.phase(RUN, "Canceled").await;
    assert_ne!(world.uid(RUN).await, first);
    assert_eq!(canceled["status"]["taskId"], running["status"]["taskId"]);
    let second = world.uid(RUN).await;
    world.sync("another", &[&manifest]).await.succeeded();
    world.phase(RUN, "Canceled").await;
    assert_ne!(world.uid(RUN).await, second);
    // It is cancelled, and never started again.
    assert_eq!(world.started(), 1);
}

#[tokio::test]
async fn a_hook_runs_with_every_sync() {
    let world = World::with_argo_cd("hook").await;
    for (revision, runs) in [("first", 1), ("unrelated", 2)] {
        world.sync(revision, &[HOOK]).await.succeeded();
        // The sync waited for its end.
        let resources = world.resources().await;
        assert_eq!((resources.len(), world.started()), (runs, runs));
        for resource in resources {
            assert_eq!(resource["status"]["phase"], "Completed", "{resource}");
        }
    }
    // A hook that is deleted is not made again before the next sync.
    world.kubectl(&["delete", "amt", "--all"]).await;
    let short = HOOK.replace("ttlSecondsAfterFinished: 604800", "ttlSecondsAfterFinished: 0");
    assert_ne!(short, HOOK);
    world.sync("short", &[&short]).await.succeeded();
    world.until_empty().await;
    assert_eq!(world.started(), 3);

    world.aws.set_outcome("*", Outcome::failing([Failure::default()]));
    world
        .sync("failing", &[HOOK])
        .await
        .failed("one or more synchronization tasks completed unsuccessfully");
    assert_eq!(world.started(), 4);
}

#[tokio::test]
async fn a_generated_name_without_a_hook_fails_the_sync() {
    let world = World::with_argo_cd("hook").await;
    let manifest = HOOK.replace("argocd.argoproj.io/hook: PostSync", "example.com/hook: none");
    world.sync("first", &[&manifest]).await.failed("generate name");
    assert!(world.resources().await.is_empty());
    assert_eq!(world.started(), 0);
}

#[tokio::test]
async fn a_task_that_its_ttl_deleted_is_made_again_and_starts_nothing() {
    let world = World::with_argo_cd("ttl").await;
    let manifest = ONCE.replace("\nspec:\n", "\nspec:\n  ttlSecondsAfterFinished: 0\n");
    for (number, revision) in ["first", "healed", "healed-again"].into_iter().enumerate() {
        world.sync(revision, &[&manifest]).await.succeeded();
        world.until_empty().await;
        let calls = world.aws.calls();
        let asked = calls.iter().filter(|call| call.operation == Some(Operation::START));
        // Each new resource asks for its task, which exists.
        assert_eq!((asked.count(), world.started()), (number + 1, 1));
    }
}
