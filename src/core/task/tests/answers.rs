//! "Answers of the service", row by row: from the answer to the next step and what the status says.

use jiff::SignedDuration;
use serde_json::json;

use super::bench::{Bench, TASK, at, failure, found, lost, refused, success};
use crate::api::{Phase, Reason, StartedBy};
use crate::core::answer::{DescribeAnswer, Effect, ErrorClass, StartAnswer, TaskState};
use crate::core::queue::Place;
use crate::core::task::place::place;
use crate::core::task::step::Step;

#[test]
fn success_to_a_start_is_written_and_the_task_followed() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(success());
    bench.call_describe();
    bench.assert_says(Phase::Running, Reason::InProgress);
    let status = bench.status();
    assert_eq!(status.task_id.as_deref(), Some(TASK));
    assert_eq!(status.started_by, Some(StartedBy::This));
    assert_eq!(status.client_request_token.as_deref(), Some(super::bench::uid()));
    assert_eq!(status.region.as_deref(), Some("eu-central-1"));
    assert_eq!(status.attempt, None);
}

#[test]
fn the_id_that_start_returned_is_the_one_that_counts() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(StartAnswer::Success {
        task_id: "returned".to_owned(),
    });
    match bench.next_call() {
        Step::Describe(task) => assert_eq!(task.task_id, "returned"),
        step => panic!("{step:?}"),
    }
    assert_eq!(bench.status().task_id.as_deref(), Some("returned"));
}

