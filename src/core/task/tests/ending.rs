//! How a task ends: by itself, by cancel, by its deadline; and what becomes of the resource after.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::bench::{Bench, failure, found, found_another, not_running, start_of_time, task};
use crate::api::{FINALIZER, FindingFailure, FindingStatistics, Phase, Reason};
use crate::core::answer::{CancelAnswer, DescribeAnswer, Effect, ErrorClass, FailedActions, TaskState};
use crate::core::task::step::Step;

fn ended(patch: &Value, state: TaskState) -> Bench {
    let mut bench = Bench::running(patch);
    bench.sleep();
    bench.call_describe();
    bench.answer_describe(found(state));
    bench.next();
    bench
}

#[test]
fn each_ending_frees_the_resource() {
    for (state, phase, reason) in [
        (TaskState::Completed, Phase::Completed, Reason::Completed),
        (TaskState::Failed, Phase::Failed, Reason::ActionsFailed),
        (TaskState::Canceled, Phase::Canceled, Reason::CanceledElsewhere),
    ] {
        let mut bench = ended(&json!({}), state);
        bench.assert_says(phase, reason);
        assert!(!bench.observed().has_finalizer());
        assert_eq!(
            bench.status().completion_time.unwrap().0.to_string(),
            "2026-03-01T12:01:30Z"
        );
        let writes = bench.writes;
        for _ in 0..3 {
            bench.restart();
            bench.pass(100_000);
            assert_eq!(bench.rest(), None);
        }
        assert_eq!(bench.writes, writes);
        bench.edit(&json!({ "ttlSecondsAfterFinished": 1_000_000 }));
        bench.rest();
        bench.restart();
        bench.rest();
        assert_eq!(bench.writes, writes + 1, "one write for a new generation");
        bench.assert_says(phase, reason);
    }
}

/// By a service's clock that is minutes behind, an own task can seem to have ended before its resource existed.
#[test]
fn an_own_task_is_never_said_to_be_older_than_its_resource() {
    let mut bench = Bench::running(&json!({}));
    bench.sleep();
    bench.call_describe();
    let mut behind = task(TaskState::Completed);
    for time in [&mut behind.start_time, &mut behind.end_time] {
        *time = time.map(|time| time - SignedDuration::from_mins(10));
    }
    bench.answer_describe(DescribeAnswer::Found(Box::new(behind)));
    bench.rest();
    bench.assert_says(Phase::Completed, Reason::Completed);
    assert!(!bench.message().contains("before"), "{}", bench.message());
}

#[test]
fn statistics_progress_and_failures_are_shown() {
    let mut bench = Bench::running(&json!({}));
    let counts = |total, failed, succeeded, skipped, canceled| FindingStatistics {
        total_findings_count: Some(total),
        failed_findings_count: Some(failed),
        succeeded_findings_count: Some(succeeded),
        skipped_findings_count: Some(skipped),
        canceled_findings_count: Some(canceled),
    };
    let statistics = [
        ("A".to_owned(), counts(30, 1, 20, 5, 1)),
        ("B".to_owned(), counts(10, 2, 8, 0, 0)),
    ];
    let mut half = task(TaskState::InProgress);
    half.statistics = statistics.clone().into();
    bench.sleep();
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::Found(Box::new(half)));
    bench.rest();
    assert_eq!(bench.status().progress.as_deref(), Some("37/40"));
    assert_eq!(bench.status().failed_findings, Some(3));

    let mut all = task(TaskState::Failed);
    all.statistics = statistics.into();
    bench.sleep();
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::Found(Box::new(all)));
    assert!(matches!(bench.next(), Step::ListFailedActions(_)));
    assert_eq!(bench.phase(), Some(Phase::Running), "one final write");
    let failures = vec![FindingFailure {
        finding_id: "f-1".to_owned(),
        ..FindingFailure::default()
    }];
    bench.answer_failures(FailedActions {
        failures: failures.clone(),
        truncated: true,
        problem: Some("not allowed iot:ListAuditFindings".to_owned()),
    });
    bench.rest();
    bench.assert_says(Phase::Failed, Reason::ActionsFailed);
    assert!(
        bench.message().contains("not allowed iot:ListAuditFindings"),
        "{}",
        bench.message()
    );
    assert_eq!(bench.status().failures, failures);
    assert_eq!(bench.status().failures_truncated, Some(true));
}

