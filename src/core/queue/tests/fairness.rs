//! The namespaces take turns; within one it is first come, first served.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Bench, REGION, holding, lost, now, refused, seconds, success};
use crate::core::answer::ErrorClass;
use crate::core::queue::fair_queue::{FairQueue, Turn};
use crate::core::queue::{Admission, Order, Place};

/// `a-7` is a resource of namespace a, which was created at second 7.
fn order(uid: &str) -> Order {
    let (namespace, age) = uid.split_once('-').unwrap();
    Order {
        created: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(age.parse().unwrap()),
        uid: uid.to_owned(),
        namespace: namespace.to_owned(),
    }
}

fn waiting(uid: &str) -> Place {
    Place::Waiting {
        region: REGION.to_owned(),
        order: order(uid),
    }
}

fn open(uid: &str) -> Place {
    Place::Open {
        region: REGION.to_owned(),
        task_id: uid.to_owned(),
        order: order(uid),
    }
}

impl Bench {
    fn wait(&mut self, uid: &str) -> Admission {
        self.queue.enter(uid, waiting(uid), uid, &mut self.limiter, now())
    }

    /// Runs each task that is woken to its end, one at a time, and says which they were.
    fn run_to_the_end(&mut self) -> Vec<String> {
        let mut started = Vec::new();
        let mut woken = self.woken();
        while let Some(uid) = woken.pop() {
            assert_eq!(woken, [""; 0], "one is woken at a time");
            assert_eq!(self.wait(&uid), Admission::Free, "{uid}");
            started.push(uid.clone());
            self.answer(&uid, &success(&uid), now());
            self.queue.set(&uid, holding(&uid));
            self.woken();
            self.queue.set(&uid, Place::None);
            woken = self.woken();
        }
        started
    }
}

fn names(namespace: &str, ages: std::ops::Range<u32>) -> Vec<String> {
    ages.map(|age| format!("{namespace}-{age}")).collect()
}

/// With one slot, which a task of another region's name holds until all have come.
fn line_of(uids: &[String]) -> Bench {
    let mut bench = Bench::new(1);
    bench.queue.set("busy", holding("busy"));
    for uid in uids {
        assert!(matches!(bench.wait(uid), Admission::Behind { .. }));
    }
    bench.queue.set("busy", Place::None);
    bench
}

#[test]
fn a_backlog_of_one_namespace_holds_up_no_other() {
    let uids = [names("a", 0..200), names("b", 1_000..1_001)].concat();
    let started = line_of(&uids).run_to_the_end();
    assert_eq!(started[..4], ["a-0", "b-1000", "a-1", "a-2"]);
    assert_eq!(started.len(), 201);
}

#[test]
fn namespaces_take_turns_and_within_one_the_oldest_is_first() {
    let uids = ["a-5", "b-9", "a-1", "c-2", "b-3", "a-2"].map(str::to_owned);
    assert_eq!(
        line_of(&uids).run_to_the_end(),
        ["a-1", "b-3", "c-2", "a-2", "b-9", "a-5"]
    );
}

#[test]
fn of_two_of_the_same_second_the_smaller_uid_is_first() {
    let mut queue = FairQueue::default();
    for uid in ["y", "x", "z"] {
        let namespace = "a".to_owned();
        let (created, uid) = (Timestamp::UNIX_EPOCH, uid.to_owned());
        queue.insert(Order {
            created,
            uid,
            namespace,
        });
    }
    let served: Vec<String> = drained(&queue).into_iter().map(|order| order.uid).collect();
    assert_eq!(served, ["x", "y", "z"]);
}

/// Whatever order the cache gives them in.
#[test]
fn after_a_restart_the_order_is_rebuilt_from_the_resources_alone() {
    let uids = [names("b", 10..13), names("a", 20..22), names("c", 5..6)].concat();
    let mut orders = BTreeSet::new();
    for rotation in 0..uids.len() {
        let mut bench = Bench::new(1);
        let mut listed = uids.clone();
        listed.rotate_left(rotation);
        bench
            .queue
            .enter_all(listed.iter().map(|uid| (uid.clone(), waiting(uid))));
        let first = bench.queue.take_wakeups().into_iter().next_back().unwrap();
        bench.queue.wakeups = vec![first];
        orders.insert(bench.run_to_the_end());
    }
    let expected = ["c-5", "b-10", "a-20", "b-11", "a-21", "b-12"].map(str::to_owned);
    assert_eq!(orders, BTreeSet::from([expected.to_vec()]));
}

#[test]
fn it_says_how_many_of_the_namespace_are_ahead_and_how_many_namespaces_wait() {
    let mut bench = Bench::new(1);
    bench.queue.set("busy", holding("busy"));
    for uid in ["a-0", "a-1", "b-0", "c-0"] {
        bench.wait(uid);
    }
    let behind = |ahead, namespaces| Admission::Behind { ahead, namespaces };
    assert_eq!(bench.wait("a-2"), behind(2, 3));
    assert_eq!(bench.wait("b-1"), behind(1, 3));
    assert_eq!(bench.wait("c-0"), behind(0, 3));
    bench.queue.set("c-0", Place::None);
    assert_eq!(bench.wait("a-0"), behind(0, 2));
}

