//! SIGTERM: what is under way is brought to its end, and no call of AWS begins any more.

use std::sync::Arc;
use std::time::Duration;

use audit_mitigation_operator::api::Phase;
use serde_json::json;
use simulator::{AUDIT_OF_DEVICES, Fault, FaultKind, Operation};
use support::eventually;
use support::proxy::{Asked, Fate, Pause, Side};
use support::wire::Condition;

use super::following::everything_fails;
use super::lease::elect;
use super::{LIMIT, World, spec, status};

const STOPPING: &str = "no call of AWS begins any more";

/// Sends SIGTERM, and waits until the operator has noticed it.
async fn terminate(world: &mut World) {
    let operator = world.operator.as_mut().unwrap();
    operator.terminate().unwrap();
    eventually(LIMIT, "it is stopping", async || {
        if operator.log().contains(STOPPING) {
            Ok(())
        } else {
            Err("not yet")
        }
    })
    .await
    .unwrap();
}

/// A start is under way and isn't answered. Its end is awaited, and the status says that the attempt is open, so that
/// the next process knows.
#[tokio::test]
async fn sigterm_waits_for_the_call_that_is_under_way() {
    let mut world = World::new("sigterm").await;
    world
        .aws
        .inject(Fault::new(FaultKind::Hang).on(Operation::START).times(1));
    world.create("one", &spec("one")).await;
    world.until_called(Operation::START, 1).await;
    assert!(status(&world.get("one").await).attempt.is_none());
    let mut operator = world.operator.take().unwrap();
    let ended = operator.stop(LIMIT).await.unwrap();
    assert!(ended.success(), "{ended}\n{}", operator.log());
    assert!(status(&world.get("one").await).attempt.is_some(), "{}", operator.log());
    assert_eq!(world.calls(Operation::START).len(), 1);
}

/// A look that is broken off is not the last word: the next process looks again, and then the status says all of it.
#[tokio::test]
async fn sigterm_ends_the_look_at_failed_actions_and_the_next_process_begins_it_again() {
    let mut world = World::with("sigterm-look", &[], |config| config.settings.quotas.list = None).await;
    world.aws.set_outcome("*", everything_fails());
    let (before, after) = (Duration::from_millis(300), Duration::ZERO);
    world
        .aws
        .inject(Fault::new(FaultKind::Latency { before, after }).on(Operation::EXECUTIONS));
    let spec = json!({
        "taskId": "look",
        "target": { "auditTaskId": AUDIT_OF_DEVICES },
        "auditCheckToActionsMapping": { "DEVICE_CERTIFICATE_EXPIRING_CHECK": ["Deactivate"] },
    });
    world.create("one", &spec).await;
    world.until_called(Operation::EXECUTIONS, 1).await;
    terminate(&mut world).await;
    let calls = world.aws.calls().len();
    let mut operator = world.operator.take().unwrap();
    assert!(operator.wait(LIMIT).await.unwrap().success(), "{}", operator.log());
    // One may have been on its way.
    assert!(
        world.aws.calls().len() <= calls + 1,
        "{:?}",
        &world.aws.calls()[calls..]
    );
    assert_eq!(world.status("one").await.phase, Some(Phase::Running));

    world.aws.clear_faults();
    world.start_operator();
    assert_eq!(world.phase("one", Phase::Failed).await.failures.len(), 25);
}

/// Their start records are on the way to the API server when SIGTERM comes. They may still be written; the starts are
/// the next process's.
#[tokio::test]
async fn after_sigterm_nothing_is_started() {
    let mut world = World::without_operator("sigterm-starts", &[], |_| {}).await;
    let direct = world.kubeconfig.clone();
    let wire = world.lay_wire().await;
    world.start_operator();
    world.create("first", &spec("first")).await;
    world.phase("first", Phase::Completed).await;
    wire.set(Condition::Held);
    let names = ["one", "two", "three"];
    for name in names {
        world.create(name, &spec(name)).await;
    }
    eventually(LIMIT, "their records are on the way", async || match wire.held() {
        0 => Err("none"),
        _ => Ok(()),
    })
    .await
    .unwrap();
    terminate(&mut world).await;
    let calls = world.aws.calls().len();
    wire.set(Condition::Whole);
    let mut operator = world.operator.take().unwrap();
    assert!(operator.wait(LIMIT).await.unwrap().success(), "{}", operator.log());
    assert_eq!(world.aws.calls().len(), calls, "{}", operator.log());

    world.kubeconfig = direct;
    world.start_operator();
    for name in names {
        world.phase(name, Phase::Completed).await;
        assert_eq!(world.aws.starts(name), 1);
    }
}

/// Before the first list is complete there is nothing to bring to an end. It once took the whole time that a shutdown
/// may take, with the lease held.
#[tokio::test]
async fn sigterm_before_the_first_list_is_complete_waits_for_nothing() {
    let mut world = World::without_operator("sigterm-list", &[], |_| {}).await;
    elect(&mut world);
    let pause = Arc::new(Pause::default());
    let held = Arc::clone(&pause);
    // The list before it, with a limit of one, only looks whether the CRD is there.
    let is_list = |asked: &Asked| asked.path.ends_with("/auditmitigationtasks") && asked.query.contains("limit=10");
    let fate = move |asked: &Asked| {
        if is_list(asked) {
            Fate::Hold(Side::Before, Arc::clone(&held))
        } else {
            Fate::Pass
        }
    };
    let _proxy = world.lay_proxy(fate).await;
    world.start_operator();
    pause.reached().await;
    terminate(&mut world).await;
    let mut operator = world.operator.take().unwrap();
    assert!(operator.wait(LIMIT).await.unwrap().success(), "{}", operator.log());
    let log = operator.log();
    assert!(!log.contains("broken off") && log.contains("given back"), "{log}");
}
