//! The two tracks of an open attempt: when each is due, and which waits for the other.

use std::time::Duration;

use serde_json::json;

use super::bench::{Bench, TASK, found, lost, refused, success};
use crate::api::StartedBy;
use crate::core::answer::{DescribeAnswer, ErrorClass, TaskState};
use crate::core::task::plan::Decision;
use crate::core::task::step::Step;
use crate::core::timing;

/// An attempt whose answer was lost, and which was refused when it was sent again.
fn lost_and_refused(class: ErrorClass) -> Bench {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(lost());
    bench.call_start_again();
    bench.answer_start(refused(class));
    bench.pass(30);
    bench
}

fn replays(decision: &Decision) -> bool {
    decision
        .due
        .iter()
        .any(|step| matches!(step, Step::Read | Step::Start(_)))
}

/// Also while the look has to wait for the call budget.
#[test]
fn after_a_refusal_a_replay_waits_for_a_look() {
    let mut bench = lost_and_refused(ErrorClass::Throttled);
    bench.call_describe();
    assert!(!replays(&bench.decision()), "{:?}", bench.decision());
    bench.answer_describe(DescribeAnswer::NotFound);
    assert!(replays(&bench.decision()), "{:?}", bench.decision());
    bench.call_start();
}

/// It is the same Start whose answer tells whose the task is.
#[test]
fn a_task_that_is_found_after_a_refusal_that_passes_is_proven_by_a_replay() {
    let mut bench = lost_and_refused(ErrorClass::Throttled);
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.call_start();
    bench.answer_start(success());
    bench.rest();
    let status = bench.status();
    assert_eq!(status.task_id.as_deref(), Some(TASK));
    assert_eq!(status.started_by, Some(StartedBy::This));
}

#[test]
fn the_look_that_settles_it_is_not_put_off() {
    let mut bench = Bench::new(&json!({ "suspend": false }));
    bench.settings.poll.max = Duration::from_hours(1);
    bench.call_start();
    bench.answer_start(lost());
    let settled = bench.now.monotonic + timing::SIGNATURE_LIFETIME;
    bench.edit(&json!({ "suspend": true }));
    bench.pass(14 * 60 + 30);
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::NotFound);
    assert_eq!(bench.rest().map(|look| look.monotonic), Some(settled));
}
