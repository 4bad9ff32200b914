//! The start record and open attempts: crashes, lost answers, what settles them.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::bench::{Bench, REGION, TASK, found, found_another, lost, refused, success, uid};
use crate::api::{FINALIZER, Phase, Reason, START_RECORD_ANNOTATION, StartedBy};
use crate::core::answer::{DescribeAnswer, ErrorClass, StartAnswer, TaskState};
use crate::core::queue::Admission;
use crate::core::task::step::Step;

/// A start was sent, and the process died before it heard the answer.
pub(super) fn crashed(patch: &Value) -> Bench {
    let mut bench = Bench::new(patch);
    bench.call_start();
    bench.restart();
    bench
}

/// The task is not there yet, at each poll until this step comes.
pub(super) fn describe_nothing_until(bench: &mut Bench, done: impl Fn(&Bench, &Step) -> bool) -> Step {
    for _ in 0..2_000 {
        let step = bench.next_call();
        if done(bench, &step) {
            return step;
        }
        match step {
            Step::Describe(_) => bench.answer_describe(DescribeAnswer::NotFound),
            step => panic!("{step:?}"),
        }
    }
    panic!("never settled")
}

#[test]
fn the_record_and_the_finalizer_stand_before_the_start() {
    let mut bench = Bench::new(&json!({ "clientRequestToken": "mine", "region": "us-east-1" }));
    let record = bench.call_start();
    assert_eq!(bench.observed().record.as_ref(), Some(&record));
    assert!(bench.observed().has_finalizer());
    assert_eq!((record.task_id.as_str(), record.token.as_str()), (TASK, "mine"));
    assert_eq!((record.region.as_str(), record.uid.as_str()), ("us-east-1", uid()));
    assert_eq!(record.request_hash, bench.observed().desired.unwrap().request_hash);
    assert!(
        matches!(&bench.steps[..], [Step::WriteRecord { .. }, Step::Start(_)]),
        "{:?}",
        bench.steps
    );
}

#[test]
fn token_and_region_default_to_the_uid_and_the_operators_region() {
    let record = Bench::new(&json!({})).call_start();
    assert_eq!((record.token.as_str(), record.region.as_str()), (uid(), REGION));
}

#[test]
fn orphan_needs_no_finalizer() {
    let mut bench = Bench::new(&json!({ "deletionPolicy": "Orphan" }));
    bench.call_start();
    assert!(!bench.observed().has_finalizer());
    assert!(bench.observed().record.is_some());
}

#[test]
fn a_crash_before_the_record_starts_from_the_beginning() {
    let mut bench = Bench::new(&json!({}));
    assert!(matches!(bench.decide(), Step::WriteRecord { .. }));
    bench.restart();
    bench.call_start();
    assert_eq!(bench.status().attempt, None);
}

#[test]
fn a_crash_after_the_record_opens_the_attempt_and_sends_the_same_again() {
    let mut bench = Bench::new(&json!({}));
    let first = bench.call_start();
    bench.restart();
    let second = bench.call_start();
    assert_eq!(first, second);
    bench.assert_says(Phase::Pending, Reason::AttemptUnanswered);
    let attempt = bench.status().attempt.expect("shown while it is open");
    assert_eq!((attempt.task_id.as_str(), attempt.region.as_str()), (TASK, REGION));
    assert_eq!(attempt.request_hash, first.request_hash);
    bench.answer_start(success());
    bench.call_describe();
    assert_eq!(bench.status().attempt, None);
    assert_eq!(bench.status().started_by, Some(StartedBy::This));
}

#[test]
fn an_open_attempt_without_a_slot_is_looked_for_and_sent_again_once_there_is_one() {
    let mut bench = crashed(&json!({}));
    bench.admission = Admission::Behind {
        ahead: 0,
        namespaces: 1,
    };
    for _ in 0..3 {
        bench.call_describe();
        bench.answer_describe(DescribeAnswer::NotFound);
    }
    bench.assert_says(Phase::Pending, Reason::AttemptUnanswered);
    assert!(
        bench.message().contains("as many tasks run as may"),
        "{}",
        bench.message()
    );
    bench.admission = Admission::Free;
    bench.call_start();

    // Who finds the task needs no slot to prove whose it is: it runs already.
    let mut bench = crashed(&json!({}));
    bench.admission = Admission::Behind {
        ahead: 0,
        namespaces: 1,
    };
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.call_start();
}

#[test]
fn a_crash_after_the_status_follows_and_starts_nothing() {
    let mut bench = Bench::running(&json!({}));
    bench.restart();
    bench.call_describe();
    bench.answer_describe(found(TaskState::Completed));
    bench.rest();
    bench.assert_says(Phase::Completed, Reason::Completed);
    assert_eq!(bench.status().started_by, Some(StartedBy::This));
}

