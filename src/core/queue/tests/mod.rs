//! The queue: who is admitted, and who is woken.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod contention;
mod fairness;
mod open_attempts;
mod probing;
mod regions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::core::answer::{Effect, ErrorClass, Failure, Operation, StartAnswer};
use crate::core::queue::{Admission, Order, Place, Queue};
use crate::core::rate_limiter::{RateLimiter, Rates};

const REGION: &str = "eu-central-1";

/// The namespace of all resources that name none.
const NAMESPACE: &str = "fleet";

fn order(age: i64, uid: &str) -> Order {
    Order {
        created: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(age),
        uid: uid.to_owned(),
        namespace: NAMESPACE.to_owned(),
    }
}

fn waiting(age: i64, uid: &str) -> Place {
    Place::Waiting {
        region: REGION.to_owned(),
        order: order(age, uid),
    }
}

fn holding(task_id: &str) -> Place {
    Place::Holding {
        region: REGION.to_owned(),
        task_id: task_id.to_owned(),
    }
}

fn open(age: i64, uid: &str) -> Place {
    Place::Open {
        region: REGION.to_owned(),
        task_id: uid.to_owned(),
        order: order(age, uid),
    }
}

/// The answer while no other namespace has resources that wait.
fn behind(ahead: usize) -> Admission {
    Admission::Behind { ahead, namespaces: 1 }
}

