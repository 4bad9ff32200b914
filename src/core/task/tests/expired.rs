//! Records older than the service's memory is long: what may have been started is never started again.

use jiff::SignedDuration;
use serde_json::json;

use super::attempts::{crashed, describe_nothing_until};
use super::bench::{found, start};
use crate::api::{Phase, Reason, StartedBy};
use crate::core::answer::{DescribeAnswer, TaskState};
use crate::core::task::step::Step;

#[test]
fn a_record_older_than_80_days_is_settled_by_describe_alone() {
    for (days, sends) in [(79, true), (80, false), (85, false)] {
        let mut bench = crashed(&json!({}));
        bench.now = start() + SignedDuration::from_hours(24 * days) + SignedDuration::from_secs(1);
        bench.restart();
        assert_eq!(matches!(bench.next(), Step::Start(_)), sends, "{days} days");
    }
}

#[test]
fn an_expired_record_with_no_task_is_unknown_for_good_and_names_the_way_out() {
    let mut bench = crashed(&json!({}));
    bench.pass(85 * 86_400);
    bench.restart();
    describe_nothing_until(&mut bench, |bench, _| bench.phase() == Some(Phase::Unknown));
    bench.assert_says(Phase::Unknown, Reason::TaskExpired);
    assert!(bench.message().contains("spec.taskId"), "{}", bench.message());
    assert_eq!(bench.rest(), None);
    bench.assert_says(Phase::Unknown, Reason::TaskExpired);
    for _ in 0..2 {
        bench.edit(&json!({ "ttlSecondsAfterFinished": 7 }));
        bench.restart();
        assert_eq!(bench.rest(), None, "an edit that asks for the same changes nothing");
        bench.assert_says(Phase::Unknown, Reason::TaskExpired);
    }
    bench.edit(&json!({ "suspend": true }));
    bench.rest();
    bench.edit(&json!({ "suspend": null }));
    bench.rest();
    bench.assert_says(Phase::Unknown, Reason::TaskExpired);

    bench.edit(&json!({ "taskId": "the-way-out" }));
    assert_eq!(bench.call_start().task_id, "the-way-out");
}

#[test]
fn an_expired_record_whose_task_is_found_is_followed() {
    let mut bench = crashed(&json!({}));
    bench.pass(85 * 86_400);
    bench.restart();
    bench.call_describe();
    bench.answer_describe(found(TaskState::Completed));
    bench.rest();
    bench.assert_says(Phase::Completed, Reason::Completed);
    assert_eq!(bench.status().started_by, Some(StartedBy::Other));
}

/// What another process sent a moment ago may still arrive.
#[test]
fn an_expired_record_is_not_given_up_at_the_first_look() {
    let mut bench = crashed(&json!({}));
    bench.pass(85 * 86_400);
    bench.restart();
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::NotFound);
    bench.rest();
    bench.assert_says(Phase::Pending, Reason::AttemptUnanswered);
}
