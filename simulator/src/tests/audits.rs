//! Audits that run and end, what they tell meanwhile, and what a suppression does afterwards.

use std::collections::BTreeMap;

use super::*;
use crate::audits::{Audit, CheckResult, Problem};
use crate::readings::{
    AuditCounts, AuditOrder, AuditWindow, FindingsOfRunningAudits, LateSuppression, NonCompliantCount,
};

const CERTIFICATES: &str = "DEVICE_CERTIFICATE_EXPIRING_CHECK";
const LOGGING: &str = "LOGGING_DISABLED_CHECK";

impl Simulation {
    fn problem(&mut self, problem: &Problem) -> Vec<String> {
        self.state.catalogue.add_problem(&self.state.model, problem).unwrap()
    }

    fn run(&mut self, audit: Audit) -> String {
        self.state.run_audit(self.wall(), audit).unwrap()
    }

    fn complete(&mut self, id: &str, status: &str, results: BTreeMap<String, CheckResult>) {
        self.state.complete_audit(self.wall(), id, status, results).unwrap();
    }

    fn audit(&mut self, id: &str) -> Value {
        self.call("GET", &format!("/audit/tasks/{id}"), &Value::Null).2
    }

    /// The ids of an audit's findings.
    fn findings(&mut self, body: &Value) -> Vec<String> {
        let (_, code, seen) = self.call("POST", "/audit/findings", body);
        assert_eq!(code, "");
        let findings = seen["findings"].as_array().unwrap();
        let ids = findings.iter().map(|finding| finding["findingId"].as_str().unwrap());
        ids.map(str::to_owned).collect()
    }

    fn mitigates(&mut self, id: &str, audit: &str) -> Vec<String> {
        let body = json!({
            "target": {"auditTaskId": audit},
            "auditCheckToActionsMapping": {CERTIFICATES: ["Quarantine", "Deactivate"]},
            "clientRequestToken": id,
        });
        assert_eq!(self.call("POST", &task(id), &body).1, "");
        let tasks = self.state.tasks(self.wall());
        let mut started = tasks.into_iter().filter(|task| task.task_id == id);
        started.next().unwrap().mitigates
    }
}

fn of(checks: &[&str], status: &str) -> Audit {
    Audit {
        checks: checks.iter().map(|check| (*check).to_owned()).collect(),
        task_status: status.to_owned(),
        ..Audit::default()
    }
}

#[test]
fn an_audit_finds_the_problems_of_its_checks() {
    let mut simulation = Simulation::new();
    let ids = simulation.problem(&Problem::new(CERTIFICATES).count(2).id("cert"));
    assert_eq!(ids, ["cert-1", "cert-2"]);
    simulation.problem(
        &Problem::new(CERTIFICATES)
            .id("past")
            .reason("CERTIFICATE_PAST_EXPIRATION")
            .suppressed(),
    );
    simulation.problem(&Problem::new("CA_CERTIFICATE_EXPIRING_CHECK"));
    let audit = simulation.run(of(&[CERTIFICATES, LOGGING], "COMPLETED"));
    assert_eq!(
        (audit.len(), audit.bytes().all(|byte| byte.is_ascii_hexdigit())),
        (32, true)
    );
    let found = |problem: &str| format!("{audit}-{problem}");
    let all = [found("cert-1"), found("cert-2"), found("past")];
    assert_eq!(simulation.findings(&json!({"taskId": audit})), all);
    let unsuppressed = json!({"taskId": audit, "listSuppressedFindings": false});
    assert_eq!(simulation.findings(&unsuppressed), all[..2]);
    let seen = simulation.audit(&audit);
    assert_eq!(seen["taskStatus"], "COMPLETED");
    let expected = json!({
        "checkRunStatus": "COMPLETED_NON_COMPLIANT", "checkCompliant": false, "totalResourcesCount": 103,
        "nonCompliantResourcesCount": 3, "suppressedNonCompliantResourcesCount": 1,
    });
    assert_eq!(seen["auditDetails"][CERTIFICATES], expected);
    assert_eq!(seen["auditDetails"][LOGGING]["checkRunStatus"], "COMPLETED_COMPLIANT");
    // The same resource again, under another finding.
    let next = simulation.run(of(&[CERTIFICATES], "COMPLETED"));
    let resource = |simulation: &Simulation, id: &str| {
        simulation.state.catalogue.findings[id].rest["nonCompliantResource"].clone()
    };
    assert_eq!(
        resource(&simulation, &found("cert-1")),
        resource(&simulation, &format!("{next}-cert-1"))
    );
    assert_ne!(
        resource(&simulation, &found("cert-1")),
        resource(&simulation, &found("cert-2"))
    );
}

