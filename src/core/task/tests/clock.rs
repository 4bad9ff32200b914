//! A node's clock that is set: what was noted by the wrong time must neither hold up nor hurry, nor prove anything.

use jiff::SignedDuration;
use serde_json::json;

use super::attempts::{crashed, describe_nothing_until};
use super::bench::{Bench, lost, refused};
use crate::api::{Phase, Reason};
use crate::core::answer::{DescribeAnswer, ErrorClass};
use crate::core::task::step::Step;

/// Found by the model: the look after a refusal was repeated without a pause until the clock had caught up.
#[test]
fn a_look_after_a_refusal_is_not_repeated_without_a_pause() {
    let mut bench = crashed(&json!({}));
    bench.call_start();
    bench.answer_start(refused(ErrorClass::CredentialsRejected));
    bench.set_clock(-51);
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::NotFound);
    let step = bench.next();
    assert!(matches!(step, Step::Wait(Some(_)) | Step::Start(_)), "{step:?}");
}

/// The same for an attempt that was found.
#[test]
fn a_look_for_an_attempt_that_was_found_is_not_repeated_without_a_pause() {
    let mut bench = crashed(&json!({}));
    bench.edit(&json!({ "suspend": true }));
    bench.set_clock(-51);
    for _ in 0..10 {
        bench.call_describe();
        bench.answer_describe(DescribeAnswer::NotFound);
        bench.sleep();
    }
}

#[test]
fn a_backoff_that_lies_an_hour_ahead_holds_nothing_up() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(refused(ErrorClass::CredentialsRejected));
    bench.rest();
    bench.set_clock(-3_600);
    bench.call_start();
}

/// Nobody knows how old such a record is: after 90 days the same Start would begin a second task.
#[test]
fn a_record_of_a_time_to_come_is_never_settled_by_a_start() {
    let mut bench = crashed(&json!({}));
    bench.set_clock(-100 * 86_400);
    bench.restart();
    for _ in 0..200 {
        match bench.next_call() {
            Step::Describe(_) => bench.answer_describe(DescribeAnswer::NotFound),
            Step::Wait(None) => break,
            step => panic!("{step:?}"),
        }
    }
    bench.assert_says(Phase::Unknown, Reason::TaskExpired);
}

#[test]
fn a_record_that_this_process_wrote_for_a_time_to_come_is_written_again() {
    let mut bench = Bench::new(&json!({}));
    let ahead = bench.call_start();
    bench.answer_start(refused(ErrorClass::CredentialsRejected));
    bench.set_clock(-100 * 86_400);
    let record = bench.call_start();
    assert!(ahead.time.duration_since(record.time) >= SignedDuration::from_hours(99 * 24));
}

/// Minutes until the last Describe, each of which finds nothing, before the attempt of a suspended resource is settled.
fn minutes_until_it_is_settled(bench: &mut Bench) -> i64 {
    let begun = bench.now;
    let mut last = begun;
    while bench.phase() != Some(Phase::Suspended) {
        match bench.next_call() {
            Step::Describe(_) => {
                last = bench.now;
                bench.answer_describe(DescribeAnswer::NotFound);
            }
            Step::Wait(_) => break,
            step => panic!("{step:?}"),
        }
    }
    last.duration_since(begun).as_mins()
}

/// Fifteen minutes count from when the clock was set back: by the wrong time they would never be over.
#[test]
fn a_lost_start_is_settled_fifteen_minutes_after_the_clock_was_set_back() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(lost());
    bench.edit(&json!({ "suspend": true }));
    bench.set_clock(-86_000);
    let waited = minutes_until_it_is_settled(&mut bench);
    assert!((15..17).contains(&waited), "{waited} minutes");
}

/// Found by the model: the process itself began by the wrong clock, and looked every second until that time came.
#[test]
fn an_attempt_found_before_the_clock_was_set_back_is_settled_too() {
    let mut bench = crashed(&json!({}));
    bench.edit(&json!({ "suspend": true }));
    bench.set_clock(-80_000);
    let waited = minutes_until_it_is_settled(&mut bench);
    assert!((15..17).contains(&waited), "{waited} minutes");
}

/// Set ahead by an hour, a start that had just been lost once counted as never arrived.
#[test]
fn a_lost_start_may_arrive_for_fifteen_minutes_however_the_clock_is_set() {
    for (first, then) in [(3_600, 0), (-3_600, 0), (-3_600, 3_600), (100 * 86_400, -100 * 86_400)] {
        let mut bench = Bench::new(&json!({}));
        bench.call_start();
        bench.answer_start(lost());
        bench.edit(&json!({ "suspend": true }));
        bench.set_clock(first);
        bench.pass(300);
        bench.set_clock(then);
        let five_minutes_later = bench.now;
        describe_nothing_until(&mut bench, |bench, _| bench.phase() == Some(Phase::Suspended));
        let waited = bench.now.duration_since(five_minutes_later).as_mins() + 5;
        assert!((15..17).contains(&waited), "{first}, {then}: {waited} minutes");
    }
}

#[test]
fn a_look_that_a_wrong_clock_has_put_off_is_made() {
    for (next, looks) in [(3_600, false), (3_602, true), (86_400, true)] {
        let mut bench = Bench::running(&json!({}));
        for _ in 0..2 {
            bench.pass(3_700);
            bench.call_describe();
            bench.answer_describe(DescribeAnswer::NotFound);
        }
        bench.rest();
        bench.assert_says(Phase::Unknown, Reason::TaskNotFound);
        bench.restart();
        let time = bench.now + SignedDuration::from_secs(next);
        bench
            .store
            .force(&json!({ "status": { "nextAttemptTime": time.wall.to_string() } }));
        assert_eq!(matches!(bench.next(), Step::Describe(_)), looks, "{next}");
    }
}
