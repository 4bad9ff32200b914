//! Schedules: their operations, when their audits run, and what tasks have mended by then.

use super::*;
use crate::Mending;
use crate::audits::{Audit, Problem, Schedule};

const CHECK: &str = "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK";

/// The schedule "nightly" every ten seconds, and two certificates that are revoked and active.
fn nightly() -> Simulation {
    let mut simulation = Simulation::new();
    let schedule = Schedule::new("nightly", [CHECK]).every(Duration::from_secs(10));
    let State { catalogue, model, .. } = &mut simulation.state;
    catalogue.add_schedule(model, schedule, base()).unwrap();
    catalogue
        .add_problem(model, &Problem::new(CHECK).count(2).id("cert"))
        .unwrap();
    simulation
}

/// Id and start of each audit of the schedule, and what is open of its findings.
fn audits(simulation: &mut Simulation) -> Vec<(String, i64, usize)> {
    let list = "/audit/tasks?startTime=2026-02-28T23:00:00Z&endTime=2026-06-01T00:00:00Z&taskType=SCHEDULED_AUDIT_TASK";
    let (_, code, seen) = simulation.call("GET", &format!("{list}&maxResults=250"), &Value::Null);
    assert_eq!(code, "");
    let ids = seen["tasks"].as_array().unwrap().iter();
    let ids: Vec<String> = ids.map(|audit| audit["taskId"].as_str().unwrap().to_owned()).collect();
    let described = ids.into_iter().map(|id| {
        let seen = simulation.call("GET", &format!("/audit/tasks/{id}"), &Value::Null).2;
        assert_eq!(seen["scheduledAuditName"], "nightly");
        let second = seen["taskStartTime"].as_f64().unwrap() - crate::clock::epoch(base());
        let open = seen["auditDetails"][CHECK]["nonCompliantResourcesCount"]
            .as_u64()
            .unwrap();
        #[allow(clippy::cast_possible_truncation, reason = "some seconds")]
        (id, second as i64, usize::try_from(open).unwrap())
    });
    let mut described: Vec<_> = described.collect();
    described.sort_by_key(|(_, second, _)| *second);
    described
}

fn mitigate(simulation: &mut Simulation, id: &str, target: &Value, actions: &[&str]) {
    let body = json!({
        "target": target, "auditCheckToActionsMapping": {CHECK: actions}, "clientRequestToken": id,
    });
    assert_eq!(simulation.call("POST", &task(id), &body).1, "");
}

#[test]
fn audits_run_every_so_often_and_find_what_is_not_mended() {
    let mut simulation = nightly();
    simulation.millis = 10_000;
    let seen = audits(&mut simulation);
    assert_eq!(
        seen.iter()
            .map(|(_, second, open)| (*second, *open))
            .collect::<Vec<_>>(),
        [(10, 2)]
    );
    let finding = format!("{}-cert-1", seen[0].0);
    // It succeeds at 12 s, so the audit of 20 s finds the other only; nobody asked at 20 s.
    mitigate(
        &mut simulation,
        "t-1",
        &json!({"findingIds": [finding]}),
        &["Deactivate"],
    );
    simulation.millis = 31_000;
    let seen = audits(&mut simulation);
    assert_eq!(
        seen.iter()
            .map(|(_, second, open)| (*second, *open))
            .collect::<Vec<_>>(),
        [(10, 2), (20, 1), (30, 1)]
    );
}

#[test]
fn only_what_succeeded_and_mends_makes_a_finding_go_away() {
    for (mending, actions, outcome, open) in [
        (Mending::ByType, &["Quarantine", "Notify"][..], Outcome::default(), 2),
        (
            Mending::ByType,
            &["Quarantine", "Deactivate"][..],
            Outcome::default(),
            0,
        ),
        (Mending::ByType, &["Deactivate"][..], Outcome::status("FAILED"), 1),
        (Mending::ByType, &["Deactivate"][..], Outcome::held(), 1),
        (Mending::Always, &["Notify"][..], Outcome::default(), 0),
        (Mending::Never, &["Deactivate"][..], Outcome::default(), 2),
    ] {
        let mut simulation = nightly();
        simulation.state.config.settings.mending = mending;
        simulation.state.set_outcome(base(), "*", outcome.clone());
        simulation.millis = 10_000;
        let audit = audits(&mut simulation)[0].0.clone();
        mitigate(&mut simulation, "t-1", &json!({"auditTaskId": audit}), actions);
        simulation.millis = 20_000;
        assert_eq!(
            audits(&mut simulation)[1].2,
            open,
            "{mending:?} {actions:?} {outcome:?}"
        );
    }
}

