//! The queue on real parts: order, slots, somebody else's tasks, a restart, a region that stands still.

use std::fmt::Write as _;
use std::time::Duration;

use audit_mitigation_operator::api::{Phase, START_RECORD_ANNOTATION, StartRecord, StoredTask};
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::json;
use simulator::{Call, Config, Fault, FaultKind, Operation, Outcome};
use support::eventually;

use super::{World, message, spec, status};

/// A world without an operator yet, and so many resources in it.
pub(super) async fn crowd(prefix: &str, flags: &[&str], tasks: usize, change: impl FnOnce(&mut Config)) -> World {
    let world = World::without_operator(prefix, flags, change).await;
    world.apply_crowd(tasks).await;
    world
}

impl World {
    /// Applies so many manifests at once.
    pub(super) async fn apply_crowd(&self, tasks: usize) {
        let mut manifests = String::new();
        for n in 0..tasks {
            let name = format!("t{n:02}");
            writeln!(manifests, "---\n{}", super::object(&name, &spec(&name))).unwrap();
        }
        self.apply(&manifests).await;
    }

    /// The ids of all resources, first come first.
    pub(super) async fn in_order(&self) -> Vec<String> {
        let mut tasks = self.tasks().list(&ListParams::default()).await.unwrap().items;
        tasks.sort_by_key(|task| (task.creation_timestamp().map(|time| time.0), task.uid()));
        tasks.iter().map(kube::ResourceExt::name_any).collect()
    }

    pub(super) async fn until_all_are_completed(&self, names: &[String]) {
        for name in names {
            self.phase(name, Phase::Completed).await;
        }
    }

    /// The Start calls that the service refused, and why.
    pub(super) fn refused(&self) -> Vec<Call> {
        let mut calls = self.calls(Operation::START);
        calls.retain(|call| call.code.is_some());
        calls
    }

    /// The ids of all resources in the order in which they were let in: then the start record is written.
    pub(super) async fn start_order(&self) -> Vec<String> {
        let mut tasks = self.tasks().list(&ListParams::default()).await.unwrap().items;
        tasks.sort_by_key(|task| {
            let record: StartRecord = serde_json::from_str(&task.annotations()[START_RECORD_ANNOTATION]).unwrap();
            record.time
        });
        tasks.iter().map(kube::ResourceExt::name_any).collect()
    }
}

#[tokio::test]
async fn thirty_tasks_on_ten_slots_start_in_order_and_none_is_refused() {
    let mut world = crowd("queue-order", &[], 30, |config| {
        config.settings.task_duration = Duration::from_secs(3);
    })
    .await;
    let order = world.in_order().await;
    world.start_operator();
    world.until_all_are_completed(&order).await;
    assert_eq!(world.start_order().await, order);
    assert_eq!(world.calls(Operation::START).len(), 30);
    assert!(
        world.aws.calls().iter().all(|call| call.code.is_none()),
        "{:?}",
        world.refused()
    );
    assert_eq!(world.aws.counters().max_running, 10, "all slots were used");
}

/// Two hundred wait in one namespace, then one comes in another: its start was number two hundred.
#[tokio::test]
async fn a_backlog_of_one_namespace_holds_up_no_other() {
    let mut world = crowd("queue-fair", &["--max-running-tasks", "1"], 200, |_| {}).await;
    let backlog = world.in_order().await;
    let other = world.cluster.namespace("queue-fair-late").await.unwrap();
    world.flags.extend(["--watch-namespaces".to_owned(), other.clone()]);
    world.aws.set_outcome("*", Outcome::held());
    world.start_operator();
    world.phase(&backlog[0], Phase::Running).await;
    world.phase(&backlog[199], Phase::Queued).await;

    let first = std::mem::replace(&mut world.namespace, other);
    world.create("late", &spec("late")).await;
    world.phase("late", Phase::Queued).await;
    let started = |world: &World| -> Vec<String> {
        let starts = world.calls(Operation::START).into_iter();
        starts.filter_map(|call| call.task_id).collect()
    };
    for starts in 1..3 {
        world.aws.finish(&started(&world)[starts - 1]);
        world.until_called(Operation::START, starts + 1).await;
    }
    assert_eq!(started(&world), [&backlog[0], &backlog[1], "late"]);
    world.aws.finish("late");
    world.phase("late", Phase::Completed).await;

    world.namespace = first;
    world.phase(&backlog[2], Phase::Running).await;
    world.phase(&backlog[3], Phase::Queued).await;
    assert_eq!(world.aws.counters().max_running, 1);
}

#[tokio::test]
async fn two_slots_are_two_slots() {
    let mut world = crowd("queue-two", &["--max-running-tasks", "2"], 6, |_| {}).await;
    let order = world.in_order().await;
    world.start_operator();
    world.until_all_are_completed(&order).await;
    assert_eq!(world.start_order().await, order);
    assert_eq!(world.aws.counters().max_running, 2);
}