/// The same moment each time.
fn now() -> Instant {
    static NOW: LazyLock<Instant> = LazyLock::new(Instant::now);
    *NOW
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn success(uid: &str) -> StartAnswer {
    StartAnswer::Success {
        task_id: uid.to_owned(),
    }
}

fn refused(class: ErrorClass) -> StartAnswer {
    StartAnswer::Failed(Failure {
        class,
        effect: Effect::None,
        message: "refused".to_owned(),
    })
}

fn lost() -> StartAnswer {
    StartAnswer::Failed(Failure {
        class: ErrorClass::ServiceUnavailable,
        effect: Effect::Unknown,
        message: "no answer".to_owned(),
    })
}

/// A queue, and a limiter without limits.
struct Bench {
    queue: Queue,
    limiter: RateLimiter,
}

impl Bench {
    fn new(slots: usize) -> Self {
        Self::paced(slots, None)
    }

    fn paced(slots: usize, start: Option<f64>) -> Self {
        Self {
            queue: Queue::new(slots, now()),
            limiter: RateLimiter::new(Rates {
                start,
                describe: None,
                others: None,
            }),
        }
    }

    /// All of these wait, the first longest.
    fn of(slots: usize, uids: &[&str]) -> Self {
        let mut bench = Self::new(slots);
        for (uid, age) in uids.iter().zip(0..) {
            bench.queue.set(uid, waiting(age, uid));
        }
        bench.queue.take_wakeups();
        bench
    }

    /// Enters a waiting resource whose task id is its uid.
    fn enter(&mut self, age: i64, uid: &str, now: Instant) -> Admission {
        self.queue.enter(uid, waiting(age, uid), uid, &mut self.limiter, now)
    }

    /// Enters a resource whose attempt is open.
    fn enter_again(&mut self, age: i64, uid: &str) -> Admission {
        self.queue.enter(uid, open(age, uid), uid, &mut self.limiter, now())
    }

    fn answer(&mut self, uid: &str, answer: &StartAnswer, now: Instant) {
        self.queue.start_answered(uid, REGION, answer, now);
    }

    fn refuse(&mut self, uid: &str, now: Instant) {
        self.answer(uid, &refused(ErrorClass::LimitExceeded), now);
    }

    fn woken(&mut self) -> Vec<String> {
        self.queue.take_wakeups()
    }

    fn held(&self) -> u64 {
        self.queue.regions().map(|(_, queue)| queue.in_use()).sum()
    }
}

#[test]
fn first_come_first_served_by_time_then_uid() {
    let mut bench = Bench::new(2);
    for (age, uid) in [(5, "e"), (1, "b"), (1, "a"), (3, "c")] {
        bench.queue.set(uid, waiting(age, uid));
    }
    assert_eq!(bench.woken().last().unwrap(), "a");
    assert_eq!(bench.enter(5, "e", now()), behind(3));
    assert_eq!(bench.enter(3, "c", now()), behind(2));
    let soon = bench.enter(1, "b", now());
    assert!(matches!(soon, Admission::Paced { ahead: 1, .. }), "{soon:?}");
    assert_eq!(bench.enter(1, "a", now()), Admission::Free);
    assert_eq!(bench.woken(), ["b"], "the next is woken at once");
    assert_eq!(bench.enter(1, "b", now()), Admission::Free);
    assert_eq!(bench.enter(3, "c", now()), behind(0));
    assert!(bench.woken().is_empty());
    bench.queue.set("b", Place::None);
    assert_eq!(bench.woken(), ["c"]);
}

#[test]
fn who_was_admitted_stays_so_though_an_older_one_comes() {
    let mut bench = Bench::new(1);
    assert_eq!(bench.enter(5, "young", now()), Admission::Free);
    assert_eq!(bench.enter(0, "old", now()), behind(0));
    assert_eq!(bench.enter(5, "young", now()), Admission::Free, "at its next step");
    assert_eq!(bench.held(), 1);
}

/// Its task id or region was edited after it was admitted.
#[test]
fn for_another_task_or_region_it_is_admitted_anew() {
    let mut bench = Bench::new(2);
    bench.queue.set("x", holding("shared"));
    assert_eq!(bench.enter(0, "a", now()), Admission::Free);
    assert_eq!(bench.held(), 2);
    let edited = bench
        .queue
        .enter("a", waiting(0, "a"), "shared", &mut bench.limiter, now());
    assert_eq!((edited, bench.held()), (Admission::Free, 1));
    let elsewhere = Place::Waiting {
        region: "us-east-1".to_owned(),
        order: order(0, "a"),
    };
    bench.queue.enter("a", elsewhere, "shared", &mut bench.limiter, now());
    assert_eq!(bench.held(), 2, "in another region");

    let mut bench = Bench::new(1);
    bench.queue.set("x", holding("x"));
    bench.queue.set("a", holding("before"));
    let reopened = bench.queue.enter("a", open(0, "a"), "a", &mut bench.limiter, now());
    assert_eq!(reopened, behind(0), "x runs");
}

#[test]
fn two_resources_of_one_task_hold_one_slot() {
    let mut bench = Bench::new(2);
    bench.queue.set("x", holding("shared"));
    bench.queue.set("y", holding("shared"));
    assert_eq!(bench.held(), 1);
    assert_eq!(bench.enter(0, "a", now()), Admission::Free);
    assert_eq!(bench.enter(1, "b", now()), behind(0));
    bench.queue.set("x", Place::None);
    assert_eq!(bench.enter(1, "b", now()), behind(0), "y holds it still");
    assert!(bench.woken().is_empty());
    bench.queue.set("y", Place::None);
    assert_eq!(bench.woken(), ["b"]);
    assert_eq!(bench.enter(1, "b", now()), Admission::Free);
}

#[test]
fn regions_do_not_share() {
    let mut bench = Bench::new(1);
    bench.queue.set("x", holding("t"));
    let elsewhere = Place::Waiting {
        region: "us-east-1".to_owned(),
        order: order(0, "u"),
    };
    let admission = bench.queue.enter("u", elsewhere, "u", &mut bench.limiter, now());
    assert_eq!(admission, Admission::Free);
}

#[test]
fn one_that_waits_for_itself_holds_nobody_up() {
    let mut bench = Bench::of(1, &["old", "young"]);
    assert_eq!(bench.enter(1, "young", now()), behind(1));
    bench.queue.set("old", Place::None);
    assert_eq!(bench.woken(), ["young"]);
    assert_eq!(bench.enter(1, "young", now()), Admission::Free);
}

#[test]
fn one_that_the_api_server_fails_steps_aside_and_keeps_nothing() {
    let mut bench = Bench::of(1, &["a", "b"]);
    assert_eq!(bench.enter(0, "a", now()), Admission::Free);
    bench.queue.step_aside("a");
    assert_eq!(bench.woken(), ["b"]);
    assert_eq!(bench.enter(1, "b", now()), Admission::Free);
    assert_eq!(bench.enter(0, "a", now()), behind(0));
    bench.queue.step_aside("a");
    bench.queue.set("b", holding("b"));
    bench.queue.step_aside("b");
    assert_eq!(bench.held(), 1, "what runs holds its slot whatever the API server does");
}

/// A crowd that is made at once starts in its order under the rate as well, and nobody is admitted earlier than that.
#[test]
fn the_rate_admits_the_heads_one_by_one() {
    let mut bench = Bench::paced(300, Some(8.0));
    let names: Vec<String> = (0..40).map(|n| format!("r{n:02}")).collect();
    // They come in no order.
    for n in (0..40).map(|n| (n * 7) % 40) {
        bench
            .queue
            .set(&names[n], waiting(i64::try_from(n).unwrap(), &names[n]));
    }
    let (mut now, mut started) = (now(), Vec::new());
    while started.len() < 40 {
        let head = names[started.len()].clone();
        let age = i64::try_from(started.len()).unwrap();
        if let Some(second) = names.get(started.len() + 1) {
            assert_ne!(bench.enter(age + 1, second, now), Admission::Free, "before its turn");
        }
        match bench.enter(age, &head, now) {
            Admission::Free => {
                bench.limiter.spend(&head, Operation::Start);
                started.push(now);
            }
            Admission::Paced { ahead: 0, until, .. } if until > now => now = until,
            admission => panic!("{admission:?}"),
        }
    }
    let took = now.duration_since(started[0]).as_secs_f64();
    assert!((4.5..=5.1).contains(&took), "40 starts at 8 a second: {took}");
}

#[test]
fn what_is_gone_is_forgotten() {
    let mut bench = Bench::of(1, &["a"]);
    bench.queue.set("x", holding("t"));
    bench.woken();
    bench.queue.retain(|uid| uid == "a");
    assert_eq!((bench.held(), bench.woken()), (0, vec!["a".to_owned()]));
}

proptest! {
    /// Whatever comes: never more tasks admitted than there are slots, never past somebody who waits longer, and
    /// whoever could be admitted is woken.
    #[test]
    fn never_more_than_the_slots(slots in 1_usize..4, moves in proptest::collection::vec((0_usize..12, 0_u8..7, 0_u64..70), 1..200)) {
        let mut bench = Bench::new(slots);
        let mut admitted: BTreeMap<String, String> = BTreeMap::new();
        let mut waits: BTreeSet<(i64, String)> = BTreeSet::new();
        let mut woken: BTreeSet<String> = BTreeSet::new();
        let mut now = now();
        for (index, what, seconds) in moves {
            let age = i64::try_from(index).unwrap() % 5;
            let (uid, key) = (format!("r{index:02}"), (age, format!("r{index:02}")));
            let task = format!("t{}", index % 8);
            match what {
                0 | 1 => {
                    woken.remove(&uid);
                    let held = admitted.contains_key(&uid);
                    let place = if held { holding(&task) } else { waiting(age, &uid) };
                    let admission = bench.queue.enter(&uid, place, &task, &mut bench.limiter, now);
                    let ahead = waits.range(..&key).count();
                    match admission {
                        Admission::Free if !held => {
                            waits.remove(&key);
                            let running: BTreeSet<_> = admitted.values().collect();
                            prop_assert!(running.len() < slots && ahead == 0, "{uid} was admitted past {ahead} with {} of {slots} slots taken", running.len());
                            admitted.insert(uid, task);
                        }
                        Admission::Free => {}
                        Admission::Behind { ahead: said, .. } | Admission::Paced { ahead: said, .. } => {
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
                    bench.queue.set(&uid, Place::None);
                    admitted.remove(&uid);
                    waits.remove(&key);
                }
                3 if admitted.contains_key(&uid) => {
                    bench.refuse(&uid, now);
                    // Only one that was admitted, and not confirmed yet, goes back.
                    bench.queue.set(&uid, waiting(age, &uid));
                    admitted.remove(&uid);
                    waits.insert(key);
                }
                4 if admitted.contains_key(&uid) => bench.answer(&uid, &success(&uid), now),
                5 if admitted.contains_key(&uid) => bench.answer(&uid, &lost(), now),
                _ => now += Duration::from_secs(seconds),
            }
            woken.extend(bench.woken());
            let running: BTreeSet<_> = admitted.values().collect();
            prop_assert!(running.len() <= slots);
            prop_assert_eq!(bench.held(), running.len() as u64);
        }
        // Without a limit or a rate in the way, the head of those who wait was woken whenever there is a slot.
        let running: BTreeSet<_> = admitted.values().collect();
        let free = slots - running.len();
        if let Some((age, head)) = waits.first().filter(|_| free > 0) {
            let admission = bench.enter(*age, head, now);
            let comes = woken.contains(head) || matches!(admission, Admission::LimitedUntil(_) | Admission::Behind { .. } | Admission::Free);
            prop_assert!(comes, "{head} waits with {free} slots free: {admission:?}");
        }
    }
}