#[test]
fn cancel_is_written_before_it_is_called_and_ends_canceled() {
    let mut bench = Bench::running(&json!({}));
    bench.edit(&json!({ "cancel": true }));
    let writes = bench.writes;
    bench.call_cancel();
    assert_eq!(bench.writes, writes + 1);
    bench.assert_says(Phase::Canceling, Reason::CanceledBySpec);
    bench.answer_cancel(CancelAnswer::Accepted);
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.call_describe();
    bench.answer_describe(found(TaskState::Canceled));
    assert_eq!(bench.rest(), None);
    bench.assert_says(Phase::Canceled, Reason::CanceledBySpec);
}

#[test]
fn a_crash_while_canceling_keeps_the_reason_and_cancels_again() {
    let mut bench = Bench::running(&json!({}));
    bench.edit(&json!({ "cancel": true }));
    bench.call_cancel();
    bench.restart();
    bench.call_cancel();
    bench.answer_cancel(not_running());
    bench.call_describe();
    bench.answer_describe(found(TaskState::Canceled));
    bench.rest();
    bench.assert_says(Phase::Canceled, Reason::CanceledBySpec);
}

#[test]
fn a_task_that_completed_before_the_cancel_came_is_completed() {
    let mut bench = Bench::running(&json!({}));
    bench.edit(&json!({ "cancel": true }));
    bench.call_cancel();
    bench.answer_cancel(not_running());
    // At once: what was seen before that answer says that it runs.
    let step = bench.next();
    assert!(matches!(step, Step::Describe(_)), "{step:?}");
    bench.answer_describe(found(TaskState::Completed));
    bench.rest();
    bench.assert_says(Phase::Completed, Reason::Completed);
}

#[test]
fn a_cancel_that_fails_is_told_and_tried_again() {
    let mut bench = Bench::running(&json!({}));
    bench.edit(&json!({ "cancel": true }));
    bench.call_cancel();
    bench.answer_cancel(CancelAnswer::Failed(failure(ErrorClass::Throttled, Effect::None)));
    bench.sleep();
    bench.assert_says(Phase::Canceling, Reason::CanceledBySpec);
    assert!(bench.status().next_attempt_time.is_some());
    assert!(bench.message().contains("it was"), "{}", bench.message());
    bench.call_cancel();
}

#[test]
fn cancel_before_the_start_is_stronger_than_suspend() {
    let mut bench = Bench::new(&json!({ "cancel": true, "suspend": true }));
    assert_eq!(bench.rest(), None);
    bench.assert_says(Phase::Canceled, Reason::CanceledBeforeStart);
    assert!(bench.observed().record.is_none());
}

#[test]
fn a_deadline_counts_from_the_services_start_time_and_is_not_slept_through() {
    for seconds in [15, 500] {
        let mut bench = Bench::running(&json!({ "activeDeadlineSeconds": seconds }));
        let deadline = start_of_time() + SignedDuration::from_secs(seconds);
        loop {
            match bench.next() {
                Step::Wait(Some(until)) => {
                    let wait = bench.now.until(until);
                    assert!(wait <= Duration::from_mins(1), "{wait:?}: it is polled until then");
                    bench.sleep_until(until);
                }
                Step::Describe(_) => {
                    assert!(bench.now.wall <= deadline + SignedDuration::from_secs(1));
                    bench.answer_describe(found(TaskState::InProgress));
                }
                Step::Cancel(_) => break,
                step => panic!("{step:?}"),
            }
        }
        assert!(
            bench.now.wall >= deadline && bench.now.wall < deadline + SignedDuration::from_secs(1),
            "{}",
            bench.now.wall
        );
        bench.assert_says(Phase::Canceling, Reason::DeadlineExceeded);
        // What comes to it later changes nothing about why.
        bench.edit(&json!({ "cancel": true }));
        bench.answer_cancel(CancelAnswer::Accepted);
        bench.call_describe();
        bench.assert_says(Phase::Canceling, Reason::DeadlineExceeded);
        bench.answer_describe(found(TaskState::Canceled));
        bench.rest();
        bench.assert_says(Phase::Canceled, Reason::DeadlineExceeded);
    }
}

