//! What becomes of a task.

use super::*;

#[test]
fn a_task_starts_runs_and_ends() {
    let mut simulation = Simulation::new();
    let (status, _, body) = simulation.start("t-1", "token", &json!({"auditTaskId": "a"}));
    assert_eq!((status, body), (200, json!({"taskId": "t-1"})));
    simulation.millis = 1500;
    let (_, _, body) = simulation.call("GET", &task("t-1"), &Value::Null);
    assert_eq!(body["taskStatus"], "IN_PROGRESS");
    assert_eq!(
        body["taskStatistics"]["LOGGING_DISABLED_CHECK"]["succeededFindingsCount"],
        1
    );
    assert_eq!(body.get("endTime"), None);
    simulation.millis = 2000;
    let (_, _, body) = simulation.call("GET", &task("t-1"), &Value::Null);
    assert_eq!(body["taskStatus"], "COMPLETED");
    assert_eq!(
        (&body["startTime"], &body["endTime"]),
        (&json!(1_772_323_200.0), &json!(1_772_323_202.0))
    );
    assert_eq!(body["target"], json!({"auditTaskId": "a"}));
    assert_eq!(
        body["actionsDefinition"][0]["actionParams"]["enableIoTLoggingParams"]["logLevel"],
        "ERROR"
    );
    assert_eq!(
        simulation
            .call("PUT", &format!("{}/cancel", task("t-1")), &Value::Null)
            .1,
        "InvalidRequestException"
    );
}

#[test]
fn cancel_ends_a_running_task() {
    let mut simulation = Simulation::new();
    let cancel = format!("{}/cancel", task("t-1"));
    assert_eq!(
        simulation.call("PUT", &cancel, &Value::Null).1,
        "ResourceNotFoundException"
    );
    simulation.start_audit("t-1", "token");
    assert_eq!(
        simulation.call("PUT", &cancel, &Value::Null),
        (200, String::new(), json!({}))
    );
    assert_eq!(simulation.status("t-1"), "CANCELED");
    assert_eq!(
        simulation.call("PUT", &cancel, &Value::Null).1,
        "InvalidRequestException"
    );
}

#[test]
fn describe_lags_and_retention_forgets() {
    let mut simulation = Simulation::new();
    simulation.readings().describe_lag = Duration::from_secs(1);
    assert_eq!(simulation.start_audit("t-1", "one"), "");
    assert_eq!(simulation.status("t-1"), "ResourceNotFoundException");
    simulation.millis = 1000;
    assert_eq!(simulation.status("t-1"), "IN_PROGRESS");
    simulation.state.clock.advance(Duration::from_secs(90 * DAY - 2));
    assert_eq!(simulation.status("t-1"), "COMPLETED");
    simulation.state.clock.advance(Duration::from_secs(1));
    assert_eq!(simulation.status("t-1"), "ResourceNotFoundException");
    assert_eq!(simulation.start_audit("t-1", "one"), "");
    assert_eq!(simulation.state.counters.starts["t-1"], 2);
}

#[test]
fn a_task_that_outlives_the_retention_frees_its_slot() {
    let mut simulation = Simulation::new();
    simulation.state.set_outcome(base(), "*", Outcome::held());
    simulation.state.config.settings.quotas.running_tasks = Some(1);
    assert_eq!(simulation.start_audit("t-1", "one"), "");
    simulation.state.clock.advance(Duration::from_secs(90 * DAY));
    assert_eq!(simulation.start_audit("t-2", "two"), "");
}

#[test]
fn executions_tell_what_failed() {
    let mut simulation = Simulation::new();
    simulation.state.set_outcome(
        base(),
        "t-*",
        Outcome::failing([crate::Failure {
            finding: "f-1".to_owned(),
            ..Default::default()
        }]),
    );
    simulation.start("t-1", "one", &json!({"findingIds": ["f-1", "f-2"]}));
    simulation.millis = 2000;
    assert_eq!(simulation.status("t-1"), "FAILED");
    let list = "/audit/mitigationactions/executions?taskId=t-1&findingId=f-1";
    let (_, _, body) = simulation.call("GET", &format!("{list}&actionStatus=FAILED"), &Value::Null);
    assert_eq!(body["actionsExecutions"][0]["errorCode"], "INSUFFICIENT_PERMISSIONS");
    let (_, _, body) = simulation.call("GET", &format!("{list}&actionStatus=COMPLETED"), &Value::Null);
    assert_eq!(body, json!({"actionsExecutions": []}));
    assert_eq!(
        simulation
            .call("GET", "/audit/mitigationactions/executions?taskId=t-1", &Value::Null)
            .1,
        "InvalidRequestException"
    );
}

#[test]
fn an_outcome_reaches_a_running_task() {
    let mut simulation = Simulation::new();
    simulation.state.set_outcome(base(), "t-1", Outcome::held());
    simulation.start_audit("t-1", "one");
    simulation.millis = 60_000;
    assert_eq!(simulation.status("t-1"), "IN_PROGRESS");
    let wall = simulation.wall();
    simulation
        .state
        .set_outcome(wall, "t-1", Outcome::status("FAILED").lasting(Duration::from_secs(90)));
    assert_eq!(simulation.status("t-1"), "IN_PROGRESS");
    assert_eq!(
        (
            simulation.state.finish(wall, "t-1"),
            simulation.state.finish(wall, "t-1")
        ),
        (1, 0)
    );
    assert_eq!(simulation.status("t-1"), "FAILED");
}