#[test]
fn an_invalid_request_is_rejected_until_the_spec_changes() {
    let mut bench = Bench::new(&json!({}));
    let first = bench.call_start();
    bench.answer_start(StartAnswer::InvalidRequest("no such audit".to_owned()));
    assert_eq!(bench.rest(), None, "no timer");
    bench.assert_says(Phase::Rejected, Reason::InvalidRequest);
    assert!(bench.message().contains("no such audit"), "{}", bench.message());
    assert!(bench.message().contains("suspend"), "{}", bench.message());
    assert!(!bench.observed().has_finalizer());
    assert_eq!(bench.status().next_attempt_time, None);
    assert_eq!(bench.status().task_id, None);

    bench.edit(&json!({ "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["Corrected"] } }));
    let second = bench.call_start();
    assert_ne!(first.request_hash, second.request_hash);
    assert!(bench.observed().has_finalizer());
    bench.assert_says(Phase::Pending, Reason::Starting);
}

#[test]
fn a_rejected_request_is_tried_again_by_suspend_on_and_off() {
    for restarts in [false, true] {
        let mut bench = Bench::new(&json!({}));
        bench.call_start();
        bench.answer_start(StartAnswer::InvalidRequest("no such action".to_owned()));
        bench.rest();
        bench.edit(&json!({ "suspend": true }));
        bench.rest();
        bench.assert_says(Phase::Suspended, Reason::Suspended);
        if restarts {
            bench.restart();
        }
        bench.edit(&json!({ "suspend": null }));
        bench.call_start();
        assert_eq!(
            bench.status().attempt,
            None,
            "nothing is in the air, so nothing is said to be"
        );
    }
}

#[test]
fn troubles_of_a_start_keep_the_phase_and_say_when_it_is_tried_again() {
    let rows = [
        (refused(ErrorClass::Throttled), Reason::Throttled),
        (refused(ErrorClass::AccessDenied), Reason::AccessDenied),
        (refused(ErrorClass::CredentialsRejected), Reason::CredentialsRejected),
        (refused(ErrorClass::ServiceUnavailable), Reason::ServiceUnavailable),
        (refused(ErrorClass::UnexpectedAnswer), Reason::UnexpectedAnswer),
        (lost(), Reason::AttemptUnanswered),
    ];
    for (answer, reason) in rows {
        let mut bench = Bench::new(&json!({}));
        bench.call_start();
        bench.answer_start(answer);
        if reason == Reason::AttemptUnanswered {
            bench.call_describe();
            bench.answer_describe(DescribeAnswer::NotFound);
        }
        let retry = bench.rest().expect("a timer");
        bench.assert_says(Phase::Pending, reason);
        let told = bench.status().next_attempt_time.expect("nextAttemptTime").0;
        assert!(
            told >= retry.wall && told.duration_since(retry.wall) < SignedDuration::from_secs(1),
            "{reason:?}: {told}, {retry:?}"
        );
        assert!(
            bench.message().contains("it was"),
            "{reason:?}: the cause is told: {}",
            bench.message()
        );
        bench.now = retry;
        bench.call_start();
    }
}

#[test]
fn throttling_of_a_queued_start_leaves_it_queued() {
    let mut bench = Bench::new(&json!({}));
    bench.admission = crate::core::queue::Admission::Behind {
        ahead: 3,
        namespaces: 1,
    };
    assert_eq!(bench.rest(), None);
    bench.assert_says(Phase::Queued, Reason::Queued);
    bench.admission = crate::core::queue::Admission::Free;
    bench.call_start();
    bench.answer_start(refused(ErrorClass::Throttled));
    bench.rest();
    bench.assert_says(Phase::Queued, Reason::Throttled);
}

#[test]
fn limit_exceeded_goes_back_into_the_queue() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(refused(ErrorClass::LimitExceeded));
    let until = bench.now + SignedDuration::from_secs(7);
    bench.admission = crate::core::queue::Admission::LimitedUntil(until.monotonic);
    assert_eq!(
        bench.rest().map(|rest| rest.monotonic),
        Some(until.monotonic),
        "the queue says when, not a backoff of its own"
    );
    bench.assert_says(Phase::Queued, Reason::LimitExceeded);
    let shown = bench.status().next_attempt_time.unwrap().0;
    assert!((0..=1).contains(&shown.duration_since(until.wall).as_secs()), "{shown}");
}

#[test]
fn an_edit_ends_the_wait_after_a_refusal() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(refused(ErrorClass::AccessDenied));
    bench.rest();
    let now = bench.now;
    bench.edit(&json!({ "ttlSecondsAfterFinished": 60 }));
    bench.call_start();
    assert!(bench.now.duration_since(now) < SignedDuration::from_secs(1));
}

#[test]
fn not_found_after_the_start_was_seen_is_unknown_after_the_grace_period_and_never_another_start() {
    let mut bench = Bench::running(&json!({}));
    bench.pass(120);
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::NotFound);
    let began = bench.now;
    let mut polls = 0;
    while bench.phase() == Some(Phase::Running) {
        bench.call_describe();
        bench.answer_describe(DescribeAnswer::NotFound);
        bench.next();
        polls += 1;
        assert!(polls < 100);
    }
    assert!(
        bench.now.duration_since(began) >= SignedDuration::from_secs(60),
        "a grace period"
    );
    bench.assert_says(Phase::Unknown, Reason::TaskNotFound);
    assert_eq!(bench.status().task_id.as_deref(), Some(TASK));
    let next = bench.rest().expect("asked again");
    assert!(next.duration_since(bench.now) > SignedDuration::from_mins(59), "hourly");

    bench.restart();
    assert!(
        bench.rest().expect("asked again").duration_since(bench.now) > SignedDuration::from_mins(59),
        "after a restart too"
    );

    bench.now = at("2026-05-28T12:00:00Z".parse().unwrap());
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::NotFound);
    assert!(bench.rest().is_some(), "88 days: asked again");
    bench.assert_says(Phase::Unknown, Reason::TaskNotFound);

    bench.now = at("2026-05-29T12:00:01Z".parse().unwrap());
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::NotFound);
    assert_eq!(bench.rest(), None, "89 days: final");
    bench.assert_says(Phase::Unknown, Reason::TaskExpired);
    bench.restart();
    assert_eq!(bench.rest(), None, "final, and remembered");
    assert!(!bench.steps.iter().skip(10).any(|step| matches!(step, Step::Start(_))));
}

/// The soak found it: while a Describe lags behind the start, and then the service fails, it was asked without a pause.
#[test]
fn a_describe_that_fails_while_the_task_is_missing_waits_longer_and_longer() {
    let mut bench = Bench::running(&json!({}));
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::NotFound);
    let mut waits = Vec::new();
    for _ in 0..4 {
        bench.call_describe();
        let failed = bench.now;
        bench.answer_describe(DescribeAnswer::Failed(failure(
            ErrorClass::ServiceUnavailable,
            Effect::None,
        )));
        waits.push(bench.rest().expect("a timer").duration_since(failed));
    }
    assert!(waits[0] >= SignedDuration::from_millis(750), "{waits:?}");
    assert!(
        waits.is_sorted() && waits[3] > SignedDuration::from_secs(5),
        "{waits:?}"
    );
    bench.assert_says(Phase::Running, Reason::ServiceUnavailable);
    bench.call_describe();
    bench.answer_describe(found(TaskState::Completed));
    bench.rest();
    bench.assert_says(Phase::Completed, Reason::Completed);
}

