//! Each phase, and what a person may do to a resource in it: two kinds of deletion, suspend, cancel, edits.

use serde_json::{Value, json};

use super::approval::{MANY, awaiting, bounded};
use super::bench::{Bench, REGION, found, found_another, lost, refused, success};
use crate::api::Phase;
use crate::core::answer::{DescribeAnswer, ErrorClass, StartAnswer, TaskState};
use crate::core::queue::Admission;
use crate::core::task::step::Step;

/// What comes of it, in short.
fn outcome(bench: &mut Bench) -> String {
    if bench.store.read().is_none() {
        return "gone".to_owned();
    }
    let step = match bench.next() {
        Step::Wait(None) => "rests",
        Step::Wait(Some(_)) => "waits",
        Step::Start(_) => "Start",
        Step::Describe(_) => "Describe",
        Step::Cancel(_) => "Cancel",
        Step::RemoveFinalizer { abandons_task: false } => return "gone".to_owned(),
        step => panic!("{step:?}"),
    };
    let is_observed = bench.observed().is_observed();
    format!(
        "{:?} {step}{}",
        bench.phase().unwrap(),
        if is_observed { "" } else { ", not acknowledged" }
    )
}

fn following(patch: &Value, answer: StartAnswer, found: DescribeAnswer) -> Bench {
    let mut bench = Bench::new(patch);
    bench.call_start();
    bench.answer_start(answer);
    bench.call_describe();
    bench.answer_describe(found);
    bench.rest();
    bench
}

fn in_phase(phase: Phase) -> Bench {
    let started = |answer| {
        let mut bench = Bench::new(&json!({}));
        bench.call_start();
        bench.answer_start(answer);
        bench.next();
        bench
    };
    let bench = match phase {
        Phase::Pending => started(refused(ErrorClass::Throttled)),
        Phase::Queued => {
            let mut bench = Bench::new(&json!({}));
            bench.admission = Admission::Behind {
                ahead: 2,
                namespaces: 1,
            };
            bench.rest();
            bench
        }
        Phase::AwaitingApproval => awaiting(&bounded(), MANY),
        Phase::Suspended => {
            let mut bench = Bench::new(&json!({ "suspend": true }));
            bench.rest();
            bench
        }
        Phase::Running => following(&json!({}), success(), found(TaskState::InProgress)),
        Phase::Canceling => {
            let mut bench = following(&json!({}), success(), found(TaskState::InProgress));
            bench.edit(&json!({ "cancel": true }));
            bench.call_cancel();
            bench.answer_cancel(crate::core::answer::CancelAnswer::Accepted);
            bench.rest();
            bench
        }
        Phase::Completed => following(&json!({}), success(), found(TaskState::Completed)),
        Phase::Failed => following(&json!({}), success(), found(TaskState::Failed)),
        Phase::Canceled => following(&json!({}), success(), found(TaskState::Canceled)),
        Phase::Rejected => started(StartAnswer::InvalidRequest("no".to_owned())),
        Phase::Conflict => following(
            &json!({}),
            StartAnswer::AlreadyExists,
            found_another(TaskState::InProgress),
        ),
        Phase::Unknown => {
            let mut bench = following(&json!({}), success(), DescribeAnswer::NotFound);
            bench.pass(100);
            bench.call_describe();
            bench.answer_describe(DescribeAnswer::NotFound);
            bench.rest();
            bench
        }
    };
    assert_eq!(bench.phase(), Some(phase));
    bench
}

