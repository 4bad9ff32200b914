//! TaskAlreadyExists is convergence; and whose task it is.

use jiff::SignedDuration;
use serde_json::json;

use super::bench::{Bench, TASK, failure, found, found_another, lost, success, task};
use crate::api::{Phase, Reason, StartedBy};
use crate::core::answer::{DescribeAnswer, Effect, ErrorClass, StartAnswer, TaskState};
use crate::core::task::status::phase::ConditionType;
use crate::core::task::status::phase::find;
use crate::core::task::step::Step;

fn answered(patch: &serde_json::Value) -> Bench {
    let mut bench = Bench::new(patch);
    bench.call_start();
    bench.answer_start(StartAnswer::AlreadyExists);
    bench
}

fn started_reason(bench: &Bench) -> String {
    find(&bench.status().conditions, ConditionType::Started)
        .unwrap()
        .reason
        .clone()
}

#[test]
fn it_converges_once_describe_has_found_the_task() {
    let mut bench = answered(&json!({}));
    bench.call_describe();
    assert_eq!(bench.status().task_id, None, "not before");
    bench.answer_describe(found(TaskState::InProgress));
    bench.rest();
    bench.assert_says(Phase::Running, Reason::InProgress);
    assert_eq!(bench.status().task_id.as_deref(), Some(TASK));
    assert_eq!(bench.status().started_by, Some(StartedBy::Other));
    assert_eq!(started_reason(&bench), "AlreadyExists");
    assert!(bench.status().attempt.is_none());
}

#[test]
fn it_is_followed_to_its_end_like_any_other() {
    for (state, phase, reason) in [
        (TaskState::Completed, Phase::Completed, Reason::Completed),
        (TaskState::Failed, Phase::Failed, Reason::ActionsFailed),
        (TaskState::Canceled, Phase::Canceled, Reason::CanceledElsewhere),
    ] {
        let mut bench = answered(&json!({}));
        bench.call_describe();
        bench.answer_describe(found(TaskState::InProgress));
        bench.sleep();
        bench.call_describe();
        bench.answer_describe(found(state));
        assert_eq!(bench.rest(), None);
        bench.assert_says(phase, reason);
        assert_eq!(started_reason(&bench), "AlreadyExists");
    }
}

#[test]
fn a_task_that_differs_is_a_conflict_described_once_and_not_followed() {
    let mut bench = answered(&json!({}));
    bench.call_describe();
    bench.answer_describe(found_another(TaskState::InProgress));
    assert_eq!(bench.rest(), None, "not followed");
    bench.assert_says(Phase::Conflict, Reason::TaskDiffers);
    assert!(
        bench.message().contains("auditCheckToActionsMapping"),
        "{}",
        bench.message()
    );
    assert!(
        !bench.message().contains("Other"),
        "never the other side's values: {}",
        bench.message()
    );
    assert!(!bench.observed().has_finalizer());
    assert_eq!(started_reason(&bench), "AlreadyExists");
    assert!(
        bench
            .told
            .iter()
            .any(|event| event.is_warning && event.reason == Reason::TaskDiffers)
    );
    bench.restart();
    bench.pass(100_000);
    assert_eq!(bench.rest(), None, "nor after a restart");
}

#[test]
fn a_conflict_is_left_by_an_edit() {
    let mut bench = answered(&json!({}));
    bench.call_describe();
    bench.answer_describe(found_another(TaskState::InProgress));
    bench.rest();
    bench.edit(&json!({ "taskId": "free" }));
    assert_eq!(bench.call_start().task_id, "free");
    assert_eq!(bench.status().task_id, None, "nothing of this resource's is there yet");
    bench.assert_says(Phase::Pending, Reason::Starting);
}

#[test]
fn a_success_is_compared_as_well() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(success());
    bench.call_describe();
    bench.answer_describe(found_another(TaskState::InProgress));
    bench.rest();
    bench.assert_says(Phase::Conflict, Reason::TaskDiffers);
}

