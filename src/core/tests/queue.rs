//! The queue: first come first served, slots by task id, probes after LimitExceeded.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::bench::{Bench, REGION, TASK, found, lost, refused, start_of_time, success, uid};
use crate::core::answer::{StartAnswer, TaskState, Trouble};
use crate::core::observe::Observation;
use crate::core::queue::{Admission, Order, Place, Queue, place};

fn waiting(age: i64, uid: &str) -> Place {
    let created = start_of_time() + SignedDuration::from_secs(age);
    Place::Waiting {
        region: REGION.to_owned(),
        order: Order {
            created,
            uid: uid.to_owned(),
        },
    }
}

fn holding(task_id: &str) -> Place {
    Place::Holding {
        region: REGION.to_owned(),
        task_id: task_id.to_owned(),
    }
}

fn now() -> Timestamp {
    start_of_time()
}

/// Enters a waiting resource whose task id is its uid.
fn enter(queue: &mut Queue, age: i64, uid: &str, now: Timestamp) -> Admission {
    queue.enter(uid, waiting(age, uid), uid, now)
}

fn place_of(bench: &Bench) -> Place {
    let facts = bench.facts();
    place(&Observation {
        now: bench.now,
        facts: &facts,
        is_fresh: false,
        memory: &bench.memory,
        admission: Admission::Free,
        settings: &bench.settings,
    })
}

#[test]
fn the_place_of_each_stage() {
    let waits = Place::Waiting {
        region: REGION.to_owned(),
        order: Order {
            created: Bench::new(&json!({})).facts().created,
            uid: uid().to_owned(),
        },
    };
    let new = Bench::new(&json!({}));
    assert_eq!(place_of(&new), waits, "new");
    assert_eq!(
        place_of(&Bench::new(&json!({ "suspend": true }))),
        Place::None,
        "suspended"
    );
    assert_eq!(
        place_of(&Bench::new(&json!({ "cancel": true }))),
        Place::None,
        "cancelled"
    );

    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    assert_eq!(place_of(&bench), holding(TASK), "about to be sent");
    bench.restart();
    assert_eq!(place_of(&bench), holding(TASK), "open, found by another process");
    bench.call_start();
    bench.answer_start(lost());
    assert_eq!(place_of(&bench), holding(TASK), "open");
    bench.answer_start(success());
    assert_eq!(place_of(&bench), holding(TASK), "started");
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    assert_eq!(place_of(&bench), holding(TASK), "running");
    bench.delete();
    assert_eq!(place_of(&bench), holding(TASK), "being deleted, still running");
    bench.answer_describe(found(TaskState::Completed));
    assert_eq!(place_of(&bench), Place::None, "ended, not yet written");

    let answered = |answer| {
        let mut bench = Bench::new(&json!({}));
        bench.call_start();
        bench.answer_start(answer);
        bench
    };
    assert_eq!(
        place_of(&answered(refused(Trouble::LimitExceeded))),
        waits,
        "back at its place"
    );
    assert_eq!(
        place_of(&answered(refused(Trouble::Throttled))),
        Place::None,
        "a backoff holds nobody up"
    );
    assert_eq!(
        place_of(&answered(StartAnswer::InvalidRequest("no".to_owned()))),
        Place::None,
        "rejected"
    );
    assert_eq!(
        place_of(&answered(StartAnswer::AlreadyExists)),
        Place::None,
        "not known to run"
    );
}

#[test]
fn somebody_elses_running_task_holds_a_slot_too() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(StartAnswer::AlreadyExists);
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.rest();
    bench.restart();
    assert_eq!(place_of(&bench), holding(TASK));
}

#[test]
fn first_come_first_served_by_time_then_uid() {
    let mut queue = Queue::new(2);
    for (age, uid) in [(5, "e"), (1, "b"), (1, "a"), (3, "c")] {
        queue.set(uid, waiting(age, uid));
    }
    assert_eq!(queue.next(), ["a", "b"]);
    assert_eq!(enter(&mut queue, 5, "e", now()), Admission::Behind(3));
    assert_eq!(enter(&mut queue, 3, "c", now()), Admission::Behind(2));
    assert_eq!(enter(&mut queue, 1, "b", now()), Admission::Free);
    assert_eq!(enter(&mut queue, 1, "a", now()), Admission::Free);
    assert_eq!(enter(&mut queue, 3, "c", now()), Admission::Behind(0));
    assert!(queue.next().is_empty());
    queue.set("b", Place::None);
    assert_eq!(queue.next(), ["c"]);
}

#[test]
fn two_resources_of_one_task_hold_one_slot() {
    let mut queue = Queue::new(2);
    queue.set("x", holding("shared"));
    queue.set("y", holding("shared"));
    assert_eq!(queue.holders(), 1);
    assert_eq!(enter(&mut queue, 0, "a", now()), Admission::Free);
    assert_eq!(enter(&mut queue, 1, "b", now()), Admission::Behind(0));
    queue.set("x", Place::None);
    assert_eq!(
        enter(&mut queue, 1, "b", now()),
        Admission::Behind(0),
        "y holds it still"
    );
    queue.set("y", Place::None);
    assert_eq!(enter(&mut queue, 1, "b", now()), Admission::Free);
}

#[test]
fn regions_do_not_share() {
    let mut queue = Queue::new(1);
    queue.set("x", holding("t"));
    let elsewhere = Place::Waiting {
        region: "us-east-1".to_owned(),
        order: Order {
            created: now(),
            uid: "u".to_owned(),
        },
    };
    assert_eq!(queue.enter("u", elsewhere, "u", now()), Admission::Free);
}

