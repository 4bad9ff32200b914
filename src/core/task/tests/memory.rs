//! What a process keeps of the attempts under a start record, and what it doesn't.

use serde_json::json;

use super::bench::{Bench, refused};
use crate::api::{Phase, Reason};
use crate::core::answer::{ErrorClass, Operation, StartAnswer};
use crate::core::task::attempt::{AttemptAnswer, KnownAttempt};

/// What failed under the record before fails under the next one.
#[test]
fn a_new_record_does_not_begin_the_backoff_anew() {
    let mut bench = Bench::new(&json!({}));
    let first = bench.call_start();
    bench.answer_start(refused(ErrorClass::AccessDenied));
    bench.pass(25 * 3_600);
    assert!(bench.call_start().time > first.time, "it is too old to be used again");
    bench.answer_start(refused(ErrorClass::AccessDenied));
    let count = bench.memory.retries.of(Operation::Start).map(|retry| retry.count);
    assert_eq!(count, Some(2));
}

/// A restore puts another record there.
#[test]
fn what_is_known_of_one_record_says_nothing_about_another() {
    let mut bench = Bench::new(&json!({}));
    let record = bench.call_start();
    bench.answer_start(refused(ErrorClass::Throttled));
    let mut another = record.clone();
    another.time -= jiff::SignedDuration::from_secs(1);
    let known_since = bench.now.monotonic;
    let under = |record| bench.memory.attempt_under(record, known_since);
    assert_eq!(under(&record).answer, Some(AttemptAnswer::Refused));
    assert_eq!(under(&another), KnownAttempt::found(another.clone(), known_since));
}

/// A status that rests proves that nothing is in flight. It proves no more than what this process knows already.
#[test]
fn a_status_over_one_that_rests_teaches_only_who_does_not_know() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(StartAnswer::InvalidRequest("no such audit".to_owned()));
    bench.rest();
    bench.assert_says(Phase::Rejected, Reason::InvalidRequest);
    let (rests, knew) = (bench.observed(), bench.memory.clone());
    bench.memory.status_written(&rests, bench.now);
    assert_eq!(bench.memory, knew);

    let record = rests.record.clone().unwrap();
    let learnt = KnownAttempt::nothing_sent(record.clone(), Some(AttemptAnswer::Refused), bench.now.monotonic);
    bench.restart();
    bench.memory.status_written(&rests, bench.now);
    assert_eq!(bench.memory.attempt.as_ref(), Some(&learnt));
    bench.memory.attempt.as_mut().unwrap().record.region = "us-east-1".to_owned();
    bench.memory.status_written(&rests, bench.now);
    assert_eq!(bench.memory.attempt, Some(learnt), "it knew another");
}