#[test]
fn members_that_are_not_shown_say_nothing_against_an_own_task() {
    for (answer, phase) in [
        (success(), Phase::Running),
        (StartAnswer::AlreadyExists, Phase::Conflict),
    ] {
        let mut bench = Bench::new(&json!({}));
        bench.call_start();
        bench.answer_start(answer);
        bench.call_describe();
        let mut shown = task(TaskState::InProgress);
        shown.target = None;
        bench.answer_describe(DescribeAnswer::Found(Box::new(shown)));
        bench.rest();
        assert_eq!(bench.phase(), Some(phase));
    }
}

#[test]
fn not_found_after_the_grace_period_it_was_the_token() {
    let mut bench = answered(&json!({}));
    let answered = bench.now;
    for _ in 0..200 {
        bench.call_describe();
        bench.answer_describe(DescribeAnswer::NotFound);
        bench.next();
        if bench.phase() == Some(Phase::Unknown) {
            break;
        }
        bench.assert_says(Phase::Pending, Reason::AlreadyExists);
    }
    assert!(bench.now.duration_since(answered) >= SignedDuration::from_secs(60));
    assert!(bench.now.duration_since(answered) < SignedDuration::from_secs(90));
    bench.assert_says(Phase::Unknown, Reason::TokenInUse);
    assert_eq!(bench.status().task_id, None);
    assert_eq!(bench.status().attempt, None);
}

/// Nothing was found for so long that it must have been the token.
fn token_in_use() -> Bench {
    let mut bench = answered(&json!({}));
    for _ in 0..2 {
        bench.call_describe();
        bench.answer_describe(DescribeAnswer::NotFound);
        bench.pass(61);
    }
    bench.rest();
    bench.assert_says(Phase::Unknown, Reason::TokenInUse);
    bench
}

#[test]
fn a_token_in_use_is_looked_after_hourly_without_a_write_storm() {
    for restarts in [false, true] {
        let mut bench = token_in_use();
        for _ in 0..3 {
            let writes = bench.writes;
            if restarts {
                bench.restart();
            }
            bench.sleep();
            // Not to the second: the time that was told has passed by then.
            bench.pass(7);
            bench.call_describe();
            bench.answer_describe(DescribeAnswer::NotFound);
            bench.rest();
            bench.assert_says(Phase::Unknown, Reason::TokenInUse);
            assert!(bench.writes - writes <= 1, "{}", bench.writes - writes);
        }
    }
}

#[test]
fn a_token_in_use_is_left_by_another_token_by_suspend_and_by_cancel() {
    for restarts in [false, true] {
        let mut bench = token_in_use();
        if restarts {
            bench.restart();
        }
        bench.edit(&json!({ "clientRequestToken": "another" }));
        assert_eq!(bench.call_start().token, "another");

        for (patch, phase) in [
            (json!({ "suspend": true }), Phase::Suspended),
            (json!({ "cancel": true }), Phase::Canceled),
        ] {
            let mut bench = token_in_use();
            if restarts {
                bench.restart();
            }
            bench.edit(&patch);
            assert_eq!(bench.rest(), None);
            assert_eq!(bench.phase(), Some(phase));
        }
    }
}

#[test]
fn a_describe_that_fails_meanwhile_is_told() {
    let mut bench = answered(&json!({}));
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::Failed(failure(ErrorClass::AccessDenied, Effect::None)));
    assert!(bench.rest().is_some());
    bench.assert_says(Phase::Pending, Reason::AccessDenied);
    assert!(bench.status().next_attempt_time.is_some());
    bench.sleep();
    bench.call_describe();
}

#[test]
fn a_task_that_ended_before_the_resource_existed_is_said_to_be_old() {
    let mut bench = answered(&json!({}));
    bench.call_describe();
    let mut old = task(TaskState::Completed);
    old.start_time = Some("2026-01-01T00:00:00.5Z".parse().unwrap());
    old.end_time = Some("2026-01-01T00:01:00.5Z".parse().unwrap());
    bench.answer_describe(DescribeAnswer::Found(Box::new(old)));
    bench.rest();
    bench.assert_says(Phase::Completed, Reason::Completed);
    assert!(bench.message().contains("before this resource"), "{}", bench.message());
    assert!(bench.message().contains("spec.taskId"), "{}", bench.message());
}

