//! Open attempts: they hold slots, and come first.

use super::{Bench, behind, holding, now, open};
use crate::core::queue::{Admission, Place};

#[test]
fn open_attempts_come_first() {
    let mut bench = Bench::of(2, &["a", "b"]);
    for (age, uid) in [(5, "open1"), (6, "open2"), (7, "open3")] {
        bench.queue.set(uid, open(age, uid));
    }
    assert_eq!(bench.enter(0, "a", now()), behind(0));
    bench.queue.set("open1", Place::None);
    assert_eq!(
        bench.enter(0, "a", now()),
        behind(0),
        "more were open than there are slots"
    );
    bench.queue.set("open2", Place::None);
    assert_eq!(bench.enter(0, "a", now()), Admission::Free);
}

/// As after a change of leader, when each start was refused before.
#[test]
fn of_more_open_attempts_than_slots_only_as_many_are_sent_again_the_oldest_first() {
    let mut bench = Bench::new(2);
    for (age, uid) in [(0, "a"), (1, "b"), (2, "c"), (3, "d")] {
        bench.queue.set(uid, open(age, uid));
    }
    bench.woken();
    assert_eq!(bench.enter_again(3, "d"), behind(3));
    assert_eq!(bench.enter_again(1, "b"), Admission::Free, "among the first two");
    assert_eq!(bench.enter_again(2, "c"), behind(1));
    assert_eq!(bench.enter_again(0, "a"), Admission::Free);
    assert_eq!(bench.enter_again(2, "c"), behind(0));
    assert_eq!(
        bench.enter_again(0, "a"),
        Admission::Free,
        "it keeps its slot while it is open"
    );
    bench.woken();

    bench.queue.set("a", holding("a"));
    assert_eq!(bench.woken(), Vec::<String>::new(), "one that runs frees nothing");
    bench.queue.set("a", Place::None);
    assert_eq!(bench.woken(), ["c"], "the next is woken");
    assert_eq!(bench.enter_again(3, "d"), behind(1), "and is before all others");
    assert_eq!(bench.enter_again(2, "c"), Admission::Free);
    bench.queue.set("b", Place::None);
    assert_eq!(bench.woken(), ["d"]);
}

#[test]
fn an_admitted_attempt_keeps_its_slot_when_its_answer_is_lost() {
    let mut bench = Bench::of(1, &["a"]);
    assert_eq!(bench.enter(0, "a", now()), Admission::Free);
    bench.queue.set("b", open(1, "b"));
    assert_eq!(bench.enter_again(0, "a"), Admission::Free);
    assert_eq!(bench.enter_again(1, "b"), behind(0));
}

#[test]
fn an_older_attempt_does_not_take_the_slot_of_one_that_was_admitted() {
    let mut bench = Bench::new(1);
    assert_eq!(bench.enter(5, "a", now()), Admission::Free);
    bench.queue.set("b", open(1, "b"));
    assert_eq!(bench.enter_again(5, "a"), Admission::Free);
    assert_eq!(bench.enter_again(1, "b"), behind(0));
}

#[test]
fn an_open_attempt_of_a_task_that_runs_takes_no_further_slot() {
    let mut bench = Bench::new(2);
    bench.queue.set("runs", holding("task"));
    let again = |bench: &mut Bench, uid: &str, task_id: &str| {
        let Place::Open { region, order, .. } = open(1, uid) else {
            unreachable!()
        };
        let task_id = task_id.to_owned();
        let place = Place::Open { region, task_id, order };
        bench.queue.enter(uid, place, uid, &mut bench.limiter, now())
    };
    assert_eq!(again(&mut bench, "a", "task"), Admission::Free);
    assert_eq!(again(&mut bench, "b", "other"), Admission::Free);
    assert_eq!(again(&mut bench, "c", "third"), behind(0));
}