/// "Back into the queue at its place": a refusal that is the region's costs its namespace no turn.
#[test]
fn a_start_that_found_no_slot_keeps_the_turn_of_its_namespace() {
    let mut bench = Bench::new(10);
    for uid in ["a-0", "a-1", "b-0"] {
        bench.queue.set(uid, waiting(uid));
    }
    assert_eq!(bench.wait("a-0"), Admission::Free);
    bench.woken();
    bench.answer("a-0", &refused(ErrorClass::LimitExceeded), now());
    assert_eq!(bench.woken(), ["a-0"], "for the next probe, and nobody else");
    let Admission::LimitedUntil(until) = bench.wait("a-0") else {
        panic!("not limited")
    };
    assert!(matches!(
        bench.wait("b-0"),
        Admission::Behind {
            ahead: 0,
            namespaces: 2
        }
    ));
    let probe = bench
        .queue
        .enter("a-0", waiting("a-0"), "a-0", &mut bench.limiter, until);
    assert_eq!(probe, Admission::Free);
    bench.answer("a-0", &success("a-0"), until);
    assert_eq!(bench.woken(), ["b-0"], "then it is the other's turn");
}

/// A namespace whose starts are refused, or whose writes are, one after the other, has its turns like any other.
#[test]
fn starts_that_come_to_nothing_hold_no_other_namespace_up() {
    for end in ["refused for good", "the API server fails", "lost"] {
        let mut bench = line_of(&[names("a", 0..50), names("b", 60..62)].concat());
        let mut tried = Vec::new();
        while tried.len() < 4 {
            let uid = bench.woken().pop().unwrap();
            assert_eq!(bench.wait(&uid), Admission::Free);
            tried.push(uid.clone());
            match end {
                "refused for good" => {
                    bench.answer(&uid, &refused(ErrorClass::AccessDenied), now());
                    bench.queue.set(&uid, Place::None);
                }
                "the API server fails" => bench.queue.step_aside(&uid),
                _ => {
                    bench.answer(&uid, &lost(), now());
                    bench.queue.set(&uid, open(&uid));
                    bench.queue.set(&uid, Place::None);
                }
            }
        }
        assert_eq!(tried, ["a-0", "b-60", "a-1", "b-61"], "{end}");
    }
}

#[test]
fn a_namespace_gains_nothing_by_leaving_and_coming_back() {
    let mut bench = line_of(&[names("a", 10..20), names("b", 0..1), names("c", 10..20)].concat());
    let mut started = Vec::new();
    for _ in 0..9 {
        let uid = bench.woken().pop().unwrap();
        assert_eq!(bench.wait(&uid), Admission::Free);
        bench.queue.set(&uid, Place::None);
        if uid == "b-0" {
            // Older than all others.
            bench.queue.set(&uid, waiting(&uid));
        }
        started.push(uid);
    }
    assert_eq!(
        started,
        ["a-10", "b-0", "c-10", "a-11", "b-0", "c-11", "a-12", "b-0", "c-12"]
    );
}

#[test]
fn open_attempts_of_one_namespace_hold_up_no_other() {
    let mut bench = Bench::new(2);
    for uid in names("a", 0..20) {
        bench.queue.set(&uid, open(&uid));
    }
    let enter = |bench: &mut Bench, uid: &str| bench.queue.enter(uid, open(uid), uid, &mut bench.limiter, now());
    assert_eq!(
        enter(&mut bench, "b-30"),
        Admission::Free,
        "the second of all, though the youngest"
    );
    assert_eq!(
        enter(&mut bench, "a-1"),
        Admission::Behind {
            ahead: 1,
            namespaces: 1
        }
    );
    assert_eq!(enter(&mut bench, "a-0"), Admission::Free);
}

#[test]
fn open_attempts_are_sent_again_by_turns() {
    let mut bench = Bench::new(1);
    let uids = [names("a", 0..3), names("b", 10..12)].concat();
    for uid in &uids {
        bench.queue.set(uid, open(uid));
    }
    let mut sent = Vec::new();
    let mut woken = bench.woken();
    while let Some(uid) = woken.pop() {
        let admission = bench.queue.enter(&uid, open(&uid), &uid, &mut bench.limiter, now());
        assert_eq!(admission, Admission::Free);
        sent.push(uid.clone());
        bench.woken();
        bench.queue.set(&uid, Place::None);
        woken = bench.woken();
    }
    assert_eq!(sent, ["a-0", "b-10", "a-1", "b-11", "a-2"]);
}

/// The namespaces take turns under the rate as well, and each resource is told about when it may start.
#[test]
fn under_the_rate_each_is_told_when_its_turn_comes() {
    let mut bench = Bench::paced(10, Some(1.0));
    for uid in ["a-0", "a-1", "a-2", "b-0", "b-1"] {
        bench.queue.set(uid, waiting(uid));
    }
    let wait = |bench: &mut Bench, uid: &str| match bench.wait(uid) {
        Admission::Paced {
            ahead,
            namespaces,
            until,
        } => (ahead, namespaces, until.duration_since(now())),
        admission => panic!("{admission:?}"),
    };
    assert_eq!(wait(&mut bench, "b-0"), (0, 2, seconds(1)));
    assert_eq!(wait(&mut bench, "a-1"), (1, 2, seconds(2)));
    assert_eq!(wait(&mut bench, "b-1"), (1, 2, seconds(3)));
    assert_eq!(wait(&mut bench, "a-2"), (2, 2, seconds(4)));
}

