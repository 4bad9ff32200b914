//! Many tasks, few slots, and somebody else who uses some of them: how long it takes, and how many starts are refused.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::{REGION, now as start_of_time, refused, success, waiting as waiting_since};
use crate::core::answer::{ErrorClass, Operation};
use crate::core::queue::{Admission, Place, Queue};
use crate::core::rate_limiter::{RateLimiter, Rates};

const SLOTS: usize = 10;
const TASK: Duration = Duration::from_secs(2);
/// An end is seen at the poll after it.
const POLL: Duration = Duration::from_secs(1);
const CALL: Duration = Duration::from_millis(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// The resource is reconciled.
    Reconcile,
    /// The service answers its Start.
    Answer,
    /// A poll shows its end.
    End,
}

struct Outcome {
    calls: usize,
    refused: usize,
    seconds: f64,
    /// In the order of their starts.
    started: Vec<usize>,
    most_at_once: usize,
}

/// Runs this many tasks to their end, while others hold as many slots as they do at each second.
fn run(tasks: usize, others: impl Fn(u64) -> usize) -> Outcome {
    let began = start_of_time();
    let name = |n: usize| format!("r{n:04}");
    let waiting = |n: usize| waiting_since(0, &name(n));
    let mut queue = Queue::new(SLOTS, began);
    let mut limiter = RateLimiter::new(Rates::default());
    let mut events: BTreeSet<(Instant, Event, usize)> = (0..tasks).map(|n| (began, Event::Reconcile, n)).collect();
    let mut ends: Vec<Instant> = Vec::new();
    let mut outcome = Outcome {
        calls: 0,
        refused: 0,
        seconds: 0.0,
        started: Vec::new(),
        most_at_once: 0,
    };
    let mut under_way = BTreeSet::new();
    for n in 0..tasks {
        queue.set(&name(n), waiting(n));
    }
    while let Some((now, event, n)) = events.pop_first() {
        let uid = name(n);
        match event {
            Event::Reconcile if under_way.contains(&n) => {}
            Event::Reconcile => match queue.enter(&uid, waiting(n), &uid, &mut limiter, now) {
                Admission::Free => {
                    limiter.spend(&uid, Operation::Start);
                    under_way.insert(n);
                    events.insert((now + CALL, Event::Answer, n));
                }
                Admission::Paced { until, .. } | Admission::LimitedUntil(until) => {
                    assert!(until > now, "a wait that lies behind");
                    events.insert((until, Event::Reconcile, n));
                }
                Admission::Behind { .. } => {}
            },
            Event::Answer => {
                outcome.calls += 1;
                ends.retain(|end| *end > now);
                let elapsed = now.duration_since(began).as_secs();
                if ends.len() + others(elapsed) < SLOTS {
                    ends.push(now + TASK);
                    outcome.started.push(n);
                    outcome.most_at_once = outcome.most_at_once.max(ends.len());
                    queue.start_answered(&uid, REGION, &success(&uid), now);
                    let (region, task_id) = (REGION.to_owned(), uid.clone());
                    queue.set(&uid, Place::Holding { region, task_id });
                    events.insert((now + TASK + POLL, Event::End, n));
                } else {
                    outcome.refused += 1;
                    queue.start_answered(&uid, REGION, &refused(ErrorClass::LimitExceeded), now);
                    under_way.remove(&n);
                    events.insert((now, Event::Reconcile, n));
                }
            }
            Event::End => {
                queue.set(&uid, Place::None);
                outcome.seconds = now.duration_since(began).as_secs_f64();
            }
        }
        for uid in queue.take_wakeups() {
            let n = uid.trim_start_matches('r').parse().unwrap();
            events.insert((now + Duration::from_millis(1), Event::Reconcile, n));
        }
    }
    assert_eq!(outcome.started.len(), tasks, "the queue stands still");
    outcome
}

/// The shortest time for so many tasks on so many slots, in seconds.
fn ideal(tasks: usize, slots: usize) -> f64 {
    (TASK + POLL).as_secs_f64() * f64::from(u32::try_from(tasks.div_ceil(slots)).unwrap())
}

impl Outcome {
    #[track_caller]
    fn assert(&self, tasks: usize, slots: usize, most_refused: f64, lost_seconds: f64) {
        let part = f64::from(u32::try_from(self.refused).unwrap()) / f64::from(u32::try_from(self.calls).unwrap());
        assert!(
            part <= most_refused,
            "{} of {} starts were refused",
            self.refused,
            self.calls
        );
        let most = ideal(tasks, slots) * 1.05 + lost_seconds;
        assert!(self.seconds <= most, "{} s instead of {most}", self.seconds);
        assert!(self.started.is_sorted(), "in their order");
    }
}

#[test]
fn alone_nothing_is_refused_and_no_slot_stands_empty() {
    for tasks in [1, 10, 30, 200] {
        let outcome = run(tasks, |_| 0);
        // The ten slots are filled at eight a second once.
        outcome.assert(tasks, 10, 0.0, 1.2);
        assert_eq!(outcome.most_at_once, tasks.min(10));
    }
}

#[test]
fn with_half_of_the_slots_taken_the_other_half_is_kept_busy() {
    for tasks in [50, 200, 1_000] {
        run(tasks, |_| 5).assert(tasks, 5, 0.1, 1.2);
    }
}

#[test]
fn with_all_but_one_slot_taken_the_one_is_kept_busy() {
    run(60, |_| 9).assert(60, 1, 0.13, 1.2);
}

#[test]
fn slots_that_come_back_are_used_after_a_probe() {
    // Nothing for a minute: probes only, then all at once.
    let outcome = run(100, |second| if second < 60 { 10 } else { 0 });
    // The longest wait for a probe, and a second for each slot.
    outcome.assert(100, 10, 0.1, 60.0 + 60.0 + 10.0);
}

#[test]
fn somebody_who_comes_and_goes_costs_few_refusals() {
    let outcome = run(400, |second| if second / 30 % 2 == 0 { 3 } else { 7 });
    assert!(
        outcome.refused * 10 <= outcome.calls,
        "{} of {}",
        outcome.refused,
        outcome.calls
    );
    assert!(
        outcome.seconds < ideal(400, 3),
        "more than the slots that are always there: {}",
        outcome.seconds
    );
}