#[test]
fn an_audit_in_progress_shows_nothing_until_it_ends() {
    let mut simulation = Simulation::new();
    simulation.problem(&Problem::new(CERTIFICATES).id("cert"));
    simulation.problem(&Problem::new(LOGGING).id("log"));
    let mut audit = of(&[CERTIFICATES, LOGGING], "IN_PROGRESS");
    let waiting = CheckResult::status("WAITING_FOR_DATA_COLLECTION");
    audit.check_results.insert(LOGGING.to_owned(), waiting);
    let id = simulation.run(audit);
    let seen = simulation.audit(&id);
    assert_eq!(
        (
            &seen["taskStatistics"]["inProgressChecks"],
            &seen["taskStatistics"]["waitingForDataCollectionChecks"]
        ),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        seen["auditDetails"][CERTIFICATES],
        json!({"checkRunStatus": "IN_PROGRESS"})
    );
    assert!(simulation.findings(&json!({"taskId": id})).is_empty());
    let finding = format!("/audit/findings/{id}-cert");
    assert_eq!(simulation.call("GET", &finding, &Value::Null).0, 404);
    assert!(simulation.mitigates("early", &id).is_empty());
    simulation.readings().findings_of_running_audits = FindingsOfRunningAudits::Listed;
    assert_eq!(simulation.findings(&json!({"taskId": id})).len(), 2);
    simulation.readings().findings_of_running_audits = FindingsOfRunningAudits::Hidden;
    simulation.readings().start_on_running_audit = Choice::Refuse;
    assert_eq!(
        simulation.start("t", "t", &json!({"auditTaskId": id})).1,
        "InvalidRequestException"
    );
    simulation.complete(&id, "COMPLETED", BTreeMap::new());
    assert_eq!(simulation.findings(&json!({"taskId": id})).len(), 2);
    assert_eq!(simulation.mitigates("late", &id), [format!("{id}-cert")]);
    // It can't end a second time.
    let again = simulation
        .state
        .complete_audit(simulation.wall(), &id, "FAILED", BTreeMap::new());
    assert_eq!(
        again.unwrap_err().to_string(),
        format!("there is no audit in progress {id}")
    );
}

#[test]
fn a_check_can_end_before_its_audit() {
    let mut simulation = Simulation::new();
    simulation.problem(&Problem::new(CERTIFICATES).id("cert"));
    simulation.problem(&Problem::new(LOGGING).id("log"));
    let mut audit = of(&[CERTIFICATES, LOGGING], "IN_PROGRESS");
    let ended = CheckResult::status("COMPLETED_NON_COMPLIANT");
    audit.check_results.insert(LOGGING.to_owned(), ended);
    let id = simulation.run(audit);
    let seen = simulation.audit(&id);
    assert_eq!(seen["taskStatus"], "IN_PROGRESS");
    assert_eq!(seen["taskStatistics"]["nonCompliantChecks"], 1);
    assert_eq!(seen["auditDetails"][LOGGING]["nonCompliantResourcesCount"], 1);
    assert_eq!(simulation.findings(&json!({"taskId": id})), [format!("{id}-log")]);
}