#[test]
fn a_problem_that_comes_again_is_not_mended_by_the_old_task() {
    let mut simulation = nightly();
    simulation.millis = 10_000;
    let audit = audits(&mut simulation)[0].0.clone();
    mitigate(&mut simulation, "t-1", &json!({"auditTaskId": audit}), &["Deactivate"]);
    simulation.millis = 20_000;
    assert_eq!(audits(&mut simulation)[1].2, 0);
    let State { catalogue, model, .. } = &mut simulation.state;
    catalogue.add_problem(model, &Problem::new(CHECK).id("cert-1")).unwrap();
    simulation.millis = 30_000;
    assert_eq!(audits(&mut simulation)[2].2, 1);
}

#[test]
fn schedules_are_made_through_the_api_and_run_by_their_frequency() {
    let mut simulation = Simulation::new();
    let uri = "/audit/scheduledaudits/weekly";
    for refused in [
        json!({"frequency": "WEEKLY", "targetCheckNames": [CHECK]}),
        json!({"frequency": "MONTHLY", "targetCheckNames": [CHECK]}),
        json!({"frequency": "DAILY", "targetCheckNames": []}),
    ] {
        assert_eq!(
            simulation.call("POST", uri, &refused).1,
            "InvalidRequestException",
            "{refused}"
        );
    }
    let weekly = json!({"frequency": "WEEKLY", "dayOfWeek": "MON", "targetCheckNames": [CHECK]});
    assert_eq!(simulation.call("POST", uri, &weekly).1, "");
    assert_eq!(
        simulation.call("POST", uri, &weekly).1,
        "ResourceAlreadyExistsException"
    );
    let described = simulation.call("GET", uri, &Value::Null).2;
    assert_eq!(
        (
            &described["frequency"],
            &described["dayOfWeek"],
            &described["targetCheckNames"]
        ),
        (&json!("WEEKLY"), &json!("MON"), &json!([CHECK]))
    );
    let listed = simulation.call("GET", "/audit/scheduledaudits", &Value::Null).2;
    assert_eq!(listed["scheduledAudits"].as_array().unwrap().len(), 2);
    let runs = |simulation: &Simulation| {
        let audits = simulation.state.catalogue.audits.values();
        audits
            .filter(|audit| audit.scheduled_audit_name.as_deref() == Some("weekly"))
            .count()
    };
    simulation.millis = 7 * 86_400_000;
    simulation.call("GET", uri, &Value::Null);
    assert_eq!(runs(&simulation), 1);
    assert_eq!(simulation.call("PATCH", uri, &json!({"frequency": "DAILY"})).1, "");
    assert_eq!(simulation.call("GET", uri, &Value::Null).2.get("dayOfWeek"), None);
    simulation.millis += 86_400_000;
    simulation.call("GET", uri, &Value::Null);
    assert_eq!(runs(&simulation), 2);
    assert_eq!(simulation.call("DELETE", uri, &Value::Null).1, "");
    for method in ["GET", "DELETE"] {
        assert_eq!(
            simulation.call(method, uri, &Value::Null).1,
            "ResourceNotFoundException"
        );
    }
    assert_eq!(simulation.call("PATCH", uri, &json!({})).1, "ResourceNotFoundException");
    for number in 0..4 {
        assert_eq!(simulation.call("POST", &format!("{uri}-{number}"), &weekly).1, "");
    }
    assert_eq!(simulation.call("POST", uri, &weekly).1, "LimitExceededException");
}

#[test]
fn the_operations_have_their_documented_rates() {
    let mut simulation = Simulation::new();
    simulation.state.config.settings.quotas = Quotas::default();
    for (uri, rate) in [
        ("/audit/scheduledaudits", 5),
        ("/audit/scheduledaudits/none", 5),
        ("/mitigationactions/actions", 10),
        ("/mitigationactions/actions/none", 25),
        ("/audit/tasks/none", 25),
        ("/audit/findings/none", 25),
    ] {
        let granted = (0..40).filter(|_| simulation.call("GET", uri, &Value::Null).1 != "ThrottlingException");
        assert_eq!(granted.count(), rate, "{uri}");
    }
}

#[test]
fn an_audit_of_no_schedule_is_refused() {
    let mut simulation = Simulation::new();
    let audit = Audit {
        scheduled_audit_name: Some("none".to_owned()),
        ..Audit::default()
    };
    let error = simulation.state.run_audit(base(), audit).unwrap_err();
    assert_eq!(error.to_string(), "there is no schedule none");
}
