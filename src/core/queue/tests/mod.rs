//! The queue: who is let in, and who is called. [`contention`] plays it against others who use slots too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod contention;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use crate::api::{Phase, Reason};
use crate::core::answer::{ErrorClass, StartAnswer, TaskState};
use crate::core::queue::{Admission, Order, Place, Queue};
use crate::core::rate_limiter::{RateLimiter, Rates};
use crate::core::task::observation::Observation;
use crate::core::task::place::place;
use crate::core::task::tests::bench::{Bench, REGION, TASK, found, lost, refused, start_of_time, success, uid};

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

fn open(age: i64, uid: &str) -> Place {
    let created = start_of_time() + SignedDuration::from_secs(age);
    Place::Open {
        region: REGION.to_owned(),
        task_id: uid.to_owned(),
        order: Order {
            created,
            uid: uid.to_owned(),
        },
    }
}

fn now() -> Timestamp {
    start_of_time()
}

/// A queue, and a limiter without limits.
struct Line {
    queue: Queue,
    limiter: RateLimiter,
}

impl Line {
    fn new(slots: usize) -> Self {
        Self::paced(slots, None)
    }

    fn paced(slots: usize, start: Option<f64>) -> Self {
        Self {
            queue: Queue::new(slots),
            limiter: RateLimiter::new(Rates {
                start,
                describe: None,
                others: None,
            }),
        }
    }

    /// All of these wait, the first longest.
    fn of(slots: usize, uids: &[&str]) -> Self {
        let mut line = Self::new(slots);
        for (uid, age) in uids.iter().zip(0..) {
            line.queue.set(uid, waiting(age, uid));
        }
        line.queue.take_called();
        line
    }

    /// Enters a waiting resource whose task id is its uid.
    fn enter(&mut self, age: i64, uid: &str, now: Timestamp) -> Admission {
        self.queue.enter(uid, waiting(age, uid), uid, &mut self.limiter, now)
    }

    /// Enters a resource whose attempt is open.
    fn enter_again(&mut self, age: i64, uid: &str) -> Admission {
        self.queue.enter(uid, open(age, uid), uid, &mut self.limiter, now())
    }

    fn answer(&mut self, uid: &str, answer: &StartAnswer, now: Timestamp) {
        self.queue.start_answered(uid, REGION, answer, now);
    }

    fn refuse(&mut self, uid: &str, now: Timestamp) {
        self.answer(uid, &refused(ErrorClass::LimitExceeded), now);
    }

    fn called(&mut self) -> Vec<String> {
        self.queue.take_called()
    }

    fn held(&self) -> u64 {
        self.queue.lanes().map(|(_, lane)| lane.in_use()).sum()
    }
}

