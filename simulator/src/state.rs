//! The whole state, and what a call does to it. Pure: no network, no clock but the times that it is given.
//!
//! A call passes in three steps, because faults can part them: [`State::admit`] when it arrives,
//! [`State::perform`] when its work is done, [`State::delivered`] when its answer was handed over.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::answer::{Answer, ServiceError};
use crate::calls::{Call, CallLog};
use crate::catalogue::Catalogue;
use crate::clock::Clock;
use crate::fault::{Ending, FaultKind};
use crate::faults::{Faults, Struck};
use crate::model::Model;
use crate::outcome::Outcomes;
use crate::scope::{Scope, Tasks};
use crate::view::Counters;
use crate::{Config, Operation, auth, input, samples};

/// An HTTP request, as far as it matters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub authorization: Option<String>,
    pub date: Option<String>,
    pub body: Vec<u8>,
}

/// A call between its arrival and its work.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub seq: u64,
    /// Time to wait before the work.
    pub delay: Duration,
    work: Work,
    struck: Struck,
}

#[derive(Debug)]
enum Work {
    Refuse(ServiceError),
    Do {
        scope: Scope,
        operation: Operation,
        input: Map<String, Value>,
        body: Value,
    },
}

/// How a call ends, after its work.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Time to wait before the answer.
    pub delay: Duration,
    pub ending: Ending,
}

/// Everything that the simulator knows.
#[derive(Debug)]
pub(crate) struct State {
    pub model: Model,
    pub config: Config,
    pub clock: Clock,
    pub catalogue: Catalogue,
    pub scopes: BTreeMap<Scope, Tasks>,
    pub faults: Faults,
    pub outcomes: Outcomes,
    pub calls: CallLog,
    pub counters: Counters,
}

impl State {
    pub(crate) fn new(config: Config, wall: Timestamp) -> Result<Self, crate::Error> {
        let model = Model::load()?;
        let catalogue = if config.samples {
            samples::catalogue(&model, wall)?
        } else {
            Catalogue::default()
        };
        Ok(Self {
            calls: CallLog::new(config.call_log_limit),
            model,
            config,
            clock: Clock::default(),
            catalogue,
            scopes: BTreeMap::new(),
            faults: Faults::default(),
            outcomes: Outcomes::default(),
            counters: Counters::default(),
        })
    }

    /// Takes a call in: who, what, and what will go wrong.
    pub(crate) fn admit(&mut self, wall: Timestamp, request: &Request) -> Admitted {
        let mut call = Call {
            seq: self.calls.next_seq(),
            time: self.clock.now(wall),
            signed: request.date.as_deref().and_then(auth::signed),
            method: request.method.clone(),
            uri: uri(request),
            ..Call::default()
        };
        let work = match self.identify(wall, request, &mut call) {
            Ok(work) => work,
            Err(error) => Work::Refuse(error),
        };
        let struck = match work {
            Work::Do { .. } => self.faults.strike(&call),
            Work::Refuse(_) => Struck::default(),
        };
        let seq = self.calls.push(call);
        Admitted {
            seq,
            delay: struck.before,
            work,
            struck,
        }
    }

    fn identify(&mut self, wall: Timestamp, request: &Request, call: &mut Call) -> Result<Work, ServiceError> {
        let route = self.model.route(&request.method, &request.path);
        let route = route.map(|(name, labels)| (name.to_owned(), labels));
        let mut read_problem = None;
        let mut members = Map::new();
        if let Some((name, labels)) = &route {
            let (read, problem) = input::read(&self.model, name, labels.clone(), &request.query, &request.body);
            call.operation = Operation::named(name);
            let member = |name: &str| read.members.get(name).and_then(Value::as_str).map(str::to_owned);
            call.task_id = member("taskId");
            call.name = member("actionName")
                .or_else(|| member("scheduledAuditName"))
                .or_else(|| member("findingId"));
            call.body = read.body;
            call.unknown_members = read.unknown;
            (members, read_problem) = (read.members, problem);
        }
        let credential = auth::credential(
            request.authorization.as_deref(),
            request.date.as_deref(),
            self.clock.for_signatures(wall),
            self.config.max_signature_age,
        )?;
        let account = self
            .config
            .access_keys
            .get(&credential.access_key)
            .unwrap_or(&credential.access_key)
            .clone();
        (call.access_key, call.account, call.region) =
            (credential.access_key, account.clone(), credential.region.clone());
        let unknown = || {
            ServiceError::new(
                404,
                "UnknownOperationException",
                format!("No operation at {} {}", request.method, request.path),
            )
        };
        let operation = call.operation.ok_or_else(unknown)?;
        if let Some(problem) = read_problem {
            return Ok(Work::Refuse(problem));
        }
        let scope = Scope {
            account,
            region: credential.region,
        };
        Ok(Work::Do {
            scope,
            operation,
            input: members,
            body: call.body.clone(),
        })
    }

    /// Does a call's work, unless a fault comes first.
    pub(crate) fn perform(&mut self, wall: Timestamp, admitted: Admitted) -> Reply {
        let Admitted { seq, work, struck, .. } = admitted;
        let instead = struck
            .main
            .as_ref()
            .filter(|fault| !fault.after_work)
            .map(|fault| fault.kind.clone());
        let afterwards = struck
            .main
            .as_ref()
            .filter(|fault| fault.after_work)
            .map(|fault| fault.kind.clone());
        let (ending, worked) = match (work, instead) {
            (Work::Refuse(error), _) => (Ending::Answer(error.into_answer(seq)), false),
            (Work::Do { .. }, Some(kind)) => (self.fault_ending(&kind, seq), false),
            (
                Work::Do {
                    scope,
                    operation,
                    input,
                    body,
                },
                None,
            ) => {
                let started_before = self.counters.tasks_started;
                let result = self.operate(
                    wall,
                    seq,
                    &scope,
                    operation,
                    input,
                    &body,
                    struck.task_status.as_deref(),
                );
                let started = self.counters.tasks_started > started_before;
                if let Some(call) = self.calls.get_mut(seq) {
                    call.started = started;
                }
                match (result, afterwards) {
                    // Of a call that failed there is nothing to hide, but a cut connection is cut all the same.
                    (Ok(_), Some(kind)) | (Err(_), Some(kind @ (FaultKind::Cut | FaultKind::Hang))) => {
                        (self.fault_ending(&kind, seq), true)
                    }
                    (Ok(output), None) => (Ending::Answer(Answer::success(&output)), true),
                    (Err(error), _) => (Ending::Answer(error.into_answer(seq)), true),
                }
            }
        };
        if let Some(call) = self.calls.get_mut(seq) {
            call.worked = worked;
            if let Ending::Answer(answer) = &ending {
                call.status = Some(answer.status);
                call.code.clone_from(&answer.code);
            }
        }
        Reply {
            delay: struck.after,
            ending,
        }
    }

    fn fault_ending(&mut self, kind: &FaultKind, seq: u64) -> Ending {
        let fallback = Call { seq, ..Call::default() };
        kind.ending(self.calls.get_mut(seq).map_or(&fallback, |call| &*call))
    }

    /// Notes that a call's answer was handed over.
    pub(crate) fn delivered(&mut self, seq: u64) {
        if let Some(call) = self.calls.get_mut(seq) {
            call.delivered = true;
        }
    }
}

fn uri(request: &Request) -> String {
    if request.query.is_empty() {
        request.path.clone()
    } else {
        format!("{}?{}", request.path, request.query)
    }
}
