//! Deletion: what is cancelled, what is waited for, and when it lets go.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::bench::{Bench, failure, found, lost, not_running, refused, success};
use crate::api::{Phase, Reason};
use crate::core::answer::{CancelAnswer, DescribeAnswer, Effect, ErrorClass, StartAnswer, TaskState};
use crate::core::task::retry::Retries;
use crate::core::task::step::Step;
use crate::core::timing;

const RELEASE: Step = Step::RemoveFinalizer { abandons_task: false };
const ABANDON: Step = Step::RemoveFinalizer { abandons_task: true };

fn deleted(mut bench: Bench) -> Bench {
    bench.rest_or_call();
    bench.delete();
    bench
}

impl Bench {
    fn rest_or_call(&mut self) {
        self.next();
    }
}

fn running(patch: &Value) -> Bench {
    deleted(Bench::running(patch))
}

#[test]
fn an_own_running_task_is_cancelled_and_the_finalizer_goes_when_the_service_has_taken_it() {
    let mut bench = running(&json!({}));
    bench.call_cancel();
    bench.assert_says(Phase::Canceling, Reason::CanceledByDeletion);
    bench.answer_cancel(CancelAnswer::Accepted);
    assert_eq!(bench.next(), RELEASE);
}

#[test]
fn orphan_lets_go_at_once() {
    assert_eq!(
        running(&json!({ "deletionPolicy": "Orphan" })).store.read(),
        None,
        "no finalizer was put on"
    );
    let mut bench = Bench::running(&json!({}));
    bench.edit(&json!({ "deletionPolicy": "Orphan" }));
    bench.rest();
    bench.delete();
    assert_eq!(bench.next(), RELEASE);
}

#[test]
fn invalid_request_to_a_cancel_lets_describe_decide() {
    let mut bench = running(&json!({}));
    bench.call_cancel();
    bench.answer_cancel(not_running());
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.call_cancel_again();
    bench.answer_cancel(not_running());
    bench.call_describe();
    bench.answer_describe(found(TaskState::Completed));
    assert_eq!(bench.next(), RELEASE);
}

#[test]
fn not_found_counts_only_after_the_grace_period() {
    let mut bench = running(&json!({}));
    bench.call_cancel();
    bench.answer_cancel(not_running());
    let began = bench.now;
    loop {
        match bench.next_call() {
            Step::Describe(_) => bench.answer_describe(DescribeAnswer::NotFound),
            Step::Cancel(_) => bench.answer_cancel(not_running()),
            step => {
                assert_eq!(step, RELEASE);
                break;
            }
        }
    }
    assert!(bench.now.duration_since(began) >= SignedDuration::from_secs(60));
}

#[test]
fn after_the_timeout_it_lets_go_and_says_so() {
    let mut bench = running(&json!({}));
    for _ in 0..100 {
        match bench.next_call() {
            Step::Cancel(_) => {
                bench.answer_cancel(CancelAnswer::Failed(failure(ErrorClass::AccessDenied, Effect::None)))
            }
            Step::Describe(_) => bench.answer_describe(found(TaskState::InProgress)),
            step => {
                assert_eq!(step, ABANDON);
                let deleted = bench.now.duration_since(super::bench::start_of_time());
                assert!((600..=605).contains(&deleted.as_secs()), "{deleted}");
                return;
            }
        }
        assert!(bench.store.read().is_some());
    }
    panic!("never let go");
}

/// The time counts from when the process could act.
#[test]
fn a_process_that_comes_late_tries_for_the_timeout_too() {
    let mut bench = running(&json!({}));
    bench.pass(3_600);
    bench.restart();
    let began = bench.now;
    loop {
        match bench.next_call() {
            Step::Cancel(_) => {
                bench.answer_cancel(CancelAnswer::Failed(failure(ErrorClass::AccessDenied, Effect::None)));
            }
            Step::Describe(_) => bench.answer_describe(found(TaskState::InProgress)),
            step => {
                assert_eq!(step, ABANDON);
                break;
            }
        }
    }
    assert!((600..=605).contains(&bench.now.duration_since(began).as_secs()));
}

/// The call budget may have held the Cancel up for that long.
#[test]
fn nothing_is_abandoned_before_a_cancel_was_tried() {
    let mut bench = running(&json!({}));
    let deleted = bench.observed().deleting_since.unwrap();
    let limit = bench
        .now
        .instant_of(timing::after(deleted, bench.settings.cancel_timeout));
    bench.sleep_until(limit);
    assert_ne!(bench.decision().wake_up, Some(limit), "it looks again and again");
    bench.pass(3_600);
    bench.call_cancel();
    bench.answer_cancel(CancelAnswer::Failed(failure(ErrorClass::AccessDenied, Effect::None)));
    assert_eq!(bench.next(), ABANDON);
}