/// The next process can't tell a start that was refused from one whose answer was lost.
#[tokio::test]
async fn more_starts_that_were_refused_than_slots_are_no_more_tasks_than_slots_after_a_restart() {
    let mut world = crowd("queue-refused", &["--max-running-tasks", "2"], 6, |_| {}).await;
    let order = world.in_order().await;
    world
        .aws
        .inject(Fault::new(FaultKind::AccessDenied).on(Operation::START));
    world.start_operator();
    for name in &order {
        let is_refused = |task: &StoredTask| task.annotations().contains_key(START_RECORD_ANNOTATION);
        world.until(name, "its start was refused", is_refused).await;
    }
    world.operator.as_mut().unwrap().kill().unwrap();
    world.aws.clear_faults();
    world.aws.set_outcome("*", Outcome::held());
    world.start_operator();
    for started in order.chunks(2) {
        for name in started {
            world.phase(name, Phase::Running).await;
        }
        for name in started {
            world.aws.finish(name);
        }
    }
    world.until_all_are_completed(&order).await;
    assert_eq!(world.aws.counters().max_running, 2);
    let again: Vec<_> = world
        .calls(Operation::START)
        .into_iter()
        .filter(|call| call.code.is_none())
        .collect();
    assert_eq!(again.len(), order.len(), "{again:?}");
}

#[tokio::test]
async fn while_others_hold_all_slots_single_probes_wait_longer_and_longer() {
    // Slow enough for the first answer to come before the second start.
    let mut world = crowd("queue-others", &["--max-start-rate", "0.5"], 4, |config| {
        config.settings.quotas.running_by_others = 10;
    })
    .await;
    let order = world.in_order().await;
    world.start_operator();
    world.until_called(Operation::START, 3).await;
    let refused = world.refused();
    let probes: Vec<_> = refused.iter().map(|call| call.task_id.as_deref()).collect();
    assert_eq!(probes[..3], [Some(order[0].as_str()); 3], "the head alone probes");
    let wait = |n: usize| refused[n + 1].time.duration_since(refused[n].time).as_secs_f64();
    assert!(wait(0) >= 2.2 && wait(1) >= 4.4, "{} {}", wait(0), wait(1));
    let head = world
        .until(&order[0], "it says why it waits", |task| {
            message(&status(task)).contains("the service runs its limit of tasks")
        })
        .await;
    assert_eq!(status(&head).phase, Some(Phase::Queued));
    world.phase(&order[3], Phase::Queued).await;

    world.aws.set_quotas(|quotas| quotas.running_by_others = 0);
    world.until_all_are_completed(&order).await;
    assert_eq!(world.start_order().await, order);
    assert!(world.refused().len() <= 5, "{:?}", world.refused());
}

#[tokio::test]
async fn a_restart_in_mid_queue_starts_nothing_twice_and_keeps_the_order() {
    let mut world = crowd("queue-restart", &[], 24, |config| {
        config.settings.task_duration = Duration::from_secs(3);
    })
    .await;
    let order = world.in_order().await;
    world.start_operator();
    world.until_called(Operation::START, 14).await;
    world.operator.take().unwrap().kill().unwrap();
    world.start_operator();
    world.until_all_are_completed(&order).await;
    // As many as there are slots may be under way when the process dies, and come in any order then.
    for (place, id) in world.start_order().await.iter().enumerate() {
        let rank = order.iter().position(|other| other == id).unwrap();
        assert!(place.abs_diff(rank) < 10, "{id} was number {place} instead of {rank}");
    }
    assert!(order.iter().all(|id| world.aws.starts(id) == 1));
    assert!(world.refused().is_empty(), "{:?}", world.refused());
    assert_eq!(world.aws.counters().max_running, 10);
}

/// What the operator asks of AWS is as slow as its flags say, though everything is due at once.
#[tokio::test]
async fn no_more_calls_a_second_than_the_flags_say() {
    let flags = ["--max-start-rate", "2", "--max-describe-rate", "1"];
    let mut world = crowd("queue-rates", &flags, 6, |config| {
        config.settings.task_duration = Duration::from_secs(5);
    })
    .await;
    let order = world.in_order().await;
    world.start_operator();
    world.until_all_are_completed(&order).await;
    for (operation, rate) in [(Operation::START, 2.0), (Operation::DESCRIBE, 1.0)] {
        let calls = world.calls(operation);
        let span = calls[calls.len() - 1].time.duration_since(calls[0].time).as_secs_f64();
        // The first, one that was saved up, and one that was held up on its way.
        let most = span * rate + 3.0;
        let made = f64::from(u32::try_from(calls.len()).unwrap());
        assert!(made <= most, "{made} calls of {operation:?} in {span} seconds");
    }
    assert_eq!(world.calls(Operation::START).len(), 6);
}

