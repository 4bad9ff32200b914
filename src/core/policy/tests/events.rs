//! Events: one for each audit, and for each change of what matters.

use serde_json::json;

use super::bench::{Bench, EXPIRING, REVOKED, task};
use crate::api::Phase;
use crate::core::answer::{AuditState, CheckState, Frequency, ReadAnswer, ScheduledAudit};
use crate::core::policy::events::event_drafts;

/// Reason, warning and note of the events of the status that is due.
fn told(bench: &mut Bench) -> Vec<(String, bool, String)> {
    let policy = bench.observed();
    let tasks = bench.tasks.clone();
    let before = bench.status.clone();
    let after = bench.write_status().clone();
    if before.as_ref() == Some(&after) {
        return Vec::new();
    }
    let events = event_drafts(&policy, &after, &tasks);
    events
        .into_iter()
        .map(|event| (event.reason.to_string(), event.is_warning, event.note))
        .collect()
}

fn reasons(bench: &mut Bench) -> Vec<(String, bool)> {
    told(bench)
        .into_iter()
        .map(|(reason, is_warning, _)| (reason, is_warning))
        .collect()
}

fn row(reason: &str, is_warning: bool) -> (String, bool) {
    (reason.to_owned(), is_warning)
}

#[test]
fn an_audit_is_told_once_and_compliance_when_it_changes() {
    let mut bench = Bench::watching();
    bench.add_completed("a", "2026-05-01T02:00:00Z");
    bench.tasks = vec![task("nightly-a", "a", "2026-05-01T02:00:00Z", None)];
    assert_eq!(
        told(&mut bench),
        [
            (
                "TaskCreated".to_owned(),
                false,
                format!("audit a found 12 of {EXPIRING}: task nightly-a was made")
            ),
            ("FindingsLeft".to_owned(), false, format!("{EXPIRING} 12")),
        ]
    );
    assert!(told(&mut bench).is_empty());
    // A newer one, while it has not started.
    bench.add_completed("b", "2026-05-01T06:00:00Z");
    assert_eq!(reasons(&mut bench), [row("TaskSuperseded", false)]);
    bench.tasks = vec![task("nightly-x", "x", "2026-05-01T02:00:00Z", Some(Phase::Unknown))];
    bench.memory.name_taken("b", true);
    let events = told(&mut bench);
    assert_eq!((&*events[0].0, events[0].1), ("TaskCreated", true));
    assert!(events[0].2.contains("task nightly-x still runs"), "{}", events[0].2);
    let checks = [(EXPIRING, CheckState::Compliant), (REVOKED, CheckState::Compliant)];
    bench.add("c", "2026-05-01T07:00:00Z", AuditState::Completed, &checks);
    assert_eq!(reasons(&mut bench), [row("Compliant", false)]);
    bench.add("d", "2026-05-01T08:00:00Z", AuditState::Completed, &checks);
    assert!(reasons(&mut bench).is_empty());
    bench.add("e", "2026-05-01T09:00:00Z", AuditState::Failed, &[]);
    assert_eq!(reasons(&mut bench), [row("AuditFailed", true)]);
}

#[test]
fn what_is_skipped_is_a_warning_unless_somebody_asked_for_it() {
    for (field, value, is_warning) in [
        ("suspend", json!(true), false),
        ("startingDeadlineSeconds", json!(60), true),
    ] {
        let mut bench = Bench::watching();
        bench.edit(field, value);
        bench.write_status();
        bench.add_completed("b", "2026-05-01T06:00:00Z");
        assert_eq!(reasons(&mut bench)[0], row("AuditSkipped", is_warning), "{field}");
    }
    let mut bench = Bench::watching();
    bench.add_completed("a", "2026-05-01T02:00:00Z");
    bench.add_completed("b", "2026-05-01T06:00:00Z");
    bench.memory.name_taken("b", false);
    let events = told(&mut bench);
    assert!(
        events[0].2.contains("audit a (Superseded)") && events[0].1,
        "{events:?}"
    );
    assert!(events[1].2.contains("audit b (NameTaken)") && events[1].1, "{events:?}");
}

#[test]
fn what_somebody_has_to_change_is_told() {
    let mut bench = Bench::watching();
    bench.answer_schedule(ReadAnswer::NotFound);
    assert_eq!(reasons(&mut bench), [row("ScheduledAuditNotFound", true)]);
    assert!(reasons(&mut bench).is_empty());
    bench.describe_schedule();
    bench.add_completed("b", "2026-05-01T06:00:00Z");
    let now = bench.now.monotonic;
    bench.memory.task_refused("b", "no".to_owned(), 1, "uid", now);
    assert_eq!(
        reasons(&mut bench),
        [row("TaskRefused", true), row("FindingsLeft", false)]
    );
    bench.memory.task_refused("b", "no".to_owned(), 1, "uid", now);
    assert!(reasons(&mut bench).is_empty());
    bench.memory.task_refused("b", "other words".to_owned(), 1, "uid", now);
    assert_eq!(reasons(&mut bench), [row("TaskRefused", true)]);
}

#[test]
fn a_check_that_is_not_audited_is_told_once_a_generation() {
    let mut bench = Bench::new();
    bench.snapshot = Bench::watching().snapshot;
    let only = ScheduledAudit {
        frequency: Some(Frequency::Daily),
        checks: vec![EXPIRING.to_owned()],
    };
    bench.answer_schedule(ReadAnswer::Found(only.clone()));
    let events = told(&mut bench);
    assert_eq!((&*events[0].0, events[0].1), ("CheckNotAudited", true));
    assert!(events[0].2.contains(REVOKED), "{}", events[0].2);
    bench.add_completed("b", "2026-05-01T06:00:00Z");
    bench.spec["suspend"] = json!(true);
    assert!(!reasons(&mut bench).contains(&row("CheckNotAudited", true)));
    bench.generation += 1;
    bench.answer_schedule(ReadAnswer::Found(only));
    assert_eq!(reasons(&mut bench), [row("CheckNotAudited", true)]);
}