fn place_of(bench: &Bench) -> Place {
    let observed = bench.observed();
    place(&Observation {
        now: bench.now,
        since: bench.since,
        observed: &observed,
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
            created: Bench::new(&json!({})).observed().created,
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
    assert_eq!(
        place_of(&bench),
        waits,
        "about to be sent: it keeps the slot that it was let in to"
    );
    let Place::Waiting { order, .. } = waits.clone() else {
        unreachable!()
    };
    let open = Place::Open {
        region: REGION.to_owned(),
        task_id: TASK.to_owned(),
        order,
    };
    bench.restart();
    assert_eq!(place_of(&bench), open, "open, found by another process");
    bench.call_start();
    bench.answer_start(lost());
    assert_eq!(place_of(&bench), open, "open");
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
        place_of(&answered(refused(ErrorClass::LimitExceeded))),
        waits,
        "back at its place"
    );
    let mut deleted = answered(refused(ErrorClass::LimitExceeded));
    deleted.delete();
    assert_eq!(place_of(&deleted), Place::None, "being deleted, and never started");
    assert_eq!(
        place_of(&answered(refused(ErrorClass::Throttled))),
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
    let mut line = Line::new(2);
    for (age, uid) in [(5, "e"), (1, "b"), (1, "a"), (3, "c")] {
        line.queue.set(uid, waiting(age, uid));
    }
    assert_eq!(line.called().last().unwrap(), "a");
    assert_eq!(line.enter(5, "e", now()), Admission::Behind(3));
    assert_eq!(line.enter(3, "c", now()), Admission::Behind(2));
    let soon = line.enter(1, "b", now());
    assert!(matches!(soon, Admission::Paced { ahead: 1, .. }), "{soon:?}");
    assert_eq!(line.enter(1, "a", now()), Admission::Free);
    assert_eq!(line.called(), ["b"], "the next is called at once");
    assert_eq!(line.enter(1, "b", now()), Admission::Free);
    assert_eq!(line.enter(3, "c", now()), Admission::Behind(0));
    assert!(line.called().is_empty());
    line.queue.set("b", Place::None);
    assert_eq!(line.called(), ["c"]);
}

#[test]
fn who_was_let_in_stays_in_though_an_older_one_comes() {
    let mut line = Line::new(1);
    assert_eq!(line.enter(5, "young", now()), Admission::Free);
    assert_eq!(line.enter(0, "old", now()), Admission::Behind(0));
    assert_eq!(line.enter(5, "young", now()), Admission::Free, "at its next step");
    assert_eq!(line.held(), 1);
}

#[test]
fn two_resources_of_one_task_hold_one_slot() {
    let mut line = Line::new(2);
    line.queue.set("x", holding("shared"));
    line.queue.set("y", holding("shared"));
    assert_eq!(line.held(), 1);
    assert_eq!(line.enter(0, "a", now()), Admission::Free);
    assert_eq!(line.enter(1, "b", now()), Admission::Behind(0));
    line.queue.set("x", Place::None);
    assert_eq!(line.enter(1, "b", now()), Admission::Behind(0), "y holds it still");
    assert!(line.called().is_empty());
    line.queue.set("y", Place::None);
    assert_eq!(line.called(), ["b"]);
    assert_eq!(line.enter(1, "b", now()), Admission::Free);
}

#[test]
fn regions_do_not_share() {
    let mut line = Line::new(1);
    line.queue.set("x", holding("t"));
    let elsewhere = Place::Waiting {
        region: "us-east-1".to_owned(),
        order: Order {
            created: now(),
            uid: "u".to_owned(),
        },
    };
    let admission = line.queue.enter("u", elsewhere, "u", &mut line.limiter, now());
    assert_eq!(admission, Admission::Free);
}

#[test]
fn one_that_waits_for_itself_holds_nobody_up() {
    let mut line = Line::of(1, &["old", "young"]);
    assert_eq!(line.enter(1, "young", now()), Admission::Behind(1));
    line.queue.set("old", Place::None);
    assert_eq!(line.called(), ["young"]);
    assert_eq!(line.enter(1, "young", now()), Admission::Free);
}

#[test]
fn one_that_the_api_server_fails_steps_aside_and_keeps_nothing() {
    let mut line = Line::of(1, &["a", "b"]);
    assert_eq!(line.enter(0, "a", now()), Admission::Free);
    line.queue.step_aside("a");
    assert_eq!(line.called(), ["b"]);
    assert_eq!(line.enter(1, "b", now()), Admission::Free);
    assert_eq!(line.enter(0, "a", now()), Admission::Behind(0));
    line.queue.step_aside("a");
    line.queue.set("b", holding("b"));
    line.queue.step_aside("b");
    assert_eq!(line.held(), 1, "what runs holds its slot whatever the API server does");
}

#[test]
fn open_attempts_come_first() {
    let mut line = Line::of(2, &["a", "b"]);
    for (age, uid) in [(5, "open1"), (6, "open2"), (7, "open3")] {
        line.queue.set(uid, open(age, uid));
    }
    assert_eq!(line.enter(0, "a", now()), Admission::Behind(0));
    line.queue.set("open1", Place::None);
    assert_eq!(
        line.enter(0, "a", now()),
        Admission::Behind(0),
        "more were open than there are slots"
    );
    line.queue.set("open2", Place::None);
    assert_eq!(line.enter(0, "a", now()), Admission::Free);
}

/// As after a change of leader, when each start was refused before.
#[test]
fn of_more_open_attempts_than_slots_only_as_many_are_sent_again_the_oldest_first() {
    let mut line = Line::new(2);
    for (age, uid) in [(0, "a"), (1, "b"), (2, "c"), (3, "d")] {
        line.queue.set(uid, open(age, uid));
    }
    line.called();
    assert_eq!(line.enter_again(3, "d"), Admission::Behind(3));
    assert_eq!(line.enter_again(1, "b"), Admission::Free, "among the first two");
    assert_eq!(line.enter_again(2, "c"), Admission::Behind(1));
    assert_eq!(line.enter_again(0, "a"), Admission::Free);
    assert_eq!(line.enter_again(2, "c"), Admission::Behind(0));
    assert_eq!(
        line.enter_again(0, "a"),
        Admission::Free,
        "it keeps its slot while it is open"
    );
    line.called();

    line.queue.set("a", holding("a"));
    assert_eq!(line.called(), Vec::<String>::new(), "one that runs frees nothing");
    line.queue.set("a", Place::None);
    assert_eq!(line.called(), ["c"], "the next is woken");
    assert_eq!(
        line.enter_again(3, "d"),
        Admission::Behind(1),
        "and is before all others"
    );
    assert_eq!(line.enter_again(2, "c"), Admission::Free);
    line.queue.set("b", Place::None);
    assert_eq!(line.called(), ["d"]);
}

#[test]
fn an_attempt_that_was_let_in_keeps_its_slot_when_its_answer_is_lost() {
    let mut line = Line::of(1, &["a"]);
    assert_eq!(line.enter(0, "a", now()), Admission::Free);
    line.queue.set("b", open(1, "b"));
    assert_eq!(line.enter_again(0, "a"), Admission::Free);
    assert_eq!(line.enter_again(1, "b"), Admission::Behind(0));
}

#[test]
fn an_open_attempt_of_a_task_that_runs_takes_no_further_slot() {
    let mut line = Line::new(2);
    line.queue.set("runs", holding("task"));
    let again = |line: &mut Line, uid: &str, task_id: &str| {
        let Place::Open { region, order, .. } = open(1, uid) else {
            unreachable!()
        };
        let task_id = task_id.to_owned();
        let place = Place::Open { region, task_id, order };
        line.queue.enter(uid, place, uid, &mut line.limiter, now())
    };
    assert_eq!(again(&mut line, "a", "task"), Admission::Free);
    assert_eq!(again(&mut line, "b", "other"), Admission::Free);
    assert_eq!(again(&mut line, "c", "third"), Admission::Behind(0));
}

#[test]
fn after_limit_exceeded_one_probe_at_a_time_with_growing_waits() {
    let names = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"];
    let mut line = Line::of(10, &names);
    let all = |line: &mut Line, now| -> Vec<Admission> {
        let names = names.iter().zip(0..);
        names.map(|(uid, age)| line.enter(age, uid, now)).collect()
    };
    let mut now = now();
    let mut waits = Vec::new();
    assert_eq!(line.enter(0, "r0", now), Admission::Free);
    for _ in 0..9 {
        line.refuse("r0", now);
        let admissions = all(&mut line, now);
        let Admission::LimitedUntil(until) = admissions[0] else {
            panic!("{admissions:?}")
        };
        let behind = |admission: &Admission| matches!(admission, Admission::Behind(ahead) if *ahead > 0);
        assert!(admissions[1..].iter().all(behind), "{admissions:?}");
        waits.push(until.duration_since(now).as_secs_f64());
        now = until;
        let admissions = all(&mut line, now);
        assert_eq!(admissions[0], Admission::Free, "the probe");
        assert!(
            admissions[1..].iter().all(|admission| *admission != Admission::Free),
            "one at a time: {admissions:?}"
        );
    }
    assert!(
        waits[0] <= 3.0 && waits[8] >= 45.0 && waits.iter().all(|wait| *wait <= 60.0),
        "{waits:?}"
    );
}

#[test]
fn a_clock_that_is_set_back_puts_no_probe_off() {
    let mut line = Line::of(10, &["a"]);
    line.enter(0, "a", now());
    line.refuse("a", now());
    assert!(matches!(line.enter(0, "a", now()), Admission::LimitedUntil(_)));
    let back = now() - SignedDuration::from_hours(1);
    assert_eq!(line.enter(0, "a", back), Admission::Free);
}

#[test]
fn the_pace_comes_back_with_each_probe_that_is_taken() {
    let mut line = Line::of(3, &["a", "b", "c", "d"]);
    assert_eq!(line.enter(0, "a", now()), Admission::Free);
    line.refuse("a", now());
    let Admission::LimitedUntil(until) = line.enter(0, "a", now()) else {
        panic!("not limited")
    };
    assert_eq!(line.enter(0, "a", until), Admission::Free, "the first probe");
    line.called();
    let mut now = until;
    for (age, uid, before) in [(1, "b", "a"), (2, "c", "b")] {
        assert_ne!(line.enter(age, uid, now), Admission::Free, "while another probes");
        line.answer(before, &success(), now);
        assert_eq!(line.called(), [uid]);
        let Admission::LimitedUntil(next) = line.enter(age, uid, now) else {
            panic!("{uid} is the next probe")
        };
        assert_eq!(next, now + SignedDuration::from_secs(1), "it hardly waits");
        now = next;
        assert_eq!(line.enter(age, uid, now), Admission::Free, "{uid}");
    }
    line.answer("c", &success(), now);
    assert_eq!(line.held(), 3);
    // All slots are ours again: what frees is no probe.
    line.queue.set("a", Place::None);
    assert_eq!(line.enter(3, "d", now), Admission::Free);
}

#[test]
fn an_own_slot_that_frees_is_taken_at_once_and_is_no_probe() {
    let mut line = Line::of(10, &["a", "b", "c"]);
    for task in ["r1", "r2", "r3"] {
        line.queue.set(task, holding(task));
    }
    line.called();
    assert_eq!(line.enter(0, "a", now()), Admission::Free);
    line.refuse("a", now());
    assert!(matches!(line.enter(0, "a", now()), Admission::LimitedUntil(_)));
    line.called();
    line.queue.set("r1", Place::None);
    assert_eq!(
        line.called(),
        ["a"],
        "called, though it was called for the probe before"
    );
    assert_eq!(line.enter(0, "a", now()), Admission::Free);
    assert_eq!(line.called(), ["b"], "for the next probe");
    let Admission::LimitedUntil(probe) = line.enter(1, "b", now()) else {
        panic!("three slots are ours, and no more")
    };
    line.answer("a", &success(), now());
    assert!(
        matches!(line.enter(1, "b", now()), Admission::LimitedUntil(_)),
        "a was no probe"
    );
    assert_eq!(line.enter(1, "b", probe), Admission::Free);
    // While b probes, an own slot is still taken at once.
    line.queue.set("r2", Place::None);
    assert_eq!(line.called(), ["c"]);
    assert_eq!(line.enter(2, "c", probe), Admission::Free);
}

#[test]
fn an_own_slot_that_somebody_else_took_is_not_ours_any_more() {
    let mut line = Line::of(10, &["a"]);
    for task in ["r1", "r2", "r3"] {
        line.queue.set(task, holding(task));
    }
    line.enter(0, "a", now());
    line.refuse("a", now());
    line.queue.set("r1", Place::None);
    assert_eq!(line.enter(0, "a", now()), Admission::Free);
    line.refuse("a", now());
    assert!(matches!(line.enter(0, "a", now()), Admission::LimitedUntil(_)));
}

/// A probe whose answer says nothing, or that is never sent, must not keep all others from probing for ever.
#[test]
fn a_probe_that_comes_to_nothing_makes_room_for_the_next() {
    type End = fn(&mut Line, Timestamp);
    let ends: [(&str, End); 4] = [
        ("lost", |line, now| line.answer("a", &lost(), now)),
        ("throttled", |line, now| {
            line.answer("a", &refused(ErrorClass::Throttled), now);
            line.queue.set("a", Place::None);
        }),
        ("suspended", |line, _| line.queue.set("a", Place::None)),
        ("failed by the API server", |line, _| line.queue.step_aside("a")),
    ];
    for (what, end) in ends {
        let mut line = Line::of(10, &["a", "b"]);
        line.enter(0, "a", now());
        line.refuse("a", now());
        let Admission::LimitedUntil(until) = line.enter(0, "a", now()) else {
            panic!("not limited")
        };
        assert_eq!(line.enter(0, "a", until), Admission::Free);
        assert_ne!(line.enter(1, "b", until), Admission::Free);
        line.called();
        end(&mut line, until);
        assert_eq!(line.called(), ["b"], "{what}");
        assert_eq!(line.enter(1, "b", until), Admission::Free, "{what}");
    }
}

/// A crowd that is made at once starts in its order under the rate as well, and nobody is let in earlier than that.
#[test]
fn the_rate_lets_in_the_heads_one_by_one() {
    let mut line = Line::paced(300, Some(8.0));
    let names: Vec<String> = (0..40).map(|n| format!("r{n:02}")).collect();
    // They come in no order.
    for n in (0..40).map(|n| (n * 7) % 40) {
        line.queue.set(&names[n], waiting(i64::try_from(n).unwrap(), &names[n]));
    }
    let (mut now, mut started) = (now(), Vec::new());
    while started.len() < 40 {
        let head = names[started.len()].clone();
        let age = i64::try_from(started.len()).unwrap();
        if let Some(second) = names.get(started.len() + 1) {
            assert_ne!(line.enter(age + 1, second, now), Admission::Free, "before its turn");
        }
        match line.enter(age, &head, now) {
            Admission::Free => {
                line.limiter.spend(&head);
                started.push(now);
            }
            Admission::Paced { ahead: 0, until } if until > now => now = until,
            admission => panic!("{admission:?}"),
        }
    }
    let took = now.duration_since(started[0]).as_secs_f64();
    assert!((4.5..=5.1).contains(&took), "40 starts at 8 a second: {took}");
}

#[test]
fn a_short_wait_for_the_rate_is_not_worth_a_write_and_a_long_one_is() {
    let paced = |seconds| {
        let mut bench = Bench::new(&json!({}));
        let until = bench.now + SignedDuration::from_secs(seconds);
        bench.admission = Admission::Paced { ahead: 4, until };
        assert_eq!(bench.rest(), Some(until));
        bench
    };
    assert_eq!(paced(2).writes, 0);
    let long = paced(20);
    assert_eq!(long.writes, 1);
    long.assert_says(Phase::Queued, Reason::Queued);
    assert!(long.message().contains("4 were ahead"), "{}", long.message());
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut line = Line::of(1, &["a"]);
    line.queue.set("x", holding("t"));
    line.called();
    line.queue.retain(|uid| uid == "a");
    assert_eq!((line.held(), line.called()), (0, vec!["a".to_owned()]));
}

proptest! {
    /// Whatever comes: never more tasks admitted than there are slots, never past somebody who waits longer, and
    /// whoever could be let in is called.
    #[test]
    fn never_more_than_the_slots(slots in 1_usize..4, moves in proptest::collection::vec((0_usize..12, 0_u8..7, 0_i64..70), 1..200)) {
        let mut line = Line::new(slots);
        let mut admitted: BTreeMap<String, String> = BTreeMap::new();
        let mut waits: BTreeSet<(i64, String)> = BTreeSet::new();
        let mut called: BTreeSet<String> = BTreeSet::new();
        let mut now = now();
        for (index, what, seconds) in moves {
            let age = i64::try_from(index).unwrap() % 5;
            let (uid, key) = (format!("r{index:02}"), (age, format!("r{index:02}")));
            let task = format!("t{}", index % 8);
            match what {
                0 | 1 => {
                    called.remove(&uid);
                    let held = admitted.contains_key(&uid);
                    let place = if held { holding(&task) } else { waiting(age, &uid) };
                    let admission = line.queue.enter(&uid, place, &task, &mut line.limiter, now);
                    let ahead = waits.range(..&key).count();
                    match admission {
                        Admission::Free if !held => {
                            waits.remove(&key);
                            let running: BTreeSet<_> = admitted.values().collect();
                            prop_assert!(running.len() < slots && ahead == 0, "{uid} was let past {ahead} with {} of {slots} slots taken", running.len());
                            admitted.insert(uid, task);
                        }
                        Admission::Free => {}
                        Admission::Behind(said) | Admission::Paced { ahead: said, .. } => {
                            prop_assert_eq!(said, ahead);
                            waits.insert(key);
                        }
                        Admission::LimitedUntil(until) => {
                            prop_assert!(until > now && ahead == 0);
                            waits.insert(key);
                        }
                    }
                }
                2 => {
                    line.queue.set(&uid, Place::None);
                    admitted.remove(&uid);
                    waits.remove(&key);
                }
                3 if admitted.contains_key(&uid) => {
                    line.refuse(&uid, now);
                    // Only one that was let in, and not confirmed yet, goes back.
                    line.queue.set(&uid, waiting(age, &uid));
                    admitted.remove(&uid);
                    waits.insert(key);
                }
                4 if admitted.contains_key(&uid) => line.answer(&uid, &success(), now),
                5 if admitted.contains_key(&uid) => line.answer(&uid, &lost(), now),
                _ => now += SignedDuration::from_secs(seconds),
            }
            called.extend(line.called());
            let running: BTreeSet<_> = admitted.values().collect();
            prop_assert!(running.len() <= slots);
            prop_assert_eq!(line.held(), running.len() as u64);
        }
        // Without a limit or a rate in the way, the head of those who wait was called whenever there is a slot.
        let running: BTreeSet<_> = admitted.values().collect();
        let free = slots - running.len();
        if let Some((age, head)) = waits.first().filter(|_| free > 0) {
            let admission = line.enter(*age, head, now);
            let comes = called.contains(head) || matches!(admission, Admission::LimitedUntil(_) | Admission::Behind(_) | Admission::Free);
            prop_assert!(comes, "{head} waits with {free} slots free: {admission:?}");
        }
    }
}
