//! What can be seen of a task as time goes by.

use serde_json::json;

use super::*;
use crate::Failure;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

/// Four findings of one check with two actions, over eight seconds: one action a second.
fn task(outcome: Outcome) -> TaskState {
    let finding = |id: &str| TargetFinding {
        id: id.to_owned(),
        check: "C".to_owned(),
        suppressed: id == "f-4",
    };
    TaskState::new(
        "t".to_owned(),
        "token".to_owned(),
        Value::Null,
        Target::default(),
        Mapping::from([("C".to_owned(), vec!["First".to_owned(), "Second".to_owned()])]),
        at(0),
        Duration::from_secs(8),
        ["f-1", "f-2", "f-3", "f-4"].map(finding).to_vec(),
        outcome,
    )
}

/// total, succeeded, failed, skipped, canceled.
fn counts(task: &TaskState, second: i64) -> [u64; 5] {
    let all = task.statistics(at(second));
    let check = &all["C"];
    [
        check.total_findings_count,
        check.succeeded_findings_count,
        check.failed_findings_count,
        check.skipped_findings_count,
        check.canceled_findings_count,
    ]
}

fn statuses(task: &TaskState, finding: &str, second: i64) -> Vec<String> {
    let executions = task.executions(finding, at(second), true);
    executions
        .iter()
        .map(|execution| execution["status"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn progresses_by_the_clock() {
    let task = task(Outcome::default());
    assert_eq!((task.status(at(0)), counts(&task, 0)), ("IN_PROGRESS", [4, 0, 0, 0, 0]));
    assert_eq!((task.status(at(5)), counts(&task, 5)), ("IN_PROGRESS", [4, 2, 0, 0, 0]));
    assert_eq!((task.status(at(8)), counts(&task, 8)), ("COMPLETED", [4, 3, 0, 1, 0]));
    assert_eq!(statuses(&task, "f-2", 1), ["PENDING", "PENDING"]);
    assert_eq!(statuses(&task, "f-2", 2), ["IN_PROGRESS", "PENDING"]);
    assert_eq!(statuses(&task, "f-2", 3), ["COMPLETED", "IN_PROGRESS"]);
    assert_eq!(statuses(&task, "f-2", 4), ["COMPLETED", "COMPLETED"]);
    assert_eq!(statuses(&task, "f-4", 8), ["SKIPPED", "SKIPPED"]);
    assert!(task.executions("f-2", at(1), false).is_empty());
    assert!(task.executions("other", at(1), true).is_empty());
}

#[test]
fn a_failure_skips_the_later_actions_of_its_finding_only() {
    let task = task(Outcome::failing([Failure {
        finding: "f-2".to_owned(),
        action: "First".to_owned(),
        ..Failure::default()
    }]));
    assert_eq!((task.status(at(8)), counts(&task, 8)), ("FAILED", [4, 2, 1, 1, 0]));
    assert_eq!(statuses(&task, "f-2", 8), ["FAILED", "SKIPPED"]);
    assert_eq!(statuses(&task, "f-3", 8), ["COMPLETED", "COMPLETED"]);
    let failed = &task.executions("f-2", at(8), true)[0];
    assert_eq!(failed["errorCode"], "INSUFFICIENT_PERMISSIONS");
    assert_eq!(failed["endTime"], json!(1_000_003.0));
}

#[test]
fn a_status_can_be_forced() {
    let failed = task(Outcome::status("FAILED"));
    assert_eq!((failed.status(at(8)), counts(&failed, 8)), ("FAILED", [4, 2, 1, 1, 0]));
    let canceled = task(Outcome::status("CANCELED"));
    assert_eq!(
        (canceled.status(at(8)), counts(&canceled, 8)),
        ("CANCELED", [4, 2, 0, 0, 2])
    );
    assert_eq!(statuses(&canceled, "f-3", 8), ["CANCELED", "CANCELED"]);
    assert_eq!(task(Outcome::status("PAUSED")).status(at(8)), "PAUSED");
}

#[test]
fn a_cancellation_keeps_what_had_ended() {
    let mut task = task(Outcome::default());
    task.cancel(at(3), Duration::from_secs(2));
    task.cancel(at(4), Duration::from_secs(9));
    assert_eq!((task.status(at(4)), counts(&task, 4)), ("IN_PROGRESS", [4, 1, 0, 0, 0]));
    assert_eq!((task.status(at(5)), counts(&task, 5)), ("CANCELED", [4, 1, 0, 0, 3]));
    assert_eq!(statuses(&task, "f-2", 5), ["COMPLETED", "CANCELED"]);
    assert_eq!(task.end(), at(5));
}

#[test]
fn a_cancellation_that_comes_too_late_changes_nothing() {
    let mut task = task(Outcome::default());
    task.cancel(at(7), Duration::from_secs(2));
    assert_eq!((task.status(at(8)), counts(&task, 8)), ("COMPLETED", [4, 3, 0, 1, 0]));
}

#[test]
fn a_held_task_ends_by_hand() {
    let mut task = task(Outcome::held());
    assert_eq!(
        (task.status(at(999)), counts(&task, 999)),
        ("IN_PROGRESS", [4, 3, 0, 0, 0])
    );
    assert!(task.finish(at(1000)));
    assert!(!task.finish(at(1001)));
    assert_eq!(
        (task.status(at(1000)), counts(&task, 1000)),
        ("COMPLETED", [4, 3, 0, 1, 0])
    );
}

#[test]
fn a_new_outcome_never_ends_a_task_in_the_past() {
    let mut task = task(Outcome::held());
    let findings = vec![TargetFinding {
        id: "f-1".to_owned(),
        check: "C".to_owned(),
        suppressed: false,
    }];
    task.replan(Duration::from_secs(8), findings, Outcome::default(), at(100));
    assert_eq!((task.end(), task.status(at(100))), (at(100), "COMPLETED"));
}