#[test]
fn each_state_that_needs_nothing_lets_go_at_once() {
    let nothing = Bench::new(&json!({ "suspend": true }));
    let mut rejected = Bench::new(&json!({}));
    rejected.call_start();
    rejected.answer_start(StartAnswer::InvalidRequest("no".to_owned()));
    let mut throttled = Bench::new(&json!({}));
    throttled.call_start();
    throttled.answer_start(refused(ErrorClass::Throttled));
    let mut ended = Bench::running(&json!({}));
    ended.sleep();
    ended.call_describe();
    ended.answer_describe(found(TaskState::Completed));
    let mut other = Bench::new(&json!({}));
    other.call_start();
    other.answer_start(StartAnswer::AlreadyExists);
    other.call_describe();
    other.answer_describe(found(TaskState::InProgress));
    for (row, bench) in [
        ("nothing", nothing),
        ("rejected", rejected),
        ("throttled", throttled),
        ("ended", ended),
        ("somebody else's", other),
    ] {
        let mut bench = deleted(bench);
        if bench.store.read().is_some() {
            assert_eq!(bench.next(), RELEASE, "{row}");
        }
    }
}

#[test]
fn an_open_attempt_is_described_until_it_is_settled() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(lost());
    bench.pass(400);
    bench.memory.retries = Retries::default();
    bench.delete();
    let sent = bench.memory.attempt.as_ref().unwrap().last_sent;
    loop {
        match bench.next_call() {
            Step::Describe(_) => bench.answer_describe(DescribeAnswer::NotFound),
            step => {
                assert_eq!(step, RELEASE, "never a Start");
                break;
            }
        }
    }
    assert!(bench.now.elapsed_since(sent) >= std::time::Duration::from_mins(15));
}

#[test]
fn an_open_attempt_whose_task_is_found_is_replayed_to_prove_whose_it_is_and_cancelled() {
    for (answer, is_ours) in [(success(), true), (StartAnswer::AlreadyExists, false)] {
        let mut bench = Bench::new(&json!({}));
        bench.call_start();
        bench.delete();
        bench.restart();
        bench.call_describe();
        bench.answer_describe(found(TaskState::InProgress));
        bench.call_start();
        bench.answer_start(answer);
        if is_ours {
            bench.call_cancel();
        } else {
            assert_eq!(bench.next(), RELEASE);
        }
    }
}

#[test]
fn a_spec_that_cannot_be_understood_changes_nothing() {
    let mut bench = running(&json!({}));
    bench.store.force(&json!({ "spec": { "target": "nonsense" } }));
    bench.call_cancel();
    bench.answer_cancel(CancelAnswer::Accepted);
    assert_eq!(bench.next(), RELEASE);

    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(refused(ErrorClass::Throttled));
    bench
        .store
        .force(&json!({ "spec": { "target": "nonsense" }, "status": null }));
    bench.delete();
    assert_eq!(bench.next(), RELEASE);
}

#[test]
fn without_the_finalizer_nothing_is_done() {
    let mut bench = Bench::running(&json!({}));
    bench
        .store
        .force(&json!({ "metadata": { "finalizers": ["somebody/else"] } }));
    bench.delete();
    bench
        .store
        .force(&json!({ "metadata": { "finalizers": ["somebody/else"] } }));
    assert_eq!(bench.rest(), None);
}

/// It waited for its timeout, and called the task abandoned.
#[test]
fn a_task_that_was_lost_before_the_deletion_holds_it_for_the_grace_period_only() {
    for (restarts, days) in [(false, 0), (true, 0), (false, 95), (true, 95)] {
        let mut bench = Bench::running(&json!({}));
        bench.pass(days * 86_400);
        for _ in 0..2 {
            bench.pass(100);
            // After 89 days the first answer is final.
            if matches!(bench.next(), Step::Describe(_)) {
                bench.answer_describe(DescribeAnswer::NotFound);
            }
        }
        bench.rest();
        assert_eq!(bench.phase(), Some(Phase::Unknown));
        if restarts {
            bench.restart();
        }
        bench.delete();
        let began = bench.now;
        loop {
            match bench.next_call() {
                Step::Describe(_) => bench.answer_describe(DescribeAnswer::NotFound),
                Step::Cancel(_) if days == 0 => bench.answer_cancel(not_running()),
                step => {
                    assert_eq!(step, RELEASE, "{restarts} {days}");
                    break;
                }
            }
        }
        assert!(
            bench.now.duration_since(began) < SignedDuration::from_secs(100),
            "{restarts} {days}"
        );
    }
}