/// The service throttles: the operator gives way, says so, and everything gets done.
#[tokio::test]
async fn throttled_starts_are_made_in_the_end_and_once() {
    let mut world = crowd("queue-throttled", &[], 6, |config| {
        config.settings.quotas.start = Some(1);
    })
    .await;
    let order = world.in_order().await;
    world.start_operator();
    world.until_all_are_completed(&order).await;
    assert!(order.iter().all(|id| world.aws.starts(id) == 1));
    let refused = world.refused();
    assert!(
        refused
            .iter()
            .all(|call| call.code.as_deref() == Some("ThrottlingException"))
    );
    assert!((1..=12).contains(&refused.len()), "{} were throttled", refused.len());
}

#[tokio::test]
async fn a_region_that_stands_still_holds_up_no_other() {
    let world = World::new("queue-regions").await;
    let there = |id: &str, region: &str| {
        let mut spec = spec(id);
        spec["region"] = json!(region);
        spec
    };
    // One is full of tasks that never end, and nothing answers in another.
    world.aws.set_outcome("full-*", Outcome::held());
    world.aws.inject(Fault {
        region: Some("eu-west-2".to_owned()),
        ..Fault::new(FaultKind::Hang)
    });
    for n in 0..12 {
        let (full, dead) = (format!("full-{n:02}"), format!("dead-{n:02}"));
        world.create(&full, &there(&full, "eu-west-1")).await;
        world.create(&dead, &there(&dead, "eu-west-2")).await;
    }
    eventually(super::LIMIT, "the slots are taken", async || {
        match world.aws.counters().max_running {
            10 => Ok(()),
            running => Err(format!("{running} run")),
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", world.log()));
    world.until_called_in("eu-west-2").await;
    for n in 0..3 {
        let name = format!("alive-{n}");
        world.create(&name, &there(&name, "us-east-1")).await;
        world.phase(&name, Phase::Completed).await;
    }
    assert_eq!(world.aws.counters().max_running, 10);
    assert!(world.aws.tasks().iter().all(|task| task.region != "eu-west-2"));
}

/// A resource whose task is left running is deleted: nobody knows of the task any more, so it holds no slot.
#[tokio::test]
async fn a_slot_is_not_lost_with_its_resource() {
    let world = World::with("queue-lost", &["--max-running-tasks", "1"], |_| {}).await;
    world.left_running("left").await;
    world.create("next", &spec("next")).await;
    world.phase("next", Phase::Queued).await;
    world.kubectl(&["delete", "amt", "left", "--timeout=60s"]).await;
    world.phase("next", Phase::Completed).await;
}

/// The same while the service is being asked about it: the answer, which comes later, takes no slot.
#[tokio::test]
async fn a_slot_is_not_taken_for_a_resource_that_was_deleted_meanwhile() {
    let world = World::with("queue-lost", &["--max-running-tasks", "1"], |_| {}).await;
    world.left_running("left").await;
    let slow = FaultKind::Latency {
        before: Duration::from_secs(3),
        after: Duration::ZERO,
    };
    world.aws.inject(Fault::new(slow).on(Operation::DESCRIBE).task("left"));
    let calls = world.calls(Operation::DESCRIBE).len();
    world.until_called(Operation::DESCRIBE, calls + 1).await;
    world.kubectl(&["delete", "amt", "left", "--timeout=60s"]).await;
    eventually(super::LIMIT, "the answer comes", async || {
        let calls = world.calls(Operation::DESCRIBE);
        calls.iter().all(|call| call.delivered).then_some(()).ok_or("not yet")
    })
    .await
    .unwrap();
    world.create("next", &spec("next")).await;
    world.phase("next", Phase::Completed).await;
}

impl World {
    /// Whose deletion leaves its task alone.
    async fn left_running(&self, name: &str) {
        self.aws.set_outcome(name, Outcome::held());
        let mut spec = spec(name);
        spec["deletionPolicy"] = json!("Orphan");
        self.create(name, &spec).await;
        // After the first poll the others write nothing.
        let is_polled = |task: &StoredTask| status(task).start_time.is_some();
        self.until(name, "it was polled", is_polled).await;
    }
}

impl World {
    async fn until_called_in(&self, region: &str) {
        eventually(super::LIMIT, "a start is sent there", async || {
            let calls = self.calls(Operation::START);
            if calls.iter().any(|call| call.region == region) {
                Ok(())
            } else {
                Err(format!("{} calls elsewhere", calls.len()))
            }
        })
        .await
        .unwrap();
    }
}
