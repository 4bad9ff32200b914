#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures::FutureExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::*;
use crate::core::answer::{Effect, ErrorClass, Failure};
use crate::core::queue::Order;
use crate::core::rate_limiter::Rates;

const REGION: &str = "eu-central-1";

fn now() -> Instant {
    static NOW: LazyLock<Instant> = LazyLock::new(Instant::now);
    *NOW
}

fn waiting(age: i64, uid: &str) -> Place {
    Place::Waiting {
        region: REGION.to_owned(),
        order: Order {
            created: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(age),
            uid: uid.to_owned(),
            namespace: "fleet".to_owned(),
        },
    }
}

fn holding(task_id: &str) -> Place {
    Place::Holding {
        region: REGION.to_owned(),
        task_id: task_id.to_owned(),
    }
}

fn placed(uid: &str, place: Place) -> Placed {
    Placed {
        uid: uid.to_owned(),
        object: reference(uid),
        place,
    }
}

fn reference(uid: &str) -> ObjectRef<CachedTask> {
    ObjectRef::new(&format!("name-of-{uid}")).within("fleet")
}

fn behind(ahead: usize) -> Admission {
    Admission::Behind { ahead, namespaces: 1 }
}

type Leave = fn(&StartScheduler);

/// A scheduler, and the names of those that it has woken.
struct Bench {
    scheduler: StartScheduler,
    woken: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn new(slots: usize, starts_a_second: f64) -> Self {
        let woken = Arc::new(Mutex::new(Vec::new()));
        let names = Arc::clone(&woken);
        let wake = move |object: ObjectRef<CachedTask>| names.lock().unwrap().push(object.name);
        let pace = Pace::new(Rates::new(starts_a_second, 1.0));
        Self {
            scheduler: StartScheduler::new(slots, pace, wake),
            woken,
        }
    }

    fn enter(&self, age: i64, uid: &str) -> Admission {
        self.put(uid, waiting(age, uid))
    }

    fn put(&self, uid: &str, place: Place) -> Admission {
        self.scheduler.enter(uid, &reference(uid), place, uid, now())
    }

    fn woken(&self) -> Vec<String> {
        std::mem::take(&mut self.woken.lock().unwrap())
    }

    fn in_use_and_waiting(&self) -> Vec<(u64, u64)> {
        self.scheduler.regions(|_, queue| (queue.in_use(), queue.waiting()))
    }
}

#[tokio::test]
async fn nobody_enters_before_the_queue_is_built_once_all_resources_are_listed() {
    let bench = Bench::new(2, 0.0);
    let (listed, lists) = watch::channel(false);
    let builds = Mutex::new(0);
    let wait = || async {
        let mut lists = lists.clone();
        let listed = async move {
            lists.wait_for(|listed| *listed).await.unwrap();
        };
        let resources = || {
            *builds.lock().unwrap() += 1;
            [
                placed("runs", holding("runs")),
                placed("old", waiting(1, "old")),
                placed("older", waiting(0, "older")),
            ]
        };
        bench.scheduler.wait_until_built(listed, resources).await;
    };
    let (first, second) = (wait(), wait());
    tokio::pin!(first, second);
    assert_eq!(first.as_mut().now_or_never(), None);
    assert_eq!(second.as_mut().now_or_never(), None);
    listed.send(true).unwrap();
    tokio::join!(first, second);
    wait().await;
    assert_eq!(*builds.lock().unwrap(), 1);
    assert_eq!(bench.in_use_and_waiting(), [(1, 2)]);
    assert_eq!(bench.enter(5, "young"), behind(2));
    assert_eq!(bench.woken(), [""; 0], "each is reconciled after this anyway");
    assert_eq!(bench.enter(0, "older"), Admission::Free);
    bench.scheduler.leave("runs");
    assert_eq!(bench.woken(), ["name-of-old"], "its reference is known from the list");
}

/// A namespace whose list comes late: what runs in it holds its slot before any that waits in it may start.
#[tokio::test]
async fn a_list_that_comes_late_brings_what_runs_before_what_waits() {
    let bench = Bench::new(1, 0.0);
    bench.scheduler.enter_all(|| [placed("early", waiting(0, "early"))]);
    assert_eq!(
        bench.in_use_and_waiting(),
        [],
        "it is part of what the queue is built from"
    );
    let known = || [placed("known", waiting(3, "known")), placed("ended", Place::None)];
    bench.scheduler.wait_until_built(async {}, known).await;
    let late = || {
        [
            placed("younger", waiting(2, "younger")),
            placed("older", waiting(1, "older")),
            placed("runs", holding("runs")),
            placed("known", holding("known")),
        ]
    };
    bench.scheduler.enter_all(late);
    assert_eq!(bench.in_use_and_waiting(), [(1, 3)], "of the known one more is known");
    assert_eq!(bench.enter(1, "older"), behind(0));
    assert_eq!(bench.enter(2, "younger"), behind(1));
    bench.put("runs", Place::None);
    assert_eq!(bench.woken(), ["name-of-older"]);
}