/// The column, and what is done.
fn cell(phase: Phase, column: &str) -> String {
    let mut bench = in_phase(phase);
    let patch = match column {
        "delete" => {
            bench.delete();
            return outcome(&mut bench);
        }
        "delete, Orphan" => {
            bench.edit(&json!({ "deletionPolicy": "Orphan" }));
            bench.delete();
            return outcome(&mut bench);
        }
        "suspend" => json!({ "suspend": true }),
        "cancel" => json!({ "cancel": true }),
        "frozen" => json!({ "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["Another"] } }),
        "free" => json!({ "ttlSecondsAfterFinished": 3_600 }),
        other => panic!("{other}"),
    };
    if !bench.store.edit(&patch) {
        return "refused".to_owned();
    }
    bench.is_fresh = false;
    outcome(&mut bench)
}

const COLUMNS: [&str; 6] = ["delete", "delete, Orphan", "suspend", "cancel", "frozen", "free"];

/// One row a phase, one cell a column. "refused" is the CRD's doing.
const CELLS: [(Phase, [&str; 6]); 11] = [
    (
        Phase::Pending,
        [
            "gone",
            "gone",
            "Suspended rests",
            "Canceled rests",
            "Pending Start, not acknowledged",
            "Pending Start, not acknowledged",
        ],
    ),
    (
        Phase::Queued,
        [
            "gone",
            "gone",
            "Suspended rests",
            "Canceled rests",
            "Queued rests",
            "Queued rests",
        ],
    ),
    (
        Phase::Suspended,
        [
            "gone",
            "gone",
            "Suspended rests",
            "Canceled rests",
            "Suspended rests",
            "Suspended rests",
        ],
    ),
    (
        Phase::Running,
        [
            "Canceling Cancel",
            "gone",
            "refused",
            "Canceling Cancel",
            "refused",
            "Running waits",
        ],
    ),
    (
        Phase::Canceling,
        [
            "gone",
            "gone",
            "refused",
            "Canceling waits",
            "refused",
            "Canceling waits",
        ],
    ),
    (
        Phase::Completed,
        [
            "gone",
            "gone",
            "refused",
            "Completed rests",
            "refused",
            "Completed waits",
        ],
    ),
    (
        Phase::Failed,
        ["gone", "gone", "refused", "Failed rests", "refused", "Failed waits"],
    ),
    (
        Phase::Canceled,
        ["gone", "gone", "refused", "Canceled rests", "refused", "Canceled waits"],
    ),
    (
        Phase::Rejected,
        [
            "gone",
            "gone",
            "Suspended rests",
            "Canceled rests",
            "Pending Start",
            "Pending Start",
        ],
    ),
    (
        Phase::Conflict,
        [
            "gone",
            "gone",
            "Suspended rests",
            "Canceled rests",
            "Pending Start",
            "Pending Start",
        ],
    ),
    (
        Phase::Unknown,
        // What is missing may be found by an edit, and may run all the same.
        [
            "Unknown Cancel",
            "gone",
            "refused",
            "Unknown Describe",
            "refused",
            "Unknown Describe",
        ],
    ),
];

#[test]
fn each_cell() {
    let mut wrong = Vec::new();
    for (phase, cells) in CELLS {
        for (column, expected) in COLUMNS.into_iter().zip(cells) {
            let found = cell(phase, column);
            if found != expected {
                wrong.push(format!("{phase:?} / {column}: {found}, expected {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_open_attempt_survives_each_of_them() {
    for column in ["suspend", "cancel", "frozen", "free"] {
        let mut bench = Bench::new(&json!({}));
        let record = bench.call_start();
        bench.answer_start(lost());
        // Not shown yet, so the CRD lets everything pass.
        let patch = match column {
            "suspend" => json!({ "suspend": true }),
            "cancel" => json!({ "cancel": true }),
            "frozen" => json!({ "taskId": "another" }),
            _ => json!({ "ttlSecondsAfterFinished": 3_600 }),
        };
        bench.edit(&patch);
        bench.next();
        assert_eq!(bench.phase(), Some(Phase::Pending), "{column}");
        let attempt = bench.status().attempt.expect(column);
        assert_eq!(
            (attempt.task_id, attempt.region.as_str()),
            (record.task_id.clone(), REGION),
            "{column}"
        );
        assert_eq!(bench.observed().record, Some(record), "{column}");
    }
}

#[test]
fn a_stored_spec_that_cannot_be_understood_is_rejected_and_corrected() {
    let mut bench = Bench::new(&json!({}));
    bench.store.force(&json!({ "spec": { "target": "nonsense" } }));
    assert_eq!(bench.rest(), None);
    bench.assert_says(Phase::Rejected, crate::api::Reason::InvalidSpec);
    bench.edit(&json!({ "target": { "auditTaskId": "a1" } }));
    bench.call_start();
}

#[test]
fn a_running_task_is_followed_although_its_spec_cannot_be_understood() {
    let mut bench = Bench::running(&json!({}));
    bench.store.force(&json!({ "spec": { "target": "nonsense" } }));
    bench.sleep();
    bench.call_describe();
    bench.answer_describe(found(TaskState::Completed));
    bench.rest();
    bench.assert_says(Phase::Completed, crate::api::Reason::Completed);
}