#[test]
fn one_that_waits_for_itself_holds_nobody_up() {
    let mut queue = Queue::new(1);
    queue.set("old", waiting(0, "old"));
    assert_eq!(enter(&mut queue, 1, "young", now()), Admission::Behind(1));
    queue.set("old", Place::None);
    assert_eq!(enter(&mut queue, 1, "young", now()), Admission::Free);
}

#[test]
fn after_limit_exceeded_one_probe_at_a_time_with_growing_waits() {
    let mut queue = Queue::new(10);
    let names: Vec<String> = (0..8).map(|n| format!("r{n}")).collect();
    let all = |queue: &mut Queue, now| -> Vec<Admission> {
        names
            .iter()
            .zip(0..)
            .map(|(uid, age)| enter(queue, age, uid, now))
            .collect()
    };
    for (uid, age) in names.iter().zip(0..) {
        queue.set(uid, waiting(age, uid));
    }
    let mut now = now();
    let mut waits = Vec::new();
    assert_eq!(enter(&mut queue, 0, "r0", now), Admission::Free);
    for _ in 0..9 {
        queue.limited(REGION, now);
        let admissions = all(&mut queue, now);
        let Admission::LimitedUntil(until) = admissions[0] else {
            panic!("{admissions:?}")
        };
        assert!(
            admissions[1..]
                .iter()
                .all(|admission| matches!(admission, Admission::Behind(ahead) if *ahead > 0)),
            "{admissions:?}"
        );
        assert_eq!(queue.next(), ["r0"], "one to be woken");
        waits.push(until.duration_since(now).as_secs_f64());
        now = until;
        let admissions = all(&mut queue, now);
        assert_eq!(admissions[0], Admission::Free, "the probe");
        assert!(
            admissions[1..].iter().all(|admission| *admission != Admission::Free),
            "one at a time: {admissions:?}"
        );
    }
    assert!(
        waits[0] <= 1.0 && waits[8] >= 45.0 && waits.iter().all(|wait| *wait <= 60.0),
        "{waits:?}"
    );
}

#[test]
fn the_pace_comes_back_when_a_start_is_taken() {
    let mut queue = Queue::new(10);
    for (uid, age) in [("a", 0), ("b", 1), ("c", 2)] {
        queue.set(uid, waiting(age, uid));
    }
    queue.limited(REGION, now());
    assert_ne!(enter(&mut queue, 1, "b", now()), Admission::Free);
    queue.started(REGION);
    for (uid, age) in [("a", 0), ("b", 1), ("c", 2)] {
        assert_eq!(enter(&mut queue, age, uid, now()), Admission::Free, "{uid}");
    }
}

#[test]
fn a_slot_that_frees_is_probed_at_once_by_one() {
    let mut queue = Queue::new(10);
    queue.set("runs", holding("t"));
    for (uid, age) in [("a", 0), ("b", 1)] {
        queue.set(uid, waiting(age, uid));
    }
    queue.limited(REGION, now());
    queue.limited(REGION, now());
    assert!(matches!(enter(&mut queue, 0, "a", now()), Admission::LimitedUntil(_)));
    queue.set("runs", Place::None);
    assert_eq!(enter(&mut queue, 0, "a", now()), Admission::Free);
    assert_ne!(enter(&mut queue, 1, "b", now()), Admission::Free, "one at a time still");
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut queue = Queue::new(1);
    queue.set("x", holding("t"));
    queue.set("a", waiting(0, "a"));
    queue.retain(|uid| uid == "a");
    assert_eq!((queue.holders(), queue.next()), (0, vec!["a".to_owned()]));
}

proptest! {
    /// Whatever comes: never more tasks admitted than there are slots, never past somebody who waits longer.
    #[test]
    fn never_more_than_the_slots(slots in 1_usize..4, moves in proptest::collection::vec((0_usize..12, 0_u8..6, 0_i64..70), 1..200)) {
        let mut queue = Queue::new(slots);
        let mut admitted: BTreeMap<String, String> = BTreeMap::new();
        let mut waits: BTreeSet<(i64, String)> = BTreeSet::new();
        let mut now = now();
        for (index, what, seconds) in moves {
            let age = i64::try_from(index).unwrap() % 5;
            let (uid, key) = (format!("r{index:02}"), (age, format!("r{index:02}")));
            let task = format!("t{}", index % 8);
            match what {
                0 | 1 => {
                    let held = admitted.contains_key(&uid);
                    let place = if held { holding(&task) } else { waiting(age, &uid) };
                    let admission = queue.enter(&uid, place, &task, now);
                    if admission == Admission::Free && !held {
                        waits.remove(&key);
                        let ahead = waits.range(..key).count();
                        let running: BTreeSet<_> = admitted.values().collect();
                        prop_assert!(running.len() + ahead < slots, "{uid} was let past {ahead} with {} of {slots} slots taken", running.len());
                        admitted.insert(uid, task);
                    } else if !held {
                        waits.insert(key);
                    }
                }
                2 => {
                    queue.set(&uid, Place::None);
                    admitted.remove(&uid);
                    waits.remove(&key);
                }
                3 => queue.limited(REGION, now),
                4 => { queue.started(REGION); }
                _ => now += SignedDuration::from_secs(seconds),
            }
            let running: BTreeSet<_> = admitted.values().collect();
            prop_assert!(running.len() <= slots);
            prop_assert_eq!(queue.holders(), running.len());
        }
    }
}