/// All of them in the order in which they are served.
fn drained(queue: &FairQueue) -> Vec<Order> {
    let (mut queue, mut orders) = (queue.clone(), Vec::new());
    while let Some(order) = queue.first().cloned() {
        queue.serve(&order);
        orders.push(order);
    }
    assert!(queue.is_empty() && queue.namespaces() == 0);
    orders
}

/// What a namespace has waited for since it came, or was served last.
#[derive(Clone, Copy, Debug)]
struct Wait {
    starts_of_others: usize,
    /// So many others waited then, and a resource that was being started.
    others: usize,
}

#[derive(Default)]
struct Model {
    queue: FairQueue,
    resources: BTreeMap<String, BTreeSet<Order>>,
    waits: BTreeMap<String, Wait>,
    /// The one that is being started, its turn, and what its namespace had waited for.
    starting: Option<(Order, Turn, Wait)>,
}

impl Model {
    fn join(&mut self, namespace: &str) {
        let waiting = self.resources.keys().filter(|it| *it != namespace);
        let wait = Wait {
            starts_of_others: 0,
            others: waiting.count() + usize::from(self.starting.is_some()),
        };
        self.waits.insert(namespace.to_owned(), wait);
    }

    fn insert(&mut self, order: Order) {
        if !self.resources.contains_key(&order.namespace) {
            self.join(&order.namespace);
        }
        self.queue.insert(order.clone());
        self.resources.entry(order.namespace.clone()).or_default().insert(order);
    }

    fn remove(&mut self, order: &Order) {
        self.queue.remove(order);
        self.forget(order);
    }

    fn forget(&mut self, order: &Order) {
        if let Some(resources) = self.resources.get_mut(&order.namespace) {
            resources.remove(order);
            if resources.is_empty() {
                self.resources.remove(&order.namespace);
            }
        }
    }

    fn begin(&mut self) {
        if self.starting.is_none()
            && let Some(order) = self.queue.first().cloned()
        {
            let turn = self.queue.serve(&order);
            let waited = self.waits[&order.namespace];
            self.forget(&order);
            self.join(&order.namespace);
            self.starting = Some((order, turn, waited));
        }
    }

    fn end(&mut self, is_refused: bool) {
        let Some((order, turn, waited)) = self.starting.take() else {
            return;
        };
        if is_refused {
            self.queue.put_back(order.clone(), turn);
            self.waits.insert(order.namespace.clone(), waited);
            self.resources.entry(order.namespace.clone()).or_default().insert(order);
        } else {
            for (namespace, wait) in &mut self.waits {
                wait.starts_of_others += usize::from(*namespace != order.namespace);
            }
        }
    }
}

proptest! {
    /// Whatever comes and goes: with k others none waits for more than k starts; within a namespace the order is that
    /// of creation time and uid; and each is told the truth about how many are ahead.
    #[test]
    fn no_namespace_waits_for_more_starts_than_there_are_others(
        moves in prop::collection::vec((0_u8..10, 0_u8..6, 0_u32..8), 1..200),
    ) {
        let mut model = Model::default();
        for (what, namespace, age) in moves {
            let order = order(&format!("{namespace}-{age}"));
            let is_starting = model.starting.as_ref().is_some_and(|(starting, ..)| *starting == order);
            match what {
                0..5 if !is_starting => model.insert(order),
                5 if !is_starting => model.remove(&order),
                6 | 7 => model.begin(),
                8 => model.end(false),
                _ => model.end(true),
            }
            for (namespace, wait) in model.waits.iter().filter(|(namespace, _)| model.resources.contains_key(*namespace)) {
                prop_assert!(wait.starts_of_others <= wait.others, "{namespace}: {wait:?}");
            }
            let served = drained(&model.queue);
            let all: BTreeSet<Order> = model.resources.values().flatten().cloned().collect();
            prop_assert_eq!(served.len(), model.queue.len());
            prop_assert_eq!(&served.iter().cloned().collect::<BTreeSet<_>>(), &all);
            prop_assert_eq!(model.queue.namespaces(), model.resources.len());
            prop_assert_eq!(model.queue.oldest(), all.iter().map(|order| order.created).min());
            for (ahead, order) in served.iter().enumerate() {
                prop_assert_eq!(model.queue.ahead(order, usize::MAX), Some(ahead));
                prop_assert_eq!(model.queue.ahead(order, ahead), None);
                prop_assert_eq!(model.queue.ahead(order, ahead + 1), Some(ahead));
                let of_namespace = &model.resources[&order.namespace];
                prop_assert_eq!(model.queue.ahead_in_namespace(order), of_namespace.range(..order).count());
            }
        }
    }
}
