//! Several replicas amid a full queue.

use std::time::Duration;

use audit_mitigation_operator::api::Phase;
use simulator::{Call, Config, Fault, FaultKind, Operation, Outcome};
use support::eventually;
use support::wire::Condition;

use super::{World, cancel};
use crate::operator::LIMIT;
use crate::operator::lease::{HOLDS, Replica, STANDS_BY, elect, taken_over};

/// One account, and a key for each replica, so that the service's log tells who called.
const KEYS: [&str; 3] = ["AKIAFIRST", "AKIASECOND", "AKIATHIRD"];

async fn world(prefix: &str, tasks: usize) -> World {
    let change = |config: &mut Config| {
        config.settings.task_duration = Duration::from_secs(1);
        for key in KEYS {
            config.access_keys.insert(key.to_owned(), "account".to_owned());
        }
    };
    let mut world = World::without_operator(prefix, &[], change).await;
    elect(&mut world);
    // Those that run when the leader is lost don't end by themselves.
    world.aws.set_outcome("*", Outcome::held());
    world.apply_crowd(tasks).await;
    world
}

fn start(world: &mut World, number: usize) -> Replica {
    world.access_key = Some(KEYS[number]);
    Replica::start(world)
}

/// Ten run, and the last of the others knows that it has to wait.
async fn full(world: &World, order: &[String]) {
    for id in &order[..10] {
        world.phase(id, Phase::Running).await;
    }
    world.phase(&order[order.len() - 1], Phase::Queued).await;
}

/// Waits until so many tasks were ever started: the first of the queue. Then all of them end, and those after them too.
async fn first_started(world: &World, order: &[String], count: usize) {
    let mut started = eventually(LIMIT, "the next are started", async || {
        let tasks = world.aws.tasks();
        if tasks.len() < count {
            return Err(format!("{} tasks", tasks.len()));
        }
        Ok(tasks.into_iter().map(|task| task.task_id).collect::<Vec<_>>())
    })
    .await
    .unwrap();
    let mut first = order[..count].to_vec();
    first.sort();
    started.sort();
    assert_eq!(started, first);
    world.aws.clear_outcomes();
    for id in &order[..count] {
        world.aws.finish(id);
    }
}

fn calls_of(world: &World, number: usize) -> Vec<Call> {
    let mut calls = world.aws.calls();
    calls.retain(|call| call.access_key == KEYS[number]);
    calls
}

/// Whatever happened to the leaders: one task each, ten at a time, and never two at work.
fn check(world: &World, order: &[String]) {
    for id in order {
        assert_eq!(world.aws.starts(id), 1, "{id}");
    }
    assert_eq!(world.aws.counters().max_running, 10);
    assert!(world.refused().is_empty(), "{:?}", world.refused());
    let (first, second) = (calls_of(world, 0), calls_of(world, 1));
    assert!(first.last().unwrap().seq < second[0].seq, "{:?}", second[0]);
}

/// The leader is killed while ten run and thirty wait. Slots become free while nobody leads.
#[tokio::test]
async fn a_full_queue_goes_on_in_order_after_the_leader_was_killed() {
    let mut world = world("full-queue", 40).await;
    let order = world.in_order().await;
    let mut first = start(&mut world, 0);
    full(&world, &order).await;
    let second = start(&mut world, 1);
    second.says(STANDS_BY).await;
    first.process.kill().unwrap();
    for id in &order[..5] {
        assert_eq!(world.aws.finish(id), 1);
    }
    second.says(HOLDS).await;
    first_started(&world, &order, 15).await;
    world.until_all_are_completed(&order).await;
    assert_eq!(world.start_order().await, order);
    check(&world, &order);
}

/// The network between the leader and the API server is parted, while ten run, one of them to be cancelled, and six
/// wait. The leader ends; the other goes on; when the network is whole again the leader's successor stands by.
#[tokio::test]
async fn a_leader_that_is_cut_off_amid_its_queue_is_replaced_and_comes_back_as_a_standby() {
    let mut world = world("cut-queue", 16).await;
    let order = world.in_order().await;
    let direct = world.kubeconfig.clone();
    let wire = world.lay_wire().await;
    let wired = world.kubeconfig.clone();
    let mut first = start(&mut world, 0);
    full(&world, &order).await;
    world.aws.inject(Fault::new(FaultKind::Throttle).on(Operation::CANCEL));
    world.edit(&order[0], &cancel()).await;
    world.phase(&order[0], Phase::Canceling).await;
    world.kubeconfig = direct;
    let second = start(&mut world, 1);
    second.says(STANDS_BY).await;

    wire.set(Condition::Cut);
    // What the leader sees of this it can't write. What it has begun to write arrives when the network is whole again.
    world.aws.clear_faults();
    for id in &order[1..4] {
        assert_eq!(world.aws.finish(id), 1);
    }
    let status = taken_over(&mut first, &second).await;
    assert!(!status.success(), "{status}");
    world.kubeconfig = wired;
    let third = start(&mut world, 2);
    wire.set(Condition::Whole);
    third.says(STANDS_BY).await;
    first_started(&world, &order, 14).await;
    world.phase(&order[0], Phase::Canceled).await;
    world.until_all_are_completed(&order[1..]).await;
    check(&world, &order);
    assert!(!third.leads());
    assert!(calls_of(&world, 2).is_empty());
}