#[test]
fn whose_task_is_it() {
    let rows = [
        ("own success, own token", json!({}), success(), true, StartedBy::This),
        (
            "a token of the spec's",
            json!({ "clientRequestToken": "mine" }),
            success(),
            true,
            StartedBy::Other,
        ),
        (
            "an older resource claims the id",
            json!({}),
            success(),
            false,
            StartedBy::Other,
        ),
        (
            "it existed",
            json!({}),
            StartAnswer::AlreadyExists,
            true,
            StartedBy::Other,
        ),
    ];
    for (row, patch, answer, unclaimed, expected) in rows {
        let mut bench = Bench::new(&patch);
        bench.call_start();
        bench.answer_start_claimed(answer, unclaimed);
        bench.call_describe();
        assert_eq!(
            bench.status().started_by.filter(|_| row != "it existed"),
            (row != "it existed").then_some(expected),
            "{row}, at once"
        );
        bench.answer_describe(found(TaskState::InProgress));
        bench.rest();
        assert_eq!(bench.status().started_by, Some(expected), "{row}");
        bench.edit(&json!({ "cancel": true }));
        let cancels = matches!(bench.next(), Step::Cancel(_));
        assert_eq!(cancels, expected == StartedBy::This, "{row}");
        if expected == StartedBy::Other {
            bench.assert_says(Phase::Running, Reason::CancelIgnored);
        }
    }
}

#[test]
fn a_copied_status_owns_nothing() {
    let mut bench = Bench::running(&json!({}));
    bench.store.force(&json!({ "metadata": { "uid": "another-uid" } }));
    bench.restart();
    bench.edit(&json!({ "cancel": true }));
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.rest();
    bench.assert_says(Phase::Running, Reason::CancelIgnored);
    bench.delete();
    assert!(matches!(bench.next(), Step::RemoveFinalizer { abandons_task: false }));
}

/// Unknown and Pending took turns for ever: the old record's token was "in use", and the new spec was held back.
#[test]
fn edited_after_it_existed_it_waits_for_the_old_task_and_then_goes_on() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(lost());
    bench.call_start_again();
    bench.answer_start(StartAnswer::AlreadyExists);
    let answered = bench.now;
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::NotFound);
    bench.rest();
    bench.edit(&json!({ "taskId": "another" }));
    bench.admission = crate::core::queue::Admission::Behind {
        ahead: 1,
        namespaces: 1,
    };
    while bench.phase() != Some(Phase::Queued) {
        if matches!(bench.next_call(), Step::Describe(_)) {
            bench.answer_describe(DescribeAnswer::NotFound);
        }
        assert!(bench.now.duration_since(answered) < SignedDuration::from_mins(17));
    }
    assert!(bench.now.duration_since(answered) >= SignedDuration::from_mins(15));
    bench.admission = crate::core::queue::Admission::Free;
    assert_eq!(bench.call_start().task_id, "another");
}

/// What a property test once found, from a memory that no life leads to.
#[test]
fn what_is_missing_since_before_the_last_request_is_waited_for_and_not_told_in_turns() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(lost());
    bench.answer_start(StartAnswer::AlreadyExists);
    bench.answer_describe(DescribeAnswer::NotFound);
    bench.memory.missing_since = Some((bench.now - SignedDuration::from_mins(15)).monotonic);
    bench
        .store
        .force(&json!({ "spec": { "taskId": "edited" }, "metadata": { "generation": 2 } }));
    bench.rest();
    bench.assert_says(Phase::Pending, Reason::AlreadyExists);
}

/// After a restart, too.
#[test]
fn an_edit_is_reason_to_ask_at_once_for_what_is_missing() {
    let mut bench = answered(&json!({}));
    while bench.phase() != Some(Phase::Unknown) {
        bench.call_describe();
        bench.answer_describe(DescribeAnswer::NotFound);
        bench.next();
    }
    bench.assert_says(Phase::Unknown, Reason::TokenInUse);
    bench.restart();
    assert!(bench.rest().is_some(), "not before its time");
    bench.edit(&json!({ "ttlSecondsAfterFinished": 7 }));
    assert!(matches!(bench.next(), Step::Describe(_)));
}
