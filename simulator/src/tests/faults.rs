//! Rates, faults, and the log.

use super::*;

#[test]
fn calls_a_second_are_limited_for_each_operation_account_and_region() {
    let mut simulation = Simulation::new();
    simulation.state.config.settings.quotas = Quotas::default();
    let granted = |simulation: &mut Simulation| {
        (0..40)
            .filter(|_| simulation.status("none") == "ResourceNotFoundException")
            .count()
    };
    assert_eq!((granted(&mut simulation), granted(&mut simulation)), (25, 0));
    assert_eq!(simulation.start_audit("t-1", "one"), "");
    simulation.region = "us-east-1";
    assert_eq!(granted(&mut simulation), 25);
    simulation.region = "eu-west-1";
    simulation.millis += 1000;
    assert_eq!(granted(&mut simulation), 25);
}

#[test]
fn faults_come_before_or_after_the_work() {
    let mut simulation = Simulation::new();
    let body = json!({"target": {"auditTaskId": "a"}, "auditCheckToActionsMapping": {"X": ["y"]}, "clientRequestToken": "one"});
    simulation.state.faults.inject(Fault::new(FaultKind::Cut).times(1));
    assert_eq!(simulation.ending("POST", &task("t-1"), &body), Ending::Cut);
    assert_eq!(simulation.status("t-1"), "ResourceNotFoundException");
    simulation
        .state
        .faults
        .inject(Fault::new(FaultKind::Cut).after_work().times(1));
    assert_eq!(simulation.ending("POST", &task("t-1"), &body), Ending::Cut);
    assert_eq!(simulation.status("t-1"), "IN_PROGRESS");
    simulation.state.faults.inject(
        Fault::new(FaultKind::Internal)
            .after_work()
            .on(Operation::START)
            .times(1),
    );
    assert_eq!(simulation.start_audit("t-2", "two"), "InternalFailureException");
    assert_eq!(simulation.status("t-2"), "IN_PROGRESS");
    let worked: Vec<bool> = simulation.state.calls.iter().map(|call| call.worked).collect();
    assert_eq!(worked, [false, true, true, true, true, true]);
}

#[test]
fn a_status_that_nobody_knows_can_be_told() {
    let mut simulation = Simulation::new();
    simulation.start_audit("t-1", "one");
    simulation.state.faults.inject(
        Fault::new(FaultKind::TaskStatus {
            status: "PAUSED".to_owned(),
        })
        .times(1),
    );
    let Ending::Answer(answer) = simulation.ending("GET", &task("t-1"), &Value::Null) else {
        panic!("no answer")
    };
    assert_eq!(
        serde_json::from_slice::<Value>(&answer.body).unwrap()["taskStatus"],
        "PAUSED"
    );
    assert_eq!(simulation.status("t-1"), "IN_PROGRESS");
}

#[test]
fn the_log_keeps_what_was_asked() {
    let mut simulation = Simulation::new();
    let body = json!({"target": {"auditTaskId": "a", "colour": "red"}, "auditCheckToActionsMapping": {"X": ["y"]}, "clientRequestToken": "one"});
    simulation.call("POST", &format!("{}?x=1", task("t-1")), &body);
    let call = simulation.state.calls.iter().next().unwrap();
    assert_eq!(
        (call.seq, call.operation, call.task_id.as_deref()),
        (1, Some(Operation::START), Some("t-1"))
    );
    assert_eq!(
        (call.account.as_str(), call.region.as_str(), call.status),
        ("AKIA", "eu-west-1", Some(200))
    );
    assert_eq!(call.body, body);
    assert_eq!(call.unknown_members, ["?x", "target.colour"]);
}
