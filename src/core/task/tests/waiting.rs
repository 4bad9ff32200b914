//! Polls that grow, backoff that grows and is forgotten.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::bench::{Bench, TASK, failure, found, moment, refused, settings, start, start_of_time, success};
use crate::api::{Phase, Reason};
use crate::core::answer::{CancelAnswer, DescribeAnswer, Effect, ErrorClass, Operation, StartAnswer, TaskState};
use crate::core::queue::{Admission, Place};
use crate::core::task::memory::Memory;
use crate::core::task::place::place;
use crate::core::timing::{self, PollBounds};

fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

#[test]
fn a_poll_waits_about_a_tenth_of_the_age_within_the_bounds() {
    let poll = settings().poll;
    let rows = [
        (0, 1.0, 1.1),
        (5, 1.0, 1.1),
        (100, 10.0, 11.0),
        (590, 59.0, 60.0),
        (3_600, 60.0, 60.0),
        (-50, 1.0, 1.1),
    ];
    for (age, least, most) in rows {
        let last = start().monotonic;
        let age_then = Duration::try_from(secs(age)).unwrap_or_default();
        let wait = poll.next(last, age_then, "uid").duration_since(last).as_secs_f64();
        assert!((least..=most).contains(&wait), "age {age}: {wait}");
    }
}

#[test]
fn bounds_that_cross_do_not_panic() {
    let poll = PollBounds {
        min: Duration::from_secs(30),
        max: Duration::from_secs(5),
    };
    let wait = poll
        .next(start().monotonic, Duration::ZERO, "uid")
        .duration_since(start().monotonic);
    assert_eq!(wait, Duration::from_secs(30));
}

#[test]
fn jitter_spreads_resources() {
    let next: std::collections::BTreeSet<_> = (0..50)
        .map(|uid| {
            settings()
                .poll
                .next(start().monotonic, Duration::ZERO, &uid.to_string())
        })
        .collect();
    assert!(next.len() > 40, "{}", next.len());
}

/// A throttled Cancel is not sent again at once because a Describe went well, nor a Start; and what fails erases no
/// other's count.
#[test]
fn an_answer_changes_no_wait_but_that_of_its_own_operation() {
    let now = start();
    let observed = Bench::new(&json!({})).observed();
    let moment = moment(&observed, now);
    let record = Bench::new(&json!({})).call_start();
    let operations = [Operation::Start, Operation::Describe, Operation::Cancel];
    let answer = |memory: &mut Memory, operation, fails: bool| {
        let failure = failure(ErrorClass::Throttled, Effect::None);
        match (operation, fails) {
            (Operation::Start, true) => {
                memory.start_answered(&record, now.monotonic, StartAnswer::Failed(failure), moment);
            }
            (Operation::Start, false) => memory.start_answered(&record, now.monotonic, success(), moment),
            (Operation::Describe, true) => memory.describe_answered(TASK, DescribeAnswer::Failed(failure), moment),
            (Operation::Describe, false) => memory.describe_answered(TASK, found(TaskState::InProgress), moment),
            (_, true) => memory.cancel_answered(CancelAnswer::Failed(failure), moment),
            (_, false) => memory.cancel_answered(CancelAnswer::Accepted, moment),
        }
    };
    for failing in operations {
        for (other, fails) in operations.into_iter().flat_map(|other| [(other, true), (other, false)]) {
            let mut memory = Memory::default();
            for _ in 0..3 {
                answer(&mut memory, failing, true);
            }
            answer(&mut memory, other, fails);
            let expected = match (other == failing, fails) {
                (false, _) => Some(3),
                (true, true) => Some(4),
                (true, false) => None,
            };
            let count = memory.retry_of(failing, observed.generation).map(|retry| retry.count);
            assert_eq!(count, expected, "{failing:?}, then {other:?} {fails}");
        }
    }
}

#[test]
fn a_position_in_the_queue_is_told_once_and_again_after_an_edit() {
    let mut bench = Bench::new(&json!({}));
    bench.admission = Admission::Behind {
        ahead: 5,
        namespaces: 1,
    };
    bench.rest();
    let writes = bench.writes;
    assert!(bench.message().contains("5 were ahead"), "{}", bench.message());
    bench.admission = Admission::Behind {
        ahead: 3,
        namespaces: 1,
    };
    bench.rest();
    assert_eq!(bench.writes, writes, "{}", bench.message());
    bench.edit(&json!({ "ttlSecondsAfterFinished": 60 }));
    bench.rest();
    assert!(bench.message().contains("3 were ahead"), "{}", bench.message());
}

#[test]
fn a_running_task_is_polled_more_and_more_rarely() {
    let mut bench = Bench::running(&json!({}));
    let mut waits = Vec::new();
    while bench.now.duration_since(start_of_time()) < secs(3_600) {
        let before = bench.now;
        bench.sleep();
        waits.push(bench.now.duration_since(before));
        bench.call_describe();
        bench.answer_describe(found(TaskState::InProgress));
    }
    assert!(waits.first().unwrap() <= &secs(2), "{waits:?}");
    assert!(waits.last().unwrap() >= &secs(59), "{waits:?}");
    assert!(waits.len() < 120, "{} polls in an hour", waits.len());
    assert_eq!(
        bench.writes, 2,
        "started, then the start time; no poll is worth a write"
    );
}

