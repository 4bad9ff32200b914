//! A record under which nothing was started: when it is sent again, when it is written anew, and how long nobody knows.

use jiff::SignedDuration;
use serde_json::json;

use super::attempts::describe_nothing_until;
use super::bench::{Bench, TASK, lost, refused, success};
use crate::api::{Phase, Reason};
use crate::core::answer::{ErrorClass, StartAnswer};
use crate::core::queue::Admission;

#[test]
fn a_record_that_was_refused_is_used_again() {
    let mut bench = Bench::new(&json!({}));
    let first = bench.call_start();
    bench.answer_start(refused(ErrorClass::Throttled));
    bench.sleep();
    assert_eq!(bench.call_start(), first);
}

/// Or the refusal would leave the attempt open that was settled before.
#[test]
fn a_record_with_an_attempt_that_was_settled_is_written_anew() {
    let mut bench = Bench::new(&json!({}));
    let first = bench.call_start();
    bench.answer_start(lost());
    bench.edit(&json!({ "suspend": true }));
    describe_nothing_until(&mut bench, |bench, _| bench.phase() == Some(Phase::Suspended));
    bench.edit(&json!({ "suspend": null }));
    assert!(bench.call_start().time > first.time);
    bench.answer_start(refused(ErrorClass::Throttled));
    bench.rest();
    bench.assert_says(Phase::Pending, Reason::Throttled);
    assert_eq!(bench.status().attempt, None);
}

/// What is sent goes where its slot was taken.
#[test]
fn a_record_for_another_region_than_the_operators_is_written_anew() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(refused(ErrorClass::Throttled));
    bench.edit(&json!({ "suspend": true }));
    bench.rest();
    bench.restart();
    bench.settings.default_region = Some("us-west-2".to_owned());
    bench.edit(&json!({ "suspend": null }));
    bench.admission = Admission::Behind {
        ahead: 1,
        namespaces: 1,
    };
    bench.rest();
    bench.admission = Admission::Free;
    assert_eq!(bench.call_start().region, "us-west-2");
}

/// The finalizer went when the request was rejected.
#[test]
fn a_record_without_its_finalizer_is_written_anew_with_it() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(StartAnswer::InvalidRequest("no such audit".to_owned()));
    bench.rest();
    bench.edit(&json!({ "suspend": true }));
    bench.rest();
    assert!(!bench.observed().has_finalizer());
    bench.edit(&json!({ "suspend": null }));
    bench.call_start();
    assert!(bench.observed().has_finalizer());
}

/// However old the record is: the process before this one may have sent the same again a moment ago.
#[test]
fn what_another_process_sent_may_arrive_until_a_quarter_of_an_hour_after_its_end() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.edit(&json!({ "suspend": true }));
    bench.pass(3_600);
    bench.restart();
    let restarted = bench.now;
    describe_nothing_until(&mut bench, |bench, _| bench.phase() == Some(Phase::Suspended));
    assert!(bench.now.duration_since(restarted) >= SignedDuration::from_mins(15));
}

/// A write that somebody gave up on arrives after the start: it was true before, and is put right.
#[test]
fn a_status_that_comes_late_does_not_hide_what_was_started() {
    for phase in ["Pending", "Suspended", "Unknown"] {
        let mut bench = Bench::new(&json!({}));
        bench.call_start();
        bench.answer_start(success());
        bench
            .store
            .force(&json!({ "status": { "phase": phase, "observedGeneration": 1, "conditions": [] } }));
        bench.call_describe();
        bench.assert_says(Phase::Running, Reason::InProgress);
        assert_eq!(bench.status().task_id.as_deref(), Some(TASK), "{phase}");
    }
}