/// A task that was started, and that the service has not shown for longer than the grace period.
fn missing_for_good() -> Bench {
    let mut bench = Bench::running(&json!({}));
    for _ in 0..2 {
        bench.pass(3_700);
        bench.call_describe();
        bench.answer_describe(DescribeAnswer::NotFound);
    }
    bench.rest();
    bench
}

#[test]
fn a_task_that_is_found_again_runs_again() {
    let mut bench = missing_for_good();
    bench.assert_says(Phase::Unknown, Reason::TaskNotFound);
    bench.sleep();
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.rest();
    bench.assert_says(Phase::Running, Reason::InProgress);
}

#[test]
fn an_edit_of_an_unknown_asks_at_once() {
    let mut bench = missing_for_good();
    bench.restart();
    bench.edit(&json!({ "ttlSecondsAfterFinished": 60 }));
    assert!(matches!(bench.next(), Step::Describe(_)));
}

#[test]
fn a_state_that_this_version_does_not_know_is_shown_and_followed() {
    let mut bench = Bench::running(&json!({}));
    bench.sleep();
    bench.call_describe();
    bench.answer_describe(found(TaskState::Other("PAUSED".to_owned())));
    assert!(bench.rest().is_some(), "followed");
    bench.assert_says(Phase::Running, Reason::UnknownState);
    assert!(bench.message().contains("PAUSED"), "{}", bench.message());
}

#[test]
fn a_describe_that_fails_is_told_from_the_first_time_until_it_goes_well() {
    for class in [
        ErrorClass::Throttled,
        ErrorClass::ServiceUnavailable,
        ErrorClass::AccessDenied,
        ErrorClass::CredentialsRejected,
        ErrorClass::UnexpectedAnswer,
    ] {
        let mut bench = Bench::running(&json!({}));
        bench.sleep();
        let writes = bench.writes;
        for failures in 1..=6 {
            bench.call_describe();
            bench.assert_says(
                Phase::Running,
                if failures == 1 {
                    Reason::InProgress
                } else {
                    class.reason()
                },
            );
            bench.answer_describe(DescribeAnswer::Failed(failure(class, Effect::None)));
            bench.rest();
            bench.assert_says(Phase::Running, class.reason());
            assert!(
                bench.writes <= writes + failures,
                "at most one write for each failed call"
            );
        }
        bench.sleep();
        bench.call_describe();
        bench.answer_describe(found(TaskState::InProgress));
        bench.rest();
        bench.assert_says(Phase::Running, Reason::InProgress);
        assert_eq!(bench.status().next_attempt_time, None);
    }
}

#[test]
fn no_region_at_all_is_said_and_waits_for_an_edit() {
    let mut bench = Bench::new(&json!({}));
    bench.settings.default_region = None;
    assert_eq!(bench.rest(), None);
    bench.assert_says(Phase::Pending, Reason::RegionMissing);
    bench.edit(&json!({ "region": "us-east-1" }));
    assert_eq!(bench.call_start().region, "us-east-1");
}

#[test]
fn nothing_is_started_for_a_resource_that_is_too_large() {
    let mut bench = Bench::new(&json!({}));
    bench.size = (1 << 20) + 1;
    assert_eq!(bench.rest(), None);
    bench.assert_says(Phase::Pending, Reason::ResourceTooLarge);
    let place = bench.with_observation(place);
    assert_eq!(place, Place::None, "it holds nobody up");
    bench.size = 1 << 20;
    bench.call_start();
}

/// A look before the start had found nothing; that said nothing about the task that was started after it.
#[test]
fn the_grace_period_begins_with_the_start_and_not_with_an_older_look() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(lost());
    bench.call_start_again();
    bench.answer_start(refused(ErrorClass::Throttled));
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::NotFound);
    bench.pass(100);
    bench.call_start_again();
    bench.answer_start(success());
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::NotFound);
    bench.rest();
    bench.assert_says(Phase::Running, Reason::InProgress);
}

/// The first retry came at once, since a single lost poll is not told.
#[test]
fn a_throttled_poll_waits_before_the_next() {
    let mut bench = Bench::running(&json!({}));
    bench.sleep();
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::Failed(failure(ErrorClass::Throttled, Effect::None)));
    assert!(bench.rest().expect("a timer") > bench.now);
}
