//! A deletion that wins the race against the finalizer: the API server decides that nothing holds the resource, asks a
//! webhook that takes its time, and deletes it although the finalizer came meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use audit_mitigation_operator::api::Phase;
use http::Method;
use kube::api::DeleteParams;
use serde_json::Value;
use simulator::{Fault, FaultKind, Operation, Outcome};
use support::proxy::{Fate, Pause, Side};
use support::webhook::Webhook;

use super::{LIMIT, World, has_finalizer, spec};

/// A world without an operator yet, whose one resource is being deleted as long as the pause lasts.
struct Race {
    world: World,
    pause: Arc<Pause>,
    _webhook: Webhook,
}

impl Race {
    async fn begin(prefix: &str, spec: &Value) -> Self {
        let world = World::without_operator(prefix, &[], |_| {}).await;
        world.aws.set_outcome("*", Outcome::held());
        let pause = Arc::new(Pause::default());
        let webhook = Webhook::start(Arc::clone(&pause)).await.unwrap();
        let (group, resource) = ("devicedefender.dev", "auditmitigationtasks");
        let configuration = webhook.of_deletions(&world.namespace, &world.namespace, group, resource);
        world.cluster.apply(&configuration.to_string()).await.unwrap();
        // The API server takes up a new configuration some time later; only then does a deletion wait.
        let trial = async {
            loop {
                world.create("trial", &spec_of("trial")).await;
                let tasks = world.tasks();
                let deleted = tokio::spawn(async move { tasks.delete("trial", &DeleteParams::default()).await });
                tokio::select! {
                    () = pause.reached() => {
                        pause.end();
                        deleted.await.unwrap().unwrap();
                        return;
                    }
                    () = world.until_gone("trial") => {}
                }
            }
        };
        tokio::time::timeout(LIMIT, trial).await.unwrap();
        world.create("one", spec).await;
        let tasks = world.tasks();
        tokio::spawn(async move { tasks.delete("one", &DeleteParams::default()).await });
        pause.reached().await;
        Self {
            world,
            pause,
            _webhook: webhook,
        }
    }

    /// Lets the deletion go on. The API server asks again when the resource has changed meanwhile.
    fn end(&self) {
        let pause = Arc::clone(&self.pause);
        tokio::spawn(async move {
            loop {
                pause.end();
                pause.reached().await;
            }
        });
    }
}

fn spec_of(task_id: &str) -> Value {
    let mut spec = spec(task_id);
    spec["suspend"] = true.into();
    spec
}

/// The task is known to run, finalizer and all, when the resource goes. Cancel is refused at first.
#[tokio::test]
async fn a_running_task_whose_resource_is_gone_is_cancelled() {
    let mut race = Race::begin("orphaned", &spec("orphaned")).await;
    race.world.start_operator();
    race.world.phase("one", Phase::Running).await;
    // Before the deletion goes on: it is written on the side.
    race.world.until_events("one", &["Started"]).await;
    let seen = race.world.get("one").await;
    assert!(has_finalizer(&seen) && seen.metadata.deletion_timestamp.is_none());
    race.world
        .aws
        .inject(Fault::new(FaultKind::Throttle).on(Operation::CANCEL).times(2));
    race.end();
    race.world.until_gone("one").await;
    race.world.until_task("orphaned", "CANCELED").await;
    race.world.until_events("one", &["Started", "TaskOrphaned"]).await;
    let counted = race
        .world
        .metric("audit_mitigation_operator_orphaned_tasks_total")
        .await;
    assert_eq!(counted, 1);
    race.world.until_logged("an orphaned task is settled", 1).await;
    let log = race.world.log();
    assert!(
        log.contains("task_id=\"orphaned\"") && log.contains("region=\"eu-central-1\""),
        "{log}"
    );
}

/// The resource goes while its Start is under way.
#[tokio::test]
async fn a_task_whose_resource_went_while_it_was_started_is_cancelled() {
    let mut race = Race::begin("orphaned-start", &spec("orphaned-start")).await;
    let (before, after) = (Duration::ZERO, Duration::from_secs(5));
    race.world
        .aws
        .inject(Fault::new(FaultKind::Latency { before, after }).on(Operation::START));
    race.world.start_operator();
    race.world.until_called(Operation::START, 1).await;
    race.end();
    race.world.until_gone("one").await;
    race.world.until_task("orphaned-start", "CANCELED").await;
    assert_eq!(race.world.calls(Operation::CANCEL).len(), 1);
}

/// The watch sees that the resource is gone, and later a reconcile does whose write was under way: one orphan.
#[tokio::test]
async fn an_orphan_that_the_watch_and_a_reconcile_find_is_told_of_once() {
    let mut race = Race::begin("orphaned-once", &spec("orphaned-once")).await;
    let (pause, is_armed) = (Arc::<Pause>::default(), Arc::<AtomicBool>::default());
    let (held, armed) = (Arc::clone(&pause), Arc::clone(&is_armed));
    let _proxy = race
        .world
        .lay_proxy(move |asked| {
            let is_meant = asked.method == Method::PATCH && asked.path.ends_with("/one/status");
            if is_meant && armed.swap(false, Ordering::SeqCst) {
                Fate::Hold(Side::After, Arc::clone(&held))
            } else {
                Fate::Pass
            }
        })
        .await;
    // So that the next write after the call is seen is the one that says Running.
    let (before, after) = (Duration::ZERO, Duration::from_secs(2));
    race.world
        .aws
        .inject(Fault::new(FaultKind::Latency { before, after }).on(Operation::START));
    race.world.start_operator();
    race.world.until_called(Operation::START, 1).await;
    is_armed.store(true, Ordering::SeqCst);
    pause.reached().await;
    race.end();
    race.world.until_gone("one").await;
    race.world.until_task("orphaned-once", "CANCELED").await;
    race.world.until_logged("an orphaned task is settled", 1).await;
    // Its start takes longer than the wait between two polls: whoever is held goes on with one.
    race.world.create("meanwhile", &spec("meanwhile")).await;
    race.world.phase("meanwhile", Phase::Running).await;
    let reconcile = "reconcile name=\"one\"";
    let reconciles = race.world.log().matches(reconcile).count();
    pause.end();
    race.world.until_logged(reconcile, reconciles + 1).await;
    // Something that is told after whatever that reconcile told.
    race.world.create("after", &spec("after")).await;
    race.world.until_events("after", &["Started"]).await;
    race.world.until_events("one", &["TaskOrphaned", "Started"]).await;
    let counted = race
        .world
        .metric("audit_mitigation_operator_orphaned_tasks_total")
        .await;
    assert_eq!(counted, 1);
}

/// The last the watch sees of it still has the finalizer: it is no orphan.
#[tokio::test]
async fn a_deletion_that_is_held_up_by_the_finalizer_cancels_once() {
    let world = World::new("orphaned-not").await;
    world.aws.set_outcome("*", Outcome::held());
    world.create("one", &spec("orphaned-not")).await;
    world.phase("one", Phase::Running).await;
    world.kubectl(&["delete", "amt", "one"]).await;
    assert_eq!(world.aws.task("orphaned-not").unwrap().status, "CANCELED");
    assert_eq!(world.metric("audit_mitigation_operator_orphaned_tasks_total").await, 0);
    assert_eq!(world.calls(Operation::CANCEL).len(), 1);
}