#[test]
fn a_start_is_sent_only_on_what_was_just_read() {
    let mut bench = crashed(&json!({}));
    bench.call_start();
    let starts = bench.steps.iter().position(|step| matches!(step, Step::WriteStatus(_)));
    assert!(starts.is_some(), "the write reads as well");
    bench.restart();
    bench.is_fresh = false;
    assert_eq!(bench.decide(), Step::Read);

    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(refused(ErrorClass::Throttled));
    bench.sleep();
    assert!(!bench.is_fresh);
    assert_eq!(bench.decide(), Step::Read, "nor is a refused one sent again");
}

#[test]
fn a_lost_answer_is_asked_for_with_the_same_record() {
    let mut bench = Bench::new(&json!({}));
    let first = bench.call_start();
    bench.answer_start(lost());
    assert_eq!(bench.call_start_again(), first);
    bench.assert_says(Phase::Pending, Reason::AttemptUnanswered);
    bench.answer_start(StartAnswer::AlreadyExists);
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.rest();
    bench.assert_says(Phase::Running, Reason::InProgress);
    assert_eq!(
        bench.status().started_by,
        Some(StartedBy::Other),
        "nobody can prove that it was this resource"
    );
}

#[test]
fn a_refusal_settles_nothing_while_an_earlier_attempt_is_unanswered() {
    for class in [
        ErrorClass::Throttled,
        ErrorClass::LimitExceeded,
        ErrorClass::AccessDenied,
        ErrorClass::CredentialsRejected,
    ] {
        let mut bench = Bench::new(&json!({}));
        let first = bench.call_start();
        bench.answer_start(lost());
        bench.call_start_again();
        bench.answer_start(refused(class));
        bench.next();
        bench.assert_says(Phase::Pending, Reason::AttemptUnanswered);
        assert!(bench.status().attempt.is_some(), "{class:?}");
        assert_eq!(bench.observed().record, Some(first), "{class:?}");
    }
}

#[test]
fn an_invalid_request_settles_nothing_either_until_fifteen_minutes_have_passed() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(lost());
    bench.call_start_again();
    bench.answer_start(StartAnswer::InvalidRequest("gone".to_owned()));
    let sent = bench.now;
    bench.call_describe();
    bench.assert_says(Phase::Pending, Reason::AttemptUnanswered);
    let message = bench.message();
    assert!(
        message.contains("refuses the same request now: gone; the service is asked"),
        "{message}"
    );
    bench.answer_describe(DescribeAnswer::NotFound);
    describe_nothing_until(&mut bench, |bench, _| bench.phase() == Some(Phase::Rejected));
    assert!(bench.now.duration_since(sent) >= SignedDuration::from_mins(15));
    assert_eq!(bench.status().attempt, None);
}

#[test]
fn refused_for_good_with_the_task_found_it_is_followed_as_somebody_elses() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(lost());
    bench.call_start_again();
    bench.answer_start(refused(ErrorClass::AccessDenied));
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.rest();
    bench.assert_says(Phase::Running, Reason::InProgress);
    assert_eq!(bench.status().started_by, Some(StartedBy::Other));
}

#[test]
fn the_frozen_request_cannot_be_edited_while_an_attempt_is_shown() {
    let mut bench = crashed(&json!({}));
    bench.call_start();
    assert!(!bench.store.edit(&json!({ "taskId": "another" })));
    assert!(!bench.store.edit(&json!({ "suspend": true })));
}

#[test]
fn edited_before_it_was_shown_it_is_described_until_nothing_can_arrive_any_more() {
    let mut bench = Bench::new(&json!({}));
    let first = bench.call_start();
    bench.edit(&json!({ "taskId": "another" }));
    bench.restart();
    let restarted = bench.now;
    bench.call_describe();
    bench.assert_says(Phase::Pending, Reason::AttemptUnanswered);
    assert_eq!(bench.status().attempt.unwrap().task_id, TASK);
    bench.answer_describe(DescribeAnswer::NotFound);
    let step = describe_nothing_until(&mut bench, |_, step| matches!(step, Step::Start(_)));
    assert!(bench.now.duration_since(restarted) >= SignedDuration::from_mins(15));
    assert!(bench.now.duration_since(restarted) < SignedDuration::from_mins(17));
    let Step::Start(second) = step else { panic!() };
    assert_eq!((first.task_id.as_str(), second.task_id.as_str()), (TASK, "another"));
    assert_eq!(bench.status().attempt, None);
}

#[test]
fn edited_before_it_was_shown_and_found_the_old_task_is_a_conflict_and_nothing_is_started() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.edit(&json!({ "auditCheckToActionsMapping": { "B_CHECK": ["B"] } }));
    bench.restart();
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.rest();
    bench.assert_says(Phase::Conflict, Reason::TaskDiffers);
}

