//! What a Start does, under each reading.

use super::*;

#[test]
fn each_reading_of_a_replay() {
    let mut simulation = Simulation::new();
    assert_eq!(simulation.start_audit("t-1", "one"), "");
    assert_eq!(simulation.start_audit("t-1", "two"), "TaskAlreadyExistsException");
    assert_eq!(simulation.start_audit("t-1", "one"), "");
    simulation.readings().replay = Replay::TaskAlreadyExists;
    assert_eq!(simulation.start_audit("t-1", "one"), "TaskAlreadyExistsException");
    for (reading, code) in [
        (ReplayOtherBody::InvalidRequest, "InvalidRequestException"),
        (ReplayOtherBody::TaskAlreadyExists, "TaskAlreadyExistsException"),
        (ReplayOtherBody::Success, ""),
    ] {
        simulation.readings().replay_other_body = reading;
        assert_eq!(simulation.start("t-1", "one", &json!({"auditTaskId": "other"})).1, code);
    }
    for (reading, code) in [
        (TokenOfOtherTask::InvalidRequest, "InvalidRequestException"),
        (TokenOfOtherTask::TaskAlreadyExists, "TaskAlreadyExistsException"),
        (TokenOfOtherTask::Start, ""),
    ] {
        simulation.readings().token_of_other_task = reading;
        assert_eq!(simulation.start_audit("t-2", "one"), code);
    }
    assert_eq!(simulation.state.counters.tasks_started, 2);
    let started: Vec<_> = simulation.state.calls.iter().filter(|call| call.started).collect();
    assert_eq!(started.len(), 2, "{started:?}");
    assert_eq!(simulation.state.counters.start_requests["t-1"], 7);
    assert_eq!(
        simulation.state.tasks(base())[0].request["target"],
        json!({"auditTaskId": "unknown-audit"})
    );
}

#[test]
fn the_limit_of_running_tasks_before_and_after_the_replay() {
    let mut simulation = Simulation::new();
    simulation.state.config.settings.quotas.running_by_others = 8;
    assert_eq!(simulation.start_audit("t-1", "one"), "");
    assert_eq!(simulation.start_audit("t-2", "two"), "");
    assert_eq!(simulation.start("t-3", "three", &json!({"auditTaskId": "a"})).0, 410);
    assert_eq!(simulation.start_audit("t-2", "two"), "");
    simulation.readings().limit = LimitCheck::BeforeReplay;
    assert_eq!(simulation.start_audit("t-2", "two"), "LimitExceededException");
    simulation.millis = 2000;
    assert_eq!(simulation.start_audit("t-3", "three"), "");
    assert_eq!(simulation.state.counters.max_running, 2);
}

#[test]
fn accounts_and_regions_are_apart_unless_keys_are_mapped() {
    let mut simulation = Simulation::new();
    simulation
        .state
        .config
        .access_keys
        .insert("ASIA".to_owned(), "AKIA".to_owned());
    assert_eq!(simulation.start_audit("t-1", "one"), "");
    simulation.region = "us-east-1";
    assert_eq!(simulation.status("t-1"), "ResourceNotFoundException");
    assert_eq!(simulation.start_audit("t-1", "one"), "");
    (simulation.key, simulation.region) = ("OTHER", "eu-west-1");
    assert_eq!(simulation.status("t-1"), "ResourceNotFoundException");
    simulation.key = "ASIA";
    assert_eq!(simulation.status("t-1"), "IN_PROGRESS");
}

#[test]
fn odd_targets_follow_their_readings() {
    let mut simulation = Simulation::new();
    let filter = json!({"auditCheckToReasonCodeFilter": {"LOGGING_DISABLED_CHECK": ["LOGGING_DISABLED"]}});
    let both = json!({"auditTaskId": "a", "findingIds": ["f-1"]});
    assert_eq!(simulation.start("t-0", "0", &json!({})).1, "InvalidRequestException");
    assert_eq!(simulation.start("t-1", "1", &filter).1, "");
    assert_eq!(simulation.start("t-2", "2", &both).1, "InvalidRequestException");
    simulation.readings().filter_alone = Choice::Refuse;
    simulation.readings().finding_ids_with_others = Choice::Accept;
    assert_eq!(simulation.start("t-3", "3", &filter).1, "InvalidRequestException");
    assert_eq!(simulation.start("t-2", "2", &both).1, "");
    simulation.state.config.settings.unknown_targets = Choice::Refuse;
    assert_eq!(simulation.start_audit("t-4", "4"), "InvalidRequestException");
    assert_eq!(
        simulation.start("t-4", "4", &json!({"findingIds": ["f-1"]})).1,
        "InvalidRequestException"
    );
    assert_eq!(
        simulation
            .start("t-4", "4", &json!({"auditTaskId": AUDIT_OF_EVERYTHING}))
            .1,
        ""
    );
}

#[test]
fn findings_come_from_the_target() {
    let mut simulation = Simulation::new();
    let mapping =
        json!({"CA_CERTIFICATE_EXPIRING_CHECK": ["UpdateCA"], "IOT_ROLE_ALIAS_OVERLY_PERMISSIVE_CHECK": ["Notify"]});
    let totals = |simulation: &mut Simulation, id: &str, target: Value| {
        let body = json!({"target": target, "auditCheckToActionsMapping": mapping, "clientRequestToken": id});
        assert_eq!(simulation.call("POST", &task(id), &body).1, "");
        simulation.millis += 2000;
        let statistics = simulation.call("GET", &task(id), &Value::Null).2["taskStatistics"].take();
        [
            "CA_CERTIFICATE_EXPIRING_CHECK",
            "IOT_ROLE_ALIAS_OVERLY_PERMISSIVE_CHECK",
        ]
        .map(|check| {
            let number = |member: &str| statistics[check][member].as_u64().unwrap();
            (number("totalFindingsCount"), number("skippedFindingsCount"))
        })
    };
    let whole = json!({"auditTaskId": AUDIT_OF_EVERYTHING});
    let filter = json!({"CA_CERTIFICATE_EXPIRING_CHECK": ["CERTIFICATE_APPROACHING_EXPIRATION"]});
    let narrowed = json!({"auditTaskId": AUDIT_OF_EVERYTHING, "auditCheckToReasonCodeFilter": filter});
    assert_eq!(totals(&mut simulation, "whole", whole.clone()), [(2, 1), (6, 1)]);
    assert_eq!(totals(&mut simulation, "narrowed", narrowed), [(1, 0), (0, 0)]);
    assert_eq!(
        totals(
            &mut simulation,
            "ids",
            json!({"findingIds": ["all-03-1", "made-up-1", "made-up-2"]})
        ),
        [(2, 0), (1, 0)]
    );
    assert_eq!(
        totals(&mut simulation, "other", json!({"auditTaskId": "unheard-of"})),
        [(2, 0), (2, 0)]
    );
    simulation.readings().suppressed = Suppressed::Omitted;
    assert_eq!(totals(&mut simulation, "omitted", whole), [(1, 0), (5, 0)]);
}
