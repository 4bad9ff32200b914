//! Calls against the pure state. Each answer is checked against the service's model on the way.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::config::{Choice, LimitCheck, Quotas, Readings, Replay, ReplayOtherBody, Suppressed, TokenOfOtherTask};
use crate::fault::{Ending, Fault, FaultKind};
use crate::state::{Request, State};
use crate::{AUDIT_IN_PROGRESS, AUDIT_OF_DEVICES, AUDIT_OF_EVERYTHING, Config, Operation, Outcome};

const DAY: u64 = 86_400;

/// A state whose time is set by the test, in milliseconds since it began.
struct Simulation {
    state: State,
    millis: i64,
    key: &'static str,
    region: &'static str,
}

/// Status code, error code, body.
type Seen = (u16, String, Value);

impl Simulation {
    fn new() -> Self {
        let config = Config {
            max_signature_age: None,
            ..Config::default()
        };
        let mut simulation = Self {
            state: State::new(config, base()).unwrap(),
            millis: 0,
            key: "AKIA",
            region: "eu-west-1",
        };
        simulation.state.config.settings.quotas = Quotas {
            running_tasks: Some(10),
            ..Quotas::unlimited()
        };
        simulation
    }

    fn readings(&mut self) -> &mut Readings {
        &mut self.state.config.settings.readings
    }

    fn wall(&self) -> Timestamp {
        base()
            .checked_add(Duration::from_millis(self.millis.unsigned_abs()))
            .unwrap()
    }

    fn request(&self, method: &str, uri: &str, body: &Value) -> Request {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let scope = format!("{}/20260301/{}/iot/aws4_request", self.key, self.region);
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            authorization: Some(format!(
                "AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
            )),
            date: Some("20260301T000000Z".to_owned()),
            body: if body.is_null() {
                Vec::new()
            } else {
                body.to_string().into_bytes()
            },
        }
    }

    fn ending(&mut self, method: &str, uri: &str, body: &Value) -> Ending {
        let request = self.request(method, uri, body);
        let admitted = self.state.admit(self.wall(), &request);
        self.state.perform(self.wall(), admitted).ending
    }

    fn call(&mut self, method: &str, uri: &str, body: &Value) -> Seen {
        let Ending::Answer(answer) = self.ending(method, uri, body) else {
            panic!("no answer")
        };
        let seen = serde_json::from_slice(&answer.body).unwrap();
        let path = uri.split('?').next().unwrap();
        if let Some((name, _)) = self.state.model.route(method, path) {
            let operation = &self.state.model.operations[name];
            match &answer.code {
                None => {
                    let verdict = self.state.model.check(&operation.output, &seen);
                    assert_eq!(verdict, crate::validate::Verdict::default(), "{name}: {seen}");
                }
                Some(code) => assert!(
                    operation.errors.contains(code) || answer.status == 403,
                    "{name}: {code}"
                ),
            }
        }
        (answer.status, answer.code.unwrap_or_default(), seen)
    }

    fn start(&mut self, id: &str, token: &str, target: &Value) -> Seen {
        let body = json!({
            "target": target,
            "auditCheckToActionsMapping": {"LOGGING_DISABLED_CHECK": ["EnableLogging"]},
            "clientRequestToken": token,
        });
        self.call("POST", &task(id), &body)
    }

    fn start_audit(&mut self, id: &str, token: &str) -> String {
        self.start(id, token, &json!({"auditTaskId": "unknown-audit"})).1
    }

    fn status(&mut self, id: &str) -> String {
        let (status, code, body) = self.call("GET", &task(id), &Value::Null);
        if status == 200 {
            body["taskStatus"].as_str().unwrap().to_owned()
        } else {
            code
        }
    }
}

fn base() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

fn task(id: &str) -> String {
    format!("/audit/mitigationactions/tasks/{id}")
}

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
