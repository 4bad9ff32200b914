//! The table of the verdict: each row, and that the first that applies counts.

use serde_json::json;

use super::bench::{Bench, EXPIRING, REVOKED, task};
use crate::api::{Approval, AuditOutcome, Phase};
use crate::core::answer::{AuditState, CheckState, Effect, ErrorClass, Failure, ReadAnswer};
use crate::core::policy::step::Step;
use crate::core::policy::verdict::Row;

const SOURCE: &str = include_str!("../verdict.rs");
const AUDIT: &str = "2026-05-01T06:00:00.250Z";
const LATER: &str = "2026-05-01T07:00:00Z";

/// The rows of the table in the docs of the code.
fn documented() -> Vec<String> {
    let lines = SOURCE.lines().filter(|line| line.starts_with("//! | "));
    let rows = lines.skip(1).map(|line| line.split('|').nth(2).unwrap());
    rows.map(|cell| cell.trim().trim_matches('`').to_owned()).collect()
}

/// What makes a row apply.
type Change = fn(&mut Bench);

/// What makes each row apply, in the order of the table. Each is undone by the next, so that all rows above it have to be
/// stepped over, and everything below it is there already.
fn rows() -> Vec<(Row, Change)> {
    vec![
        (Row::InvalidSpec, |bench| bench.spec["approval"] = json!(null)),
        (Row::RegionMissing, |bench| {
            bench.spec["approval"] = json!({});
            bench.default_region = None;
        }),
        (Row::ScheduleUnread, |bench| {
            bench.default_region = Some(super::bench::REGION);
        }),
        (Row::ScheduledAuditNotFound, |bench| {
            bench.answer_schedule(ReadAnswer::NotFound);
        }),
        (Row::ScheduleReadFails, |bench| {
            bench.answer_schedule(ReadAnswer::Failed(denied()));
        }),
        (Row::AuditsUnread, |bench| {
            bench.describe_schedule();
            bench.snapshot.as_mut().unwrap().audits.take();
        }),
        (Row::AuditReadsFail, |bench| {
            bench.snapshot = Some(full().snapshot.unwrap());
            bench.snapshot.as_mut().unwrap().failure = Some((ErrorClass::AccessDenied, "no".to_owned()));
        }),
        (Row::NewlyWatching, |bench| {
            bench.snapshot.as_mut().unwrap().failure = None;
            bench.status = None;
        }),
        (Row::NothingNew, |bench| {
            bench.write_status();
            bench.snapshot.as_mut().unwrap().audits.as_mut().unwrap().clear();
        }),
        (Row::InProgress, |bench| {
            bench.snapshot = full().snapshot;
            bench.add("c", LATER, AuditState::InProgress, &[]);
        }),
        (Row::AuditFailed, |bench| {
            bench.snapshot.as_mut().unwrap().audits.as_mut().unwrap().clear();
            bench.add("c", LATER, AuditState::Failed, &[]);
        }),
        (Row::TaskExists, |bench| {
            bench.snapshot = full().snapshot;
            bench.add("c", LATER, AuditState::Failed, &[]);
            bench.tasks.push(task("nightly-b", "b", AUDIT, Some(Phase::Running)));
        }),
        (Row::Compliant, |bench| {
            bench.tasks.pop();
            let checks = [(EXPIRING, CheckState::Compliant), (REVOKED, CheckState::Compliant)];
            bench.add("b", AUDIT, AuditState::Completed, &checks);
        }),
        (Row::Suspended, |bench| {
            bench.add_completed("b", AUDIT);
            bench.spec["suspend"] = json!(true);
        }),
        (Row::TooOld, |bench| {
            bench.spec["suspend"] = json!(false);
            bench.spec["startingDeadlineSeconds"] = json!(3600);
        }),
        (Row::Waits, |bench| {
            bench.spec["startingDeadlineSeconds"] = json!(null);
        }),
        (Row::Supersedes, |bench| {
            bench.tasks.retain(|task| task.phase != Some(Phase::Running));
        }),
        (Row::NameTaken, |bench| {
            bench.tasks.clear();
            bench.memory.name_taken("b", false);
        }),
        (Row::TaskRefused, |bench| {
            let now = bench.now.monotonic;
            bench.memory.task_refused("b", "no".to_owned(), 1, "uid", now);
        }),
        (Row::Creates, |bench| bench.memory.name_taken("another", false)),
    ]
}

fn denied() -> Failure {
    Failure {
        class: ErrorClass::AccessDenied,
        effect: Effect::None,
        message: "no".to_owned(),
    }
}