#[test]
fn a_slot_that_frees_wakes_the_head_and_only_once() {
    let bench = Bench::new(1, 0.0);
    assert_eq!(bench.enter(0, "a"), Admission::Free);
    assert_eq!(bench.enter(1, "b"), behind(0));
    assert_eq!(bench.enter(2, "c"), behind(1));
    let answer = StartAnswer::Success {
        task_id: "a".to_owned(),
    };
    bench.scheduler.start_answered("a", REGION, &answer, now());
    bench.put("a", holding("a"));
    assert_eq!(bench.woken(), [""; 0]);
    bench.put("a", Place::None);
    assert_eq!(bench.woken(), ["name-of-b"]);
    bench.put("a", Place::None);
    assert_eq!(bench.woken(), [""; 0]);
    bench.scheduler.step_aside("b");
    assert_eq!(
        bench.woken(),
        ["name-of-c"],
        "b holds nobody up, though it never held a slot"
    );
}

#[test]
fn a_start_that_found_no_slot_wakes_the_head_for_the_next_probe() {
    let bench = Bench::new(10, 0.0);
    assert_eq!(bench.enter(0, "a"), Admission::Free);
    let answer = StartAnswer::Failed(Failure {
        class: ErrorClass::LimitExceeded,
        effect: Effect::None,
        message: "no slot".to_owned(),
    });
    bench.scheduler.start_answered("a", REGION, &answer, now());
    assert_eq!(bench.woken(), ["name-of-a"]);
    assert!(matches!(bench.enter(0, "a"), Admission::LimitedUntil(until) if until > now()));
}

#[test]
fn who_leaves_gives_back_its_slot_its_place_and_what_it_has_reserved() {
    let bench = Bench::new(1, 1.0);
    let ask = |uid: &str, operation| bench.scheduler.ask(uid, operation, REGION, now());
    assert_eq!(bench.enter(0, "a"), Admission::Free);
    bench.scheduler.spend("a", Operation::Start);
    assert_eq!(ask("a", Operation::Describe), Ok(()));
    bench.scheduler.spend("a", Operation::Describe);
    assert_eq!(bench.enter(1, "b"), behind(0));
    let next = ask("b", Operation::Describe).unwrap_err();
    assert_eq!(ask("c", Operation::Describe), Err(next + Duration::from_secs(1)));
    let ways: [(&str, Leave); 3] = [
        ("gone", |scheduler| scheduler.leave("b")),
        ("gone from a new list", |scheduler| scheduler.retain(|uid| uid != "b")),
        ("can't go on", |scheduler| scheduler.step_aside("b")),
    ];
    for (what, leave) in ways {
        leave(&bench.scheduler);
        assert_eq!(bench.in_use_and_waiting(), [(1, 0)], "{what}");
        assert_eq!(ask("d", Operation::Describe), Err(next), "{what}: the next gets it");
        bench.scheduler.give_back("d", Operation::Describe);
        bench.enter(1, "b");
        assert_eq!(ask("b", Operation::Describe), Err(next), "{what}: and has it again");
    }
    bench.scheduler.leave("b");
    bench.woken();
    bench.scheduler.leave("a");
    assert_eq!(bench.woken(), [""; 0], "nobody waits any more");
    assert_eq!(bench.in_use_and_waiting(), []);
}

/// A command that waits for its rate blinds nothing.
#[test]
fn a_cancel_that_waits_keeps_no_describe_back() {
    let bench = Bench::new(1, 1.0);
    let ask = |operation, uid: &str| bench.scheduler.ask(uid, operation, REGION, now());
    while ask(Operation::Cancel, "crowd").is_ok() {
        bench.scheduler.spend("crowd", Operation::Cancel);
    }
    let until = ask(Operation::Cancel, "one").unwrap_err();
    assert_eq!(ask(Operation::Describe, "one"), Ok(()));
    bench.scheduler.spend("one", Operation::Describe);
    assert_eq!(ask(Operation::Cancel, "one"), Err(until), "it keeps its place");
    bench.scheduler.give_back_all("one");
}

#[test]
fn what_nobody_waits_for_is_not_kept() {
    let bench = Bench::new(1, 0.0);
    for n in 0..100 {
        let uid = format!("r{n}");
        bench.enter(n, &uid);
        bench.put(&uid, if n % 2 == 0 { Place::None } else { holding(&uid) });
    }
    assert!(bench.scheduler.lock().waiting.is_empty());
    bench.scheduler.retain(|_| false);
    assert_eq!(bench.in_use_and_waiting(), []);
}