#[test]
fn an_audit_ends_by_itself_after_its_duration() {
    let mut simulation = Simulation::new();
    simulation.state.config.settings.audit_duration = Duration::from_secs(10);
    let body = json!({"targetCheckNames": [CERTIFICATES]});
    let id = simulation.call("POST", "/audit/tasks", &body).2["taskId"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(simulation.audit(&id)["taskStatus"], "IN_PROGRESS");
    simulation.millis = 10_000;
    assert_eq!(simulation.audit(&id)["taskStatus"], "COMPLETED");
    let cancel = |simulation: &mut Simulation, id: &str| {
        simulation
            .call("PUT", &format!("/audit/tasks/{id}/cancel"), &Value::Null)
            .1
    };
    assert_eq!(cancel(&mut simulation, &id), "InvalidRequestException");
    assert_eq!(cancel(&mut simulation, "none"), "ResourceNotFoundException");
    assert_eq!(cancel(&mut simulation, AUDIT_IN_PROGRESS), "");
    assert_eq!(
        simulation.audit(AUDIT_IN_PROGRESS)["taskStatistics"]["canceledChecks"],
        17
    );
    for _ in 0..10 {
        assert_eq!(simulation.call("POST", "/audit/tasks", &body).0, 200);
    }
    assert_eq!(simulation.call("POST", "/audit/tasks", &body).0, 410);
}

#[test]
fn of_checks_that_fail_nothing_is_found() {
    let mut simulation = Simulation::new();
    simulation.problem(&Problem::new(CERTIFICATES).id("cert"));
    simulation.problem(&Problem::new(LOGGING).id("log"));
    let failed = CheckResult {
        error_code: Some("INSUFFICIENT_PERMISSIONS".to_owned()),
        message: Some("no".to_owned()),
        ..CheckResult::status("FAILED")
    };
    let id = simulation.run(of(&[CERTIFICATES, LOGGING], "IN_PROGRESS"));
    simulation.complete(&id, "COMPLETED", BTreeMap::from([(LOGGING.to_owned(), failed.clone())]));
    assert_eq!(simulation.findings(&json!({"taskId": id})), [format!("{id}-cert")]);
    let seen = simulation.audit(&id);
    assert_eq!(seen["auditDetails"][LOGGING]["errorCode"], "INSUFFICIENT_PERMISSIONS");
    assert_eq!(
        (
            &seen["taskStatistics"]["failedChecks"],
            &seen["taskStatistics"]["nonCompliantChecks"]
        ),
        (&json!(1), &json!(1))
    );
    for status in ["FAILED", "CANCELED"] {
        let id = simulation.run(of(&[CERTIFICATES], "IN_PROGRESS"));
        simulation.complete(&id, status, BTreeMap::new());
        let seen = simulation.audit(&id);
        assert_eq!(
            (
                &seen["taskStatus"],
                &seen["auditDetails"][CERTIFICATES]["checkRunStatus"]
            ),
            (&json!(status), &json!(status))
        );
        assert!(simulation.findings(&json!({"taskId": id})).is_empty());
    }
    let mut audit = of(&[CERTIFICATES, LOGGING], "COMPLETED");
    audit.check_results.insert(LOGGING.to_owned(), failed);
    let id = simulation.run(audit);
    assert_eq!(simulation.findings(&json!({"taskId": id})), [format!("{id}-cert")]);
}

#[test]
fn counts_can_be_told_and_decide_the_verdict() {
    let mut simulation = Simulation::new();
    let mut audit = of(&[CERTIFICATES], "COMPLETED");
    let told = CheckResult {
        total_resources_count: Some(1000),
        non_compliant_resources_count: Some(40),
        suppressed_non_compliant_resources_count: Some(40),
        ..CheckResult::default()
    };
    audit.check_results.insert(CERTIFICATES.to_owned(), told);
    let id = simulation.run(audit);
    let detail = |simulation: &mut Simulation| simulation.audit(&id)["auditDetails"][CERTIFICATES].clone();
    let expected = json!({
        "checkRunStatus": "COMPLETED_COMPLIANT", "checkCompliant": true, "totalResourcesCount": 1000,
        "nonCompliantResourcesCount": 40, "suppressedNonCompliantResourcesCount": 40,
    });
    assert_eq!(detail(&mut simulation), expected);
    simulation.readings().non_compliant_count = NonCompliantCount::WithoutSuppressed;
    assert_eq!(detail(&mut simulation)["checkRunStatus"], "COMPLETED_NON_COMPLIANT");
}

#[test]
fn each_reading_of_a_suppression_after_the_audit() {
    let mut simulation = Simulation::new();
    simulation.problem(&Problem::new(CERTIFICATES).count(2).id("cert"));
    let id = simulation.run(of(&[CERTIFICATES], "COMPLETED"));
    let [first, second] = ["cert-1", "cert-2"].map(|problem| format!("{id}-{problem}"));
    assert_eq!(simulation.state.catalogue.suppress(&first, true), 1);
    let both = [first, second.clone()];
    for (number, (reading, listed, mitigated)) in [
        (LateSuppression::Stops, &both[1..], &both[1..]),
        (LateSuppression::Shown, &both[1..], &both[..]),
        (LateSuppression::Ignored, &both[..], &both[..]),
    ]
    .into_iter()
    .enumerate()
    {
        simulation.readings().late_suppression = reading;
        let unsuppressed = json!({"taskId": id, "listSuppressedFindings": false});
        assert_eq!(simulation.findings(&unsuppressed), listed, "{reading:?}");
        assert_eq!(
            simulation.mitigates(&format!("t-{number}"), &id),
            mitigated,
            "{reading:?}"
        );
    }
    for (reading, suppressed, counting, counted) in [
        (AuditCounts::Frozen, 0, NonCompliantCount::WithSuppressed, 2),
        (AuditCounts::Live, 1, NonCompliantCount::WithSuppressed, 2),
        (AuditCounts::Live, 1, NonCompliantCount::WithoutSuppressed, 1),
    ] {
        simulation.readings().audit_counts = reading;
        simulation.readings().non_compliant_count = counting;
        let detail = simulation.audit(&id)["auditDetails"][CERTIFICATES].clone();
        assert_eq!(detail["suppressedNonCompliantResourcesCount"], suppressed);
        assert_eq!(detail["nonCompliantResourcesCount"], counted);
    }
    // The next audit finds it suppressed, until that ends.
    let suppressed = |simulation: &mut Simulation| {
        simulation.state.config.settings.mending = crate::Mending::Never;
        let id = simulation.run(of(&[CERTIFICATES], "COMPLETED"));
        simulation
            .findings(&json!({"taskId": id, "listSuppressedFindings": true}))
            .len()
    };
    assert_eq!(suppressed(&mut simulation), 1);
    assert_eq!(simulation.state.catalogue.suppress("*-cert-1", false), 2);
    assert_eq!(suppressed(&mut simulation), 0);
}

#[test]
fn the_window_and_the_order_of_a_list_of_audits_follow_their_readings() {
    let mut simulation = Simulation::new();
    simulation.millis = 7_200_000;
    let at = |hour: i64| base().checked_add(jiff::SignedDuration::from_hours(hour)).unwrap();
    for (id, start, end) in [("b-long", -30, 1), ("a-short", -20, -19), ("c-new", 1, 1)] {
        simulation.run(Audit {
            task_id: id.to_owned(),
            start: Some(at(start)),
            end: Some(at(end)),
            scheduled_audit_name: Some("DailyAudit".to_owned()),
            ..Audit::default()
        });
    }
    let mut list = |readings: &dyn Fn(&mut Readings), window: &str| {
        readings(simulation.readings());
        let uri = format!("/audit/tasks?{window}&taskType=SCHEDULED_AUDIT_TASK&taskStatus=COMPLETED");
        let (_, code, seen) = simulation.call("GET", &uri, &Value::Null);
        assert_eq!(code, "");
        let ids = seen["tasks"].as_array().unwrap().iter();
        let ids = ids.map(|audit| audit["taskId"].as_str().unwrap().to_owned());
        ids.filter(|id| id != AUDIT_OF_EVERYTHING).collect::<Vec<_>>()
    };
    let all = "startTime=2026-02-27T00:00:00Z&endTime=2026-03-02T00:00:00Z";
    let today = "startTime=2026-03-01T00:00:00Z&endTime=2026-03-02T00:00:00Z";
    assert_eq!(list(&|_| (), all), ["a-short", "b-long", "c-new"]);
    assert_eq!(
        list(&|readings| readings.audit_order = AuditOrder::OldestFirst, all),
        ["b-long", "a-short", "c-new"]
    );
    assert_eq!(
        list(&|readings| readings.audit_order = AuditOrder::NewestFirst, all),
        ["c-new", "a-short", "b-long"]
    );
    assert_eq!(list(&|_| (), today), ["c-new"]);
    assert_eq!(
        list(&|readings| readings.audit_window = AuditWindow::Overlap, today),
        ["c-new", "b-long"]
    );
    let old = "/audit/tasks?startTime=2025-12-01T01:59:59Z&endTime=2026-03-02T00:00:00Z";
    assert_eq!(simulation.call("GET", old, &Value::Null).1, "InvalidRequestException");
    let kept = old.replace("01:59:59", "02:00:00");
    assert_eq!(simulation.call("GET", &kept, &Value::Null).1, "");
}
