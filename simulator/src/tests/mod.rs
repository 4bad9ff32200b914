//! Calls against the pure state. Each answer is checked against the service's model on the way.

mod actions;
mod audits;
mod faults;
mod lists;
mod lives;
mod schedules;
mod starts;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::config::Quotas;
use crate::fault::{Ending, Fault, FaultKind};
use crate::readings::{Choice, LimitCheck, Readings, Replay, ReplayOtherBody, Suppressed, TokenOfOtherTask};
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