#[test]
fn suspended_or_cancelled_before_it_was_shown_nothing_is_sent_again() {
    for (patch, phase, reason) in [
        (json!({ "suspend": true }), Phase::Suspended, Reason::Suspended),
        (json!({ "cancel": true }), Phase::Canceled, Reason::CanceledBeforeStart),
    ] {
        let mut bench = Bench::new(&json!({}));
        bench.call_start();
        bench.edit(&patch);
        bench.restart();
        describe_nothing_until(&mut bench, |bench, _| bench.phase() == Some(phase));
        bench.assert_says(phase, reason);
        assert_eq!(bench.status().attempt, None);
    }
}

#[test]
fn cancelled_with_the_task_found_a_replay_proves_whose_it_is_and_then_it_is_cancelled() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.edit(&json!({ "cancel": true }));
    bench.restart();
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.call_start();
    bench.answer_start(success());
    bench.call_cancel();
    bench.assert_says(Phase::Canceling, Reason::CanceledBySpec);
}

#[test]
fn a_task_that_does_something_else_is_not_replayed() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.edit(&json!({ "suspend": true }));
    bench.restart();
    bench.call_describe();
    bench.answer_describe(found_another(TaskState::InProgress));
    bench.rest();
    bench.assert_says(Phase::Conflict, Reason::TaskDiffers);
}

#[test]
fn a_missing_finalizer_is_put_back_while_an_attempt_is_open() {
    let mut bench = crashed(&json!({}));
    bench.call_start();
    bench.answer_start(lost());
    bench.call_describe();
    bench.answer_describe(DescribeAnswer::NotFound);
    bench.rest();
    bench.store.force(&json!({ "metadata": { "finalizers": [] } }));
    bench.next();
    assert_eq!(bench.store.json()["metadata"]["finalizers"], json!([FINALIZER]));
}

#[test]
fn an_annotation_that_was_removed_is_rebuilt_from_the_status() {
    let mut bench = crashed(&json!({}));
    let record = bench.call_start();
    bench.answer_start(lost());
    bench.call_describe();
    bench
        .store
        .force(&json!({ "metadata": { "annotations": { START_RECORD_ANNOTATION: null } } }));
    bench.restart();
    let rebuilt = bench.call_start();
    assert_eq!(
        (&rebuilt.task_id, &rebuilt.token, &rebuilt.region),
        (&record.task_id, &record.token, &record.region)
    );
    assert_eq!(rebuilt.request_hash, record.request_hash);
    bench.answer_start(refused(ErrorClass::Throttled));
    bench.next();
    bench.assert_says(Phase::Pending, Reason::AttemptUnanswered);
}

#[test]
fn a_new_default_region_does_not_move_an_open_attempt() {
    let mut bench = crashed(&json!({}));
    bench.settings.default_region = Some("us-west-2".to_owned());
    assert_eq!(bench.call_start().region, REGION);
}

#[test]
fn under_a_record_that_cannot_be_read_nothing_is_started() {
    for text in ["{", r#"{ "version": 2 }"#, "", "null"] {
        let mut bench = Bench::new(&json!({}));
        bench
            .store
            .force(&json!({ "metadata": { "annotations": { START_RECORD_ANNOTATION: text } } }));
        assert_eq!(bench.rest(), None, "{text:?}");
        bench.assert_says(Phase::Unknown, Reason::StartRecordUnreadable);
        bench.edit(&json!({ "ttlSecondsAfterFinished": 7 }));
        assert_eq!(
            bench.rest(),
            None,
            "{text:?}: an edit tells nothing of what was started"
        );
        bench.assert_says(Phase::Unknown, Reason::StartRecordUnreadable);
        bench
            .store
            .force(&json!({ "metadata": { "annotations": { START_RECORD_ANNOTATION: null } } }));
        bench.call_start();
    }
}

/// What could not be read for a while may have been sent before.
#[test]
fn a_record_that_can_be_read_again_is_an_open_attempt() {
    let mut bench = crashed(&json!({}));
    let record = bench.observed().record.unwrap();
    let annotate = |bench: &mut Bench, text: &str| {
        let annotations = json!({ START_RECORD_ANNOTATION: text });
        bench
            .store
            .force(&json!({ "metadata": { "annotations": annotations } }));
    };
    annotate(&mut bench, "{");
    bench.rest();
    bench.assert_says(Phase::Unknown, Reason::StartRecordUnreadable);
    annotate(&mut bench, &serde_json::to_string(&record).unwrap());
    assert_eq!(bench.call_start(), record);
    bench.assert_says(Phase::Pending, Reason::AttemptUnanswered);
}
