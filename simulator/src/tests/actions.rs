//! Mitigation actions: definitions that change, and what a task applied.

use super::*;
use crate::actions::Redefinition;

const ACTION: &str = "/mitigationactions/actions/Isolate";

fn group(name: &str) -> Value {
    json!({"addThingsToThingGroupParams": {"thingGroupNames": [name], "overrideDynamicGroups": false}})
}

fn definition(role: &str, params: &Value) -> Value {
    json!({"roleArn": format!("arn:aws:iam::123456789012:role/{role}"), "actionParams": params})
}

#[test]
fn a_task_tells_the_definition_that_it_started_with() {
    let mut simulation = Simulation::new();
    assert_eq!(simulation.call("POST", ACTION, &definition("one", &group("A"))).1, "");
    let start = |simulation: &mut Simulation, id: &str| {
        let body = json!({
            "target": {"auditTaskId": "unknown"}, "auditCheckToActionsMapping": {"X": ["Isolate"]}, "clientRequestToken": id,
        });
        assert_eq!(simulation.call("POST", &task(id), &body).1, "");
    };
    let applied = |simulation: &mut Simulation, id: &str| {
        simulation.call("GET", &task(id), &Value::Null).2["actionsDefinition"][0].clone()
    };
    start(&mut simulation, "before");
    simulation.millis = 1000;
    let change = Redefinition {
        role_arn: Some("arn:aws:iam::123456789012:role/another".to_owned()),
        action_params: Some(group("B")),
        new_id: true,
    };
    simulation
        .state
        .redefine_action(simulation.wall(), "Isolate", change)
        .unwrap();
    start(&mut simulation, "after");
    let before = applied(&mut simulation, "before");
    assert_eq!(before["actionParams"], group("A"));
    let described = simulation.call("GET", ACTION, &Value::Null).2;
    assert_eq!(described["lastModifiedDate"], crate::clock::epoch(simulation.wall()));
    let after = applied(&mut simulation, "after");
    assert_eq!(
        [&after["actionParams"], &after["roleArn"], &after["id"]],
        [
            &described["actionParams"],
            &described["roleArn"],
            &described["actionId"]
        ]
    );
    assert_ne!(after["id"], before["id"]);
    let executions = "/audit/mitigationactions/executions?taskId=before&findingId=unknown-1-X";
    let executions = simulation.call("GET", executions, &Value::Null).2;
    assert_eq!(executions["actionsExecutions"][0]["actionId"], before["id"]);
}

#[test]
fn actions_are_defined_through_the_api() {
    let mut simulation = Simulation::new();
    let both = json!({
        "addThingsToThingGroupParams": {"thingGroupNames": ["A"]}, "updateDeviceCertificateParams": {"action": "DEACTIVATE"},
    });
    for refused in [json!({}), both] {
        let (_, code, _) = simulation.call("POST", ACTION, &definition("one-role", &refused));
        assert_eq!(code, "InvalidRequestException", "{refused}");
    }
    assert_eq!(simulation.call("POST", ACTION, &definition("one", &group("A"))).1, "");
    assert_eq!(
        simulation.call("POST", ACTION, &definition("one", &group("A"))).1,
        "ResourceAlreadyExistsException"
    );
    let described = simulation.call("GET", ACTION, &Value::Null).2;
    assert_eq!(
        (&described["actionType"], &described["actionParams"]),
        (&json!("ADD_THINGS_TO_THING_GROUP"), &group("A"))
    );
    let mut update = |keeps: bool| {
        simulation.readings().update_keeps_action_id = keeps;
        let params = json!({"actionParams": {"updateCACertificateParams": {"action": "DEACTIVATE"}}});
        let (_, code, answer) = simulation.call("PATCH", ACTION, &params);
        assert_eq!(code, "");
        answer["actionId"].clone()
    };
    assert_eq!(update(true), described["actionId"]);
    assert_ne!(update(false), described["actionId"]);
    assert_eq!(
        simulation.call("GET", ACTION, &Value::Null).2["actionType"],
        "UPDATE_CA_CERTIFICATE"
    );
    assert_eq!(simulation.call("DELETE", ACTION, &Value::Null).1, "");
    assert_eq!(simulation.call("DELETE", ACTION, &Value::Null).1, "");
    assert_eq!(
        simulation.call("GET", ACTION, &Value::Null).1,
        "ResourceNotFoundException"
    );
    assert_eq!(
        simulation.call("PATCH", ACTION, &json!({})).1,
        "ResourceNotFoundException"
    );
    for number in 0..94 {
        assert_eq!(
            simulation
                .call("POST", &format!("{ACTION}-{number}"), &definition("one", &group("A")))
                .1,
            ""
        );
    }
    assert_eq!(
        simulation.call("POST", ACTION, &definition("one", &group("A"))).1,
        "LimitExceededException"
    );
}

#[test]
fn a_fault_strikes_the_calls_of_one_name() {
    let mut simulation = Simulation::new();
    simulation
        .state
        .faults
        .inject(Fault::new(FaultKind::Internal).name("Up*"));
    let mut seen = |uri: &str| simulation.call("GET", uri, &Value::Null).0;
    assert_eq!(seen("/mitigationactions/actions/UpdateCA"), 500);
    assert_eq!(seen("/mitigationactions/actions/Notify"), 200);
    assert_eq!(seen("/audit/scheduledaudits/Upwards"), 500);
    assert_eq!(seen("/audit/findings/Upwards"), 500);
    assert_eq!(seen("/mitigationactions/actions"), 200);
}