/// One for which each row from `Waits` on applies.
fn full() -> Bench {
    let mut bench = Bench::watching();
    bench.add_completed("b", AUDIT);
    let old = "2026-05-01T02:00:00Z";
    bench.tasks = vec![
        task("nightly-0", "0", old, Some(Phase::Running)),
        task("nightly-a", "a", old, Some(Phase::AwaitingApproval)),
    ];
    bench.memory.name_taken("b", false);
    bench
}

#[test]
fn the_first_row_that_applies_counts_in_the_order_of_the_table() {
    let mut bench = full();
    bench.memory = crate::core::policy::memory::PolicyMemory::default();
    let mut seen = Vec::new();
    for (row, change) in rows() {
        change(&mut bench);
        assert_eq!(bench.row(), row);
        seen.push(format!("{row:?}"));
    }
    assert_eq!(seen, documented());
}

#[test]
fn a_policy_that_was_stored_without_approval_makes_no_task() {
    let mut bench = full();
    bench.tasks.clear();
    bench.memory.name_taken("another", false);
    assert_eq!(bench.row(), Row::Creates);
    bench.spec.as_object_mut().unwrap().remove("approval");
    assert_eq!(bench.row(), Row::InvalidSpec);
    assert_eq!(bench.observed().desired.unwrap_err(), "approval is missing");
    bench.spec["approval"] = json!(Approval::default());
    assert_eq!(bench.row(), Row::Creates);
}

/// An audit that began before the policy was made, or pointed at the schedule, never counts; neither does one of another
/// schedule, or one whose start nobody knows.
#[test]
fn only_audits_from_after_the_beginning_count() {
    for (start, counts) in [
        ("2026-04-30T23:59:59Z", false),
        ("2026-05-01T00:00:00Z", false),
        ("2026-05-01T00:00:01Z", false),
        ("2026-05-01T00:00:01.001Z", true),
    ] {
        let mut bench = Bench::watching();
        bench.add_completed("b", start);
        assert_eq!(bench.row() == Row::Creates, counts, "{start}");
    }
    let mut bench = Bench::watching();
    bench.add_completed("b", AUDIT);
    bench.add_completed("c", LATER);
    let audits = bench.snapshot.as_mut().unwrap().audits.as_mut().unwrap();
    audits.get_mut("b").unwrap().start_time = None;
    audits.get_mut("c").unwrap().scheduled_audit_name = Some("other".to_owned());
    assert_eq!(bench.row(), Row::NothingNew);
    // A change of the schedule, or of the region, begins anew.
    for (field, value) in [("scheduledAuditName", "Weekly"), ("region", "us-east-1")] {
        let mut bench = full();
        bench.edit(field, json!(value));
        assert_eq!(bench.row(), Row::NewlyWatching, "{field}");
        let status = bench.write_status();
        assert!(status.audits.is_empty());
        let watching = status.watching.as_ref().unwrap();
        assert_eq!(watching.since.0.to_string(), "2026-05-01T12:00:00Z");
        bench.edit(field, super::bench::spec().get(field).cloned().unwrap_or(json!(null)));
        bench.write_status();
        assert_eq!(bench.row(), Row::NothingNew, "{field}");
    }
}