#[test]
fn retries_double_up_to_their_cap_for_each_trouble() {
    let rows = [
        (ErrorClass::Throttled, 1, 300),
        (ErrorClass::ServiceUnavailable, 1, 300),
        (ErrorClass::LimitExceeded, 3, 300),
        (ErrorClass::NotInProgress, 3, 300),
        (ErrorClass::AccessDenied, 15, 300),
        (ErrorClass::CredentialsRejected, 15, 300),
        (ErrorClass::UnexpectedAnswer, 15, 300),
    ];
    for (class, base, cap) in rows {
        for count in [1, 2, 3, 10, 31, 32, 33, 40, u32::MAX] {
            let full = 2_i64
                .checked_pow(count - 1)
                .map_or(cap, |factor| cap.min(factor.saturating_mul(base)));
            let wait = timing::backoff(start().monotonic, class, count, "uid").as_secs_f64();
            let full = f64::from(u32::try_from(full).unwrap());
            assert!(
                (0.75 * full..=full).contains(&wait),
                "{class:?} {count}: {wait} of {full}"
            );
        }
    }
}

#[test]
fn the_end_of_time_is_no_overflow() {
    assert_eq!(timing::after(Timestamp::MAX, Duration::from_secs(1)), Timestamp::MAX);
    assert_eq!(timing::after(start_of_time(), Duration::MAX), Timestamp::MAX);
    assert_eq!(timing::next_whole_second(Timestamp::MAX), Timestamp::MAX);
}

#[test]
fn a_backoff_grows_with_each_failure_and_is_forgotten_after_success() {
    let mut bench = Bench::new(&json!({}));
    let mut waits = Vec::new();
    for _ in 0..12 {
        bench.call_start();
        bench.answer_start(refused(ErrorClass::ServiceUnavailable));
        let before = bench.now;
        waits.push(before.until(bench.rest().unwrap().monotonic));
    }
    assert!(waits.first().unwrap() <= &Duration::from_secs(1), "{waits:?}");
    let (least, most) = (Duration::from_secs(225), Duration::from_secs(300));
    assert!(
        waits.last().unwrap() >= &least && waits.iter().all(|wait| wait <= &most),
        "{waits:?}"
    );
    bench.call_start();
    bench.answer_start(success());
    assert_eq!(bench.memory.retries.of(Operation::Start), None);
}

#[test]
fn an_edit_begins_the_backoff_anew() {
    let mut bench = Bench::new(&json!({}));
    for _ in 0..6 {
        bench.call_start();
        bench.answer_start(refused(ErrorClass::Throttled));
    }
    bench.edit(&json!({ "ttlSecondsAfterFinished": 1 }));
    bench.call_start();
    bench.answer_start(refused(ErrorClass::Throttled));
    assert_eq!(bench.memory.retries.of(Operation::Start).unwrap().count, 1);
}

#[test]
fn times_in_a_status_are_whole_seconds_and_never_too_early() {
    let time: Timestamp = "2026-03-01T12:00:00.5Z".parse().unwrap();
    assert_eq!(timing::whole_seconds(time).to_string(), "2026-03-01T12:00:00Z");
    assert_eq!(timing::next_whole_second(time).to_string(), "2026-03-01T12:00:01Z");
    let whole: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    assert_eq!(
        (timing::whole_seconds(whole), timing::next_whole_second(whole)),
        (whole, whole)
    );
}

/// A task that was just started is not shown at once.
#[test]
fn the_first_look_comes_the_shortest_wait_after_the_start() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    let sent = bench.now.monotonic;
    bench.answer_start(success());
    let look = bench.rest().unwrap();
    assert_eq!(look.monotonic.duration_since(sent), bench.settings.poll.min);
}

/// Somebody else's task is not cancelled when its deadline comes.
#[test]
fn a_deadline_that_changes_nothing_is_waited_for_once() {
    let mut bench = Bench::new(&json!({ "activeDeadlineSeconds": 60 }));
    bench.call_start();
    bench.answer_start(StartAnswer::AlreadyExists);
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.rest();
    let deadline = timing::after(start_of_time(), Duration::from_mins(1));
    assert!(bench.decision().wake_up.unwrap() <= bench.now.instant_of(deadline));
    bench.sleep_until(bench.now.instant_of(deadline));
    assert_ne!(bench.decision().wake_up, Some(bench.now.monotonic));
}

/// What went wrong is told until something goes well, also while it waits for its turn.
#[test]
fn a_wait_for_its_turn_does_not_hide_what_went_wrong() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(refused(ErrorClass::AccessDenied));
    bench.sleep();
    let until = (bench.now + secs(100)).monotonic;
    let (ahead, namespaces) = (3, 1);
    for admission in [
        Admission::Paced {
            ahead,
            namespaces,
            until,
        },
        Admission::Behind { ahead, namespaces },
    ] {
        bench.admission = admission;
        bench.rest();
        bench.assert_says(Phase::Pending, Reason::AccessDenied);
    }
}

/// In the very moment in which a backoff ends, or it would be admitted without a slot.
#[test]
fn a_backoff_that_ends_wants_a_slot() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(refused(ErrorClass::Throttled));
    bench.sleep();
    let place = bench.with_observation(place);
    assert!(matches!(place, Place::Waiting { .. }), "{place:?}");
}
