//! Open attempts: they hold slots, and come first.

use super::{Line, behind, holding, now, open};
use crate::core::queue::{Admission, Place};

#[test]
fn open_attempts_come_first() {
    let mut line = Line::of(2, &["a", "b"]);
    for (age, uid) in [(5, "open1"), (6, "open2"), (7, "open3")] {
        line.queue.set(uid, open(age, uid));
    }
    assert_eq!(line.enter(0, "a", now()), behind(0));
    line.queue.set("open1", Place::None);
    assert_eq!(
        line.enter(0, "a", now()),
        behind(0),
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
    line.woken();
    assert_eq!(line.enter_again(3, "d"), behind(3));
    assert_eq!(line.enter_again(1, "b"), Admission::Free, "among the first two");
    assert_eq!(line.enter_again(2, "c"), behind(1));
    assert_eq!(line.enter_again(0, "a"), Admission::Free);
    assert_eq!(line.enter_again(2, "c"), behind(0));
    assert_eq!(
        line.enter_again(0, "a"),
        Admission::Free,
        "it keeps its slot while it is open"
    );
    line.woken();

    line.queue.set("a", holding("a"));
    assert_eq!(line.woken(), Vec::<String>::new(), "one that runs frees nothing");
    line.queue.set("a", Place::None);
    assert_eq!(line.woken(), ["c"], "the next is woken");
    assert_eq!(line.enter_again(3, "d"), behind(1), "and is before all others");
    assert_eq!(line.enter_again(2, "c"), Admission::Free);
    line.queue.set("b", Place::None);
    assert_eq!(line.woken(), ["d"]);
}

#[test]
fn an_attempt_that_was_let_in_keeps_its_slot_when_its_answer_is_lost() {
    let mut line = Line::of(1, &["a"]);
    assert_eq!(line.enter(0, "a", now()), Admission::Free);
    line.queue.set("b", open(1, "b"));
    assert_eq!(line.enter_again(0, "a"), Admission::Free);
    assert_eq!(line.enter_again(1, "b"), behind(0));
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
    assert_eq!(again(&mut line, "c", "third"), behind(0));
}