/// Somebody used the id again after the service had forgotten the task, say.
#[test]
fn what_turns_out_to_be_another_task_is_not_cancelled() {
    for is_deleted in [false, true] {
        let mut bench = Bench::running(&json!({}));
        bench.call_describe();
        bench.answer_describe(found_another(TaskState::InProgress));
        if is_deleted {
            bench.delete();
        } else {
            bench.edit(&json!({ "cancel": true }));
        }
        let step = bench.next();
        if is_deleted {
            assert!(matches!(step, Step::RemoveFinalizer { .. }), "{step:?}");
        } else {
            assert_eq!(step, Step::Wait(None));
            bench.assert_says(Phase::Conflict, Reason::TaskDiffers);
        }
    }
}

#[test]
fn a_task_that_ended_in_time_while_nobody_looked_is_not_overdue() {
    let mut bench = Bench::running(&json!({ "activeDeadlineSeconds": 100 }));
    bench.pass(10_000);
    bench.restart();
    bench.call_describe();
    bench.answer_describe(found(TaskState::Completed));
    bench.rest();
    bench.assert_says(Phase::Completed, Reason::Completed);
    assert!(bench.told.iter().all(|event| event.reason != Reason::DeadlineExceeded));
}

#[test]
fn the_ttl_counts_from_the_condition_finished() {
    for (state, ttl) in [
        (TaskState::Completed, 0),
        (TaskState::Failed, 60),
        (TaskState::Canceled, 3_600),
    ] {
        let mut bench = ended(&json!({ "ttlSecondsAfterFinished": ttl }), state);
        let finished = bench.now;
        bench.restart();
        let step = bench.next_call();
        assert_eq!(step, Step::Delete, "{ttl}");
        let waited = bench.now.duration_since(finished).as_secs();
        assert!((ttl - 2..=ttl + 1).contains(&waited), "{ttl}: {waited}");
    }
}

#[test]
fn an_old_task_that_is_adopted_does_not_shorten_the_ttl() {
    let mut bench = Bench::new(&json!({ "ttlSecondsAfterFinished": 600 }));
    bench.call_start();
    bench.answer_start(crate::core::answer::StartAnswer::AlreadyExists);
    bench.call_describe();
    let mut old = task(TaskState::Completed);
    old.end_time = Some("2026-01-01T00:00:00Z".parse().unwrap());
    bench.answer_describe(DescribeAnswer::Found(Box::new(old)));
    let until = bench.rest().expect("a timer");
    assert!(until.duration_since(bench.now) > SignedDuration::from_secs(590));
}

#[test]
fn no_ttl_for_what_a_person_has_to_look_at() {
    let mut bench = Bench::new(&json!({ "ttlSecondsAfterFinished": 0 }));
    bench.call_start();
    bench.answer_start(crate::core::answer::StartAnswer::InvalidRequest("no".to_owned()));
    assert_eq!(bench.rest(), None);
}

#[test]
fn a_finalizer_that_somebody_took_is_put_back_while_the_task_runs() {
    for cancels in [false, true] {
        let mut bench = Bench::running(&json!({}));
        if cancels {
            bench.edit(&json!({ "cancel": true }));
            bench.call_cancel();
            bench.answer_cancel(CancelAnswer::Failed(failure(ErrorClass::AccessDenied, Effect::None)));
            bench.rest();
        }
        for restarts in [false, true] {
            bench.store.force(&json!({ "metadata": { "finalizers": [] } }));
            if restarts {
                bench.restart();
            }
            bench.next();
            assert_eq!(
                bench.store.json()["metadata"]["finalizers"],
                json!([FINALIZER]),
                "{cancels} {restarts}"
            );
        }
    }
}

#[test]
fn no_finalizer_for_a_task_of_somebody_elses() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(crate::core::answer::StartAnswer::AlreadyExists);
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.rest();
    bench.store.force(&json!({ "metadata": { "finalizers": [] } }));
    bench.rest();
    assert!(!bench.observed().has_finalizer());
}
