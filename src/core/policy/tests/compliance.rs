//! The condition Compliant: each row, and that the first that applies counts.

use serde_json::json;

use super::bench::{Bench, EXPIRING, REVOKED};
use crate::core::answer::{AuditState, CheckState, Frequency, ReadAnswer, ScheduledAudit};

const AUDIT: &str = "2026-05-01T06:00:00Z";

/// Status, reason and message.
fn compliant(bench: &mut Bench) -> (String, String, String) {
    let condition = bench.write_status().conditions.last().unwrap();
    assert_eq!(condition.type_, "Compliant");
    (
        condition.status.clone(),
        condition.reason.clone(),
        condition.message.clone(),
    )
}

#[test]
fn the_first_row_that_applies_counts() {
    use CheckState::{Compliant, Failed, NonCompliant};
    for (checks, status, reason, message) in [
        (
            &[(EXPIRING, Compliant), (REVOKED, Compliant)][..],
            "True",
            "NoFindings",
            "audit b found every check",
        ),
        (
            &[(EXPIRING, NonCompliant)],
            "False",
            "FindingsLeft",
            "DEVICE_CERTIFICATE_EXPIRING_CHECK 12",
        ),
        (
            &[(EXPIRING, Compliant)],
            "Unknown",
            "CheckNotAudited",
            "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK",
        ),
        (
            &[(EXPIRING, Failed), (REVOKED, Compliant)],
            "Unknown",
            "CheckFailed",
            "EXPIRING_CHECK (INTERNAL)",
        ),
        // Findings are stronger than what isn't known, and so is what wasn't looked at than what failed.
        (
            &[(EXPIRING, NonCompliant), (REVOKED, Failed)],
            "False",
            "FindingsLeft",
            "CHECK 12",
        ),
        (&[(EXPIRING, Failed)], "Unknown", "CheckNotAudited", "REVOKED"),
        // What is not mapped doesn't count.
        (
            &[
                (EXPIRING, Compliant),
                (REVOKED, Compliant),
                ("OTHER_CHECK", NonCompliant),
            ],
            "True",
            "NoFindings",
            "",
        ),
    ] {
        let mut bench = Bench::watching();
        let (known, why, _) = compliant(&mut bench);
        assert_eq!((&*known, &*why), ("Unknown", "NoAuditYet"));
        bench.add("failed", AUDIT, AuditState::Failed, checks);
        assert_eq!(compliant(&mut bench).1, "NoAuditYet", "it has not completed");
        bench.add("b", "2026-05-01T07:00:00Z", AuditState::Completed, checks);
        bench.spec["suspend"] = json!(true);
        let found = compliant(&mut bench);
        assert_eq!((&*found.0, &*found.1), (status, reason), "{checks:?}");
        assert!(found.2.contains(message), "{}", found.2);
        // Another process, which has read nothing yet, sees the same in the record.
        bench.snapshot.as_mut().unwrap().audits.as_mut().unwrap().clear();
        assert!(bench.due().is_empty());
        assert_eq!(compliant(&mut bench), found);
        bench.pass(std::time::Duration::from_hours(43));
        assert_eq!(compliant(&mut bench).1, "AuditOverdue", "twice the period");
    }
}

#[test]
fn the_numbers_are_compared_with_the_audit_before() {
    let mut bench = Bench::watching();
    bench.spec["suspend"] = json!(true);
    bench.add_completed("a", "2026-05-01T02:00:00Z");
    assert_eq!(compliant(&mut bench).2, format!("{EXPIRING} 12"));
    let checks = [
        (EXPIRING, CheckState::NonCompliant),
        (REVOKED, CheckState::NonCompliant),
    ];
    bench.add("f", "2026-05-01T03:00:00Z", AuditState::Failed, &[]);
    bench.add("b", AUDIT, AuditState::Completed, &checks);
    assert_eq!(
        compliant(&mut bench).2,
        format!("{EXPIRING} 12 (12 in the audit before), {REVOKED} 12 (0 in the audit before)")
    );
    assert_eq!(bench.write_status().findings, Some(24));
    // What isn't mapped any more counts no more.
    bench.edit("auditCheckToActionsMapping", json!({ REVOKED: ["Deactivate"] }));
    assert_eq!(compliant(&mut bench).2, format!("{REVOKED} 12 (0 in the audit before)"));
}

/// The audit is judged later, when the task of the last has ended: what it found is shown at once.
#[test]
fn an_audit_that_waits_counts_already() {
    let mut bench = Bench::watching();
    bench.tasks = vec![super::bench::task(
        "nightly-0",
        "0",
        AUDIT,
        Some(crate::api::Phase::Running),
    )];
    bench.add_completed("b", AUDIT);
    assert_eq!(compliant(&mut bench).1, "FindingsLeft");
    assert!(bench.write_status().audits.is_empty());
}

#[test]
fn a_check_that_the_schedule_does_not_run_is_not_known() {
    let mut bench = Bench::watching();
    let checks = [(EXPIRING, CheckState::Compliant), (REVOKED, CheckState::Compliant)];
    bench.add("b", AUDIT, AuditState::Completed, &checks);
    assert_eq!(compliant(&mut bench).0, "True");
    bench.answer_schedule(ReadAnswer::Found(ScheduledAudit {
        frequency: Some(Frequency::Daily),
        checks: vec![EXPIRING.to_owned()],
    }));
    let (status, reason, message) = compliant(&mut bench);
    assert_eq!((&*status, &*reason), ("Unknown", "CheckNotAudited"));
    assert!(message.contains(REVOKED) && !message.contains(EXPIRING), "{message}");
}