/// Each in the same write as the audit that is judged.
#[test]
fn all_newer_audits_are_noted_and_the_newest_completed_one_is_judged() {
    let mut bench = Bench::watching();
    bench.add_completed("1", "2026-05-01T02:00:00Z");
    bench.add("2", "2026-05-01T03:00:00Z", AuditState::InProgress, &[]);
    bench.add("3", "2026-05-01T04:00:00Z", AuditState::Canceled, &[]);
    bench.add_completed("4", AUDIT);
    let failed = [(EXPIRING, CheckState::Failed)];
    bench.add("5", LATER, AuditState::Failed, &failed);
    bench.spec["suspend"] = json!(true);
    let status = bench.write_status();
    let noted: Vec<_> = status
        .audits
        .iter()
        .map(|record| {
            (
                &*record.audit_task_id,
                record.outcome,
                record.reason.as_deref().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        noted,
        [
            (
                "5",
                AuditOutcome::AuditFailed,
                "Failed: DEVICE_CERTIFICATE_EXPIRING_CHECK (INTERNAL)"
            ),
            ("4", AuditOutcome::Skipped, "Suspended"),
            ("3", AuditOutcome::AuditFailed, "Canceled"),
            ("2", AuditOutcome::Skipped, "Superseded"),
            ("1", AuditOutcome::Skipped, "Superseded"),
        ]
    );
    assert_eq!(status.audits[1].findings[EXPIRING], 12);
    assert_eq!(status.findings, Some(12));
    assert_eq!(bench.row(), Row::NothingNew);
    assert!(bench.due().is_empty());
    // What is not newer than the watermark is never looked at again.
    bench.add_completed("2", "2026-05-01T03:00:00Z");
    bench.add_completed("late", "2026-05-01T06:59:59Z");
    assert_eq!(bench.row(), Row::NothingNew);
}

/// An older one that is in progress may end after it.
#[test]
fn nothing_is_judged_while_an_audit_runs_that_is_newer_than_the_newest_completed() {
    let mut bench = Bench::watching();
    bench.add_completed("1", "2026-05-01T02:00:00Z");
    bench.add("2", "2026-05-01T03:00:00Z", AuditState::Other("NEW".to_owned()), &[]);
    bench.add("3", "2026-05-01T04:00:00Z", AuditState::Failed, &[]);
    assert_eq!(bench.row(), Row::InProgress);
    bench.add("2", "2026-05-01T03:00:00Z", AuditState::Failed, &[]);
    assert_eq!(bench.row(), Row::Creates);
}

#[test]
fn a_refused_task_is_tried_again_later_or_when_the_spec_changes_until_the_deadline() {
    let mut bench = Bench::watching();
    bench.add_completed("b", AUDIT);
    let now = bench.now.monotonic;
    bench
        .memory
        .task_refused("b", "the quota is full".to_owned(), 1, "uid", now);
    let status = bench.write_status();
    let ready = &status.conditions[0];
    assert_eq!((&*ready.status, &*ready.reason), ("False", "TaskRefused"));
    assert!(ready.message.contains("the quota is full"), "{}", ready.message);
    let wait = bench.decide().wake_up.unwrap() - now;
    assert!(wait.as_secs_f64() <= 2.0, "{wait:?}");
    bench.pass(wait);
    assert_eq!(bench.row(), Row::Creates);
    let now = bench.now.monotonic;
    bench
        .memory
        .task_refused("b", "the quota is full".to_owned(), 1, "uid", now);
    assert!(bench.decide().wake_up.unwrap() - now > std::time::Duration::from_secs(2));
    bench.edit("suspend", json!(false));
    assert_eq!(bench.row(), Row::Creates);
    for _ in 0..20 {
        let now = bench.now.monotonic;
        bench
            .memory
            .task_refused("b", "the quota is full".to_owned(), 2, "uid", now);
    }
    let wait = bench.decide().wake_up.unwrap() - bench.now.monotonic;
    assert!(wait.as_secs() <= 300, "{wait:?}");
    bench.pass(std::time::Duration::from_hours(18));
    assert_eq!(bench.row(), Row::TooOld);
}

#[test]
fn a_task_rests_on_a_policy_that_was_just_read() {
    let mut bench = Bench::watching();
    bench.add_completed("b", AUDIT);
    bench.write_status();
    bench.is_fresh = false;
    assert_eq!(bench.decide().due, [Step::Read]);
    bench.is_fresh = true;
    assert_eq!(bench.due(), ["CreateTask"]);
}

/// Deleting it is the row's only step: the next task is made when it is gone.
#[test]
fn a_task_that_has_not_started_is_called_superseded_and_then_deleted() {
    let mut bench = Bench::watching();
    bench.add_completed("a", "2026-05-01T02:00:00Z");
    bench.tasks = vec![task(
        "nightly-a",
        "a",
        "2026-05-01T02:00:00Z",
        Some(Phase::AwaitingApproval),
    )];
    let record = bench.write_status().audits[0].clone();
    assert_eq!(
        (record.outcome, record.task.as_deref()),
        (AuditOutcome::TaskCreated, Some("nightly-a"))
    );
    bench.add_completed("b", AUDIT);
    assert_eq!(bench.due(), ["WriteStatus", "DeleteTask"]);
    let record = bench.write_status().audits[0].clone();
    assert_eq!(
        (record.outcome, record.reason.as_deref()),
        (AuditOutcome::Skipped, Some("Superseded"))
    );
    assert_eq!(bench.due(), ["DeleteTask"]);
    // The watch still shows it for a moment: it is not deleted twice, and nothing is made beside it.
    bench.memory.task_deleted("uid-nightly-a");
    assert_eq!(bench.row(), Row::Waits);
    let record = bench.write_status().audits[0].clone();
    assert_eq!(record.reason.as_deref(), Some("Superseded"), "it never started");
    assert!(bench.due().is_empty());
    bench.tasks.clear();
    bench.write_status();
    assert_eq!(bench.due(), ["CreateTask"]);
    assert_eq!(bench.write_status().audits.len(), 1, "noted after it was made");
}

/// Killed between the two, or the deletion came too late: what the task shows is true.
#[test]
fn a_task_that_started_after_all_is_not_superseded() {
    let mut bench = Bench::watching();
    bench.add_completed("a", "2026-05-01T02:00:00Z");
    bench.tasks = vec![task(
        "nightly-a",
        "a",
        "2026-05-01T02:00:00Z",
        Some(Phase::AwaitingApproval),
    )];
    bench.write_status();
    bench.add_completed("b", AUDIT);
    bench.write_status();
    bench.tasks[0].phase = Some(Phase::Running);
    assert_eq!(bench.row(), Row::Waits);
    let record = bench.write_status().audits[0].clone();
    assert_eq!((record.outcome, record.reason), (AuditOutcome::TaskCreated, None));
    assert!(bench.due().is_empty(), "{:?}", bench.due());
}

/// Whatever becomes of the newer audit.
#[test]
fn a_newer_audit_supersedes_a_task_in_each_case() {
    for (row, change) in [
        (
            Row::Compliant,
            json!({ "auditCheckToActionsMapping": { REVOKED: ["Deactivate"] } }),
        ),
        (Row::Suspended, json!({ "suspend": true })),
        (Row::TooOld, json!({ "startingDeadlineSeconds": 60 })),
    ] {
        let mut bench = Bench::watching();
        bench.tasks = vec![task("nightly-a", "a", "2026-05-01T02:00:00Z", Some(Phase::Suspended))];
        bench.add_completed("b", AUDIT);
        for (field, value) in change.as_object().unwrap() {
            bench.spec[field] = value.clone();
        }
        bench
            .spec
            .as_object_mut()
            .unwrap()
            .remove("auditCheckToReasonCodeFilter");
        assert_eq!(bench.row(), row);
        assert_eq!(bench.due(), ["WriteStatus", "DeleteTask"], "{row:?}");
        // A crash after the first: the second is done all the same.
        bench.write_status();
        assert_eq!(bench.due(), ["DeleteTask"], "{row:?}");
        bench.tasks[0].phase = Some(Phase::Running);
        assert_ne!(bench.due(), ["DeleteTask"], "one that runs is left alone");
    }
}

#[test]
fn what_was_made_is_noted_although_the_watch_does_not_show_it_yet() {
    let mut bench = Bench::watching();
    bench.add_completed("b", AUDIT);
    bench.write_status();
    assert_eq!(bench.due(), ["CreateTask"]);
    let now = bench.now.monotonic;
    bench.memory.task_made("b", task("nightly-b", "b", AUDIT, None), now);
    let status = bench.write_status().clone();
    assert_eq!(status.audits[0].task.as_deref(), Some("nightly-b"));
    assert_eq!(status.active_task.as_deref(), Some("nightly-b"));
    assert!(bench.due().is_empty());
    // It holds a newer audit's back, too.
    bench.add_completed("c", LATER);
    assert_eq!(bench.row(), Row::Supersedes);
    // The watch has shown it, and its end; or never will.
    bench.pass(std::time::Duration::from_mins(1));
    assert_eq!(bench.row(), Row::Creates);
}

#[test]
fn a_task_of_unknown_state_holds_nothing_up() {
    let mut bench = Bench::watching();
    bench.add_completed("b", AUDIT);
    bench.tasks = vec![task("nightly-a", "a", "2026-05-01T02:00:00Z", Some(Phase::Unknown))];
    assert_eq!(bench.row(), Row::Creates);
}

/// By the name that it has: one that a person made for the same audit may have another than the operator would give it.
#[test]
fn a_record_names_the_task_that_is_there_and_none_where_none_was_made() {
    let mut bench = Bench::watching();
    bench.add_completed("a", AUDIT);
    bench.tasks = vec![
        task("nightly-other", "other", AUDIT, Some(Phase::Completed)),
        task("by-hand", "a", AUDIT, Some(Phase::Running)),
    ];
    assert_eq!(bench.row(), Row::TaskExists);
    let record = bench.write_status().audits[0].clone();
    assert_eq!(
        (record.outcome, record.task.as_deref()),
        (AuditOutcome::TaskCreated, Some("by-hand"))
    );
    let mut bench = Bench::watching();
    bench.edit("suspend", json!(true));
    bench.add_completed("a", AUDIT);
    let record = bench.write_status().audits[0].clone();
    assert_eq!((record.outcome, record.task), (AuditOutcome::Skipped, None));
}
