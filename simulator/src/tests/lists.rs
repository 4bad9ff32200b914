//! The lists, and the catalogue.

use super::*;

#[test]
fn lists_filter_and_page() {
    let mut simulation = Simulation::new();
    for id in ["t-1", "t-2", "t-3"] {
        simulation.start("t", id, &json!({}));
        simulation.start(id, id, &json!({"findingIds": [format!("f-{id}")]}));
        simulation.millis += 1500;
    }
    let list = "/audit/mitigationactions/tasks?startTime=2026-03-01T00:00:00Z&endTime=2026-03-02T00:00:00Z";
    let ids = |body: &Value| {
        body["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| task["taskId"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let (_, _, first) = simulation.call("GET", &format!("{list}&maxResults=2"), &Value::Null);
    assert_eq!(ids(&first), ["t-1", "t-2"]);
    let next = first["nextToken"].as_str().unwrap();
    let (_, _, second) = simulation.call("GET", &format!("{list}&maxResults=2&nextToken={next}"), &Value::Null);
    assert_eq!((ids(&second), second.get("nextToken")), (vec!["t-3".to_owned()], None));
    for (filter, expected) in [("taskStatus=IN_PROGRESS", "t-3"), ("findingId=f-t-2", "t-2")] {
        assert_eq!(
            ids(&simulation.call("GET", &format!("{list}&{filter}"), &Value::Null).2),
            [expected]
        );
    }
    for refused in [
        "&nextToken=findings.2",
        "&maxResults=251",
        "&maxResults=x",
        "&taskStatus=CANCELLED",
    ] {
        assert_eq!(
            simulation.call("GET", &format!("{list}{refused}"), &Value::Null).1,
            "InvalidRequestException",
            "{refused}"
        );
    }
    let backwards = "/audit/mitigationactions/tasks?startTime=2026-03-02T00:00:00Z&endTime=2026-03-01T00:00:00Z";
    assert_eq!(
        simulation.call("GET", backwards, &Value::Null).1,
        "InvalidRequestException"
    );
}

#[test]
fn findings_are_listed_by_audit_or_by_time() {
    let mut simulation = Simulation::new();
    let mut count = |body: Value| {
        let (_, code, seen) = simulation.call("POST", "/audit/findings", &body);
        if code.is_empty() {
            seen["findings"].as_array().unwrap().len().to_string()
        } else {
            code
        }
    };
    let (start, end) = (1_772_236_800, 1_772_323_200);
    assert_eq!(count(json!({"taskId": AUDIT_OF_DEVICES, "maxResults": 250})), "120");
    assert_eq!(count(json!({"taskId": AUDIT_OF_DEVICES})), "25");
    assert_eq!(
        count(json!({"taskId": AUDIT_OF_EVERYTHING, "listSuppressedFindings": true})),
        "8"
    );
    assert_eq!(
        count(json!({"taskId": AUDIT_OF_EVERYTHING, "checkName": "LOGGING_DISABLED_CHECK"})),
        "1"
    );
    assert_eq!(
        count(json!({"startTime": start, "endTime": end, "resourceIdentifier": {"account": "123456789012"}})),
        "1"
    );
    assert_eq!(count(json!({"startTime": start})), "InvalidRequestException");
    assert_eq!(
        count(json!({"taskId": "a", "startTime": start, "endTime": end})),
        "InvalidRequestException"
    );
}

#[test]
fn the_catalogue_is_described() {
    let mut simulation = Simulation::new();
    let (_, _, audit) = simulation.call("GET", &format!("/audit/tasks/{AUDIT_OF_EVERYTHING}"), &Value::Null);
    assert_eq!(
        (&audit["taskStatus"], &audit["taskStatistics"]["nonCompliantChecks"]),
        (&json!("COMPLETED"), &json!(17))
    );
    let (_, _, audit) = simulation.call("GET", &format!("/audit/tasks/{AUDIT_IN_PROGRESS}"), &Value::Null);
    assert_eq!(audit["taskStatistics"]["inProgressChecks"], 17);
    let list = "/audit/tasks?startTime=2026-02-01T00:00:00Z&endTime=2026-03-02T00:00:00Z";
    assert_eq!(
        simulation.call("GET", list, &Value::Null).2["tasks"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let scheduled = format!("{list}&taskType=SCHEDULED_AUDIT_TASK");
    assert_eq!(
        simulation.call("GET", &scheduled, &Value::Null).2["tasks"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let (_, _, actions) = simulation.call(
        "GET",
        "/mitigationactions/actions?actionType=UPDATE_CA_CERTIFICATE",
        &Value::Null,
    );
    assert_eq!(actions["actionIdentifiers"][0]["actionName"], "UpdateCA");
    let (_, _, action) = simulation.call("GET", "/mitigationactions/actions/UpdateCA", &Value::Null);
    assert_eq!(action["actionType"], "UPDATE_CA_CERTIFICATE");
    assert_eq!(
        simulation.call("GET", "/audit/findings/all-01-1", &Value::Null).2["finding"]["severity"],
        "CRITICAL"
    );
    for missing in [
        "/audit/tasks/none",
        "/audit/findings/none",
        "/mitigationactions/actions/none",
    ] {
        assert_eq!(
            simulation.call("GET", missing, &Value::Null).1,
            "ResourceNotFoundException"
        );
    }
    assert_eq!(
        simulation.call("GET", "/things", &Value::Null).1,
        "UnknownOperationException"
    );
}
