//! A record of another uid: the resource was copied or restored.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::bench::{Bench, TASK, failure, found, found_another};
use crate::api::{Phase, Reason, StartedBy};
use crate::core::answer::{DescribeAnswer, Effect, ErrorClass, TaskState};
use crate::core::task::step::Step;

/// A copy of a resource that started its task: the annotation came with it, the status did not.
fn copy(patch: &Value) -> Bench {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench
        .store
        .force(&json!({ "metadata": { "uid": "copy" }, "status": { "observedGeneration": -1 } }));
    bench.restart();
    assert!(bench.store.edit(patch));
    bench
}

fn forgotten() -> Bench {
    let mut bench = copy(&json!({}));
    let began = bench.now;
    for _ in 0..200 {
        match bench.next_call() {
            Step::Describe(_) => bench.answer_describe(DescribeAnswer::NotFound),
            Step::Wait(None) => break,
            step => panic!("{step:?}"),
        }
    }
    assert!(
        bench.now.duration_since(began) >= SignedDuration::from_secs(60),
        "a grace period"
    );
    bench
}

#[test]
fn it_follows_the_task_that_is_found_and_owns_nothing() {
    let mut bench = copy(&json!({}));
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.rest();
    bench.assert_says(Phase::Running, Reason::InProgress);
    assert_eq!(bench.status().task_id.as_deref(), Some(TASK));
    assert_eq!(bench.status().started_by, Some(StartedBy::Other));
}

#[test]
fn a_task_that_differs_is_a_conflict() {
    let mut bench = copy(&json!({}));
    bench.call_describe();
    bench.answer_describe(found_another(TaskState::Completed));
    bench.rest();
    bench.assert_says(Phase::Conflict, Reason::TaskDiffers);
}

#[test]
fn not_found_is_unknown_and_names_the_way_out() {
    let mut bench = forgotten();
    bench.assert_says(Phase::Unknown, Reason::TaskExpired);
    assert!(bench.message().contains("spec.taskId"), "{}", bench.message());
    bench.restart();
    assert_eq!(bench.rest(), None, "it asks no more");
    bench.edit(&json!({ "ttlSecondsAfterFinished": 5 }));
    bench.restart();
    for _ in 0..200 {
        match bench.next_call() {
            Step::Describe(_) => bench.answer_describe(DescribeAnswer::NotFound),
            Step::Wait(None) => break,
            step => panic!("{step:?}"),
        }
    }
    bench.assert_says(Phase::Unknown, Reason::TaskExpired);
    bench.edit(&json!({ "taskId": "another" }));
    let record = bench.call_start();
    assert_eq!((record.task_id.as_str(), record.uid.as_str()), ("another", "copy"));
}

#[test]
fn with_another_request_the_record_is_void() {
    for patch in [
        json!({ "taskId": "another" }),
        json!({ "target": { "auditTaskId": "another" } }),
    ] {
        let record = copy(&patch).call_start();
        assert_eq!(record.uid, "copy", "{patch}");
    }
}

#[test]
fn suspended_or_cancelled_it_asks_nothing() {
    for (patch, phase) in [
        (json!({ "suspend": true }), Phase::Suspended),
        (json!({ "cancel": true }), Phase::Canceled),
    ] {
        let mut bench = copy(&patch);
        assert_eq!(bench.rest(), None);
        assert_eq!(bench.phase(), Some(phase));
    }
}

#[test]
fn a_suspended_copy_that_is_resumed_still_starts_nothing() {
    let mut bench = copy(&json!({ "suspend": true }));
    bench.rest();
    bench.edit(&json!({ "suspend": false }));
    bench.call_describe();
}

#[test]
fn a_describe_that_fails_is_told_and_tried_again() {
    let mut bench = copy(&json!({}));
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::Failed(failure(
        ErrorClass::ServiceUnavailable,
        Effect::Unknown,
    )));
    assert!(bench.rest().is_some());
    bench.assert_says(Phase::Pending, Reason::ServiceUnavailable);
    bench.call_describe();
}

#[test]
fn its_deletion_touches_nothing() {
    let mut bench = copy(&json!({}));
    bench.delete();
    assert_eq!(bench.next(), Step::RemoveFinalizer { abandons_task: false });
}
