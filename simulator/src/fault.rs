//! Faults on demand: what goes wrong, with which calls, how often.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact;
use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use crate::Operation;
use crate::answer::{Answer, ServiceError};
use crate::calls::Call;

/// Something that goes wrong with the calls that it matches.
///
/// Latencies and task statuses add to whatever else happens; of all other faults that match, the first injected wins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only calls of this operation.
    #[serde(default)]
    pub operation: Option<Operation>,
    /// Only calls whose `taskId` matches this glob (`*` and `?`).
    #[serde(default)]
    pub task_id: Option<String>,
    /// Only calls whose `actionName`, `scheduledAuditName` or `findingId` matches this glob.
    #[serde(default)]
    pub name: Option<String>,
    /// Only calls of this account.
    #[serde(default)]
    pub account: Option<String>,
    /// Only calls signed with this access key.
    #[serde(default)]
    pub access_key: Option<String>,
    /// Only calls for this region.
    #[serde(default)]
    pub region: Option<String>,
    /// How often it strikes; until it is removed, if not given.
    #[serde(default)]
    pub times: Option<u64>,
    /// How probable it is for each call that matches; always, if not given.
    #[serde(default)]
    pub probability: Option<f64>,
    /// Makes the probability repeatable.
    #[serde(default)]
    pub seed: u64,
    /// Whether the call takes effect before the fault does. An effect that fails is answered with its own error.
    #[serde(default)]
    pub after_work: bool,
    /// What goes wrong.
    pub kind: FaultKind,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// `ThrottlingException`, 400.
    Throttle,
    /// `LimitExceededException`, 410.
    Limit,
    /// `InternalFailureException`, 500.
    Internal,
    /// 503 with an HTML body, as a load balancer gives it.
    Unavailable,
    /// `ResourceNotFoundException`, 404.
    NotFound,
    /// `AccessDeniedException`, 403.
    AccessDenied,
    /// `ExpiredTokenException`, 403.
    ExpiredToken,
    /// `UnrecognizedClientException`, 403.
    UnrecognizedClient,
    /// Any error in the service's format.
    Error {
        /// Status code.
        status: u16,
        /// The error's class.
        code: String,
        /// For people.
        #[serde(default)]
        message: String,
    },
    /// Any answer at all.
    Raw {
        /// Status code.
        status: u16,
        /// The body's type.
        #[serde(default = "plain_text")]
        content_type: String,
        /// The body.
        body: String,
    },
    /// 200 with a body that isn't JSON.
    Garbage,
    /// The connection is cut without an answer.
    Cut,
    /// No answer ever comes; the connection stays open.
    Hang,
    /// The call is slow.
    Latency {
        /// Time before the work is done. A client that gives up now is followed by `readings.work_after_disconnect`.
        #[serde(default, with = "compact::required")]
        before: Duration,
        /// Time between the work and the answer.
        #[serde(default, with = "compact::required")]
        after: Duration,
    },
    /// Describe and the list of tasks tell this status.
    TaskStatus {
        /// Any string, in the model or not.
        status: String,
    },
}

fn plain_text() -> String {
    "text/plain".to_owned()
}

impl Fault {
    /// A fault that strikes every call, for ever, before the work is done.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            operation: None,
            task_id: None,
            name: None,
            account: None,
            access_key: None,
            region: None,
            times: None,
            probability: None,
            seed: 0,
            after_work: false,
            kind,
        }
    }

    /// Only calls of this operation.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Only calls whose `taskId` matches this glob.
    #[must_use]
    pub fn task(mut self, glob: &str) -> Self {
        self.task_id = Some(glob.to_owned());
        self
    }

    /// Only calls whose `actionName`, `scheduledAuditName` or `findingId` matches this glob.
    #[must_use]
    pub fn name(mut self, glob: &str) -> Self {
        self.name = Some(glob.to_owned());
        self
    }

    /// Only calls signed with this access key.
    #[must_use]
    pub fn access_key(mut self, key: &str) -> Self {
        self.access_key = Some(key.to_owned());
        self
    }

    /// Only so many calls.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Only some of the calls.
    #[must_use]
    pub fn probability(mut self, probability: f64, seed: u64) -> Self {
        (self.probability, self.seed) = (Some(probability), seed);
        self
    }

    /// Lets the call take effect first.
    #[must_use]
    pub fn after_work(mut self) -> Self {
        self.after_work = true;
        self
    }

    pub(crate) fn matches(&self, call: &Call) -> bool {
        let fits = |glob: Option<&str>, given: Option<&str>| {
            glob.is_none_or(|glob| given.is_some_and(|given| WildMatch::new(glob).matches(given)))
        };
        let is = |wanted: &Option<String>, given: &str| wanted.as_deref().is_none_or(|wanted| wanted == given);
        self.operation.is_none_or(|operation| call.operation == Some(operation))
            && is(&self.account, &call.account)
            && is(&self.access_key, &call.access_key)
            && is(&self.region, &call.region)
            && fits(self.task_id.as_deref(), call.task_id.as_deref())
            && fits(self.name.as_deref(), call.name.as_deref())
    }
}

/// How a call ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With an answer.
    Answer(Answer),
    /// The connection is cut.
    Cut,
    /// Never.
    Hang,
}

impl FaultKind {
    /// How the call ends that this strikes.
    pub(crate) fn ending(&self, call: &Call) -> Ending {
        let error = match self {
            Self::Cut => return Ending::Cut,
            Self::Hang => return Ending::Hang,
            Self::Garbage => return raw(200, "application/json", "{\"taskStatus\": \"COMPL"),
            Self::Unavailable => {
                return raw(
                    503,
                    "text/html",
                    "<html><body><h1>503 Service Unavailable</h1></body></html>",
                );
            }
            Self::Raw {
                status,
                content_type,
                body,
            } => return raw(*status, content_type, body),
            Self::Throttle => ServiceError::throttled(),
            Self::Limit => ServiceError::limit(),
            // The two that combine never get here.
            Self::Internal | Self::Latency { .. } | Self::TaskStatus { .. } => ServiceError::internal(),
            Self::NotFound => ServiceError::not_found(),
            Self::AccessDenied => match call.operation {
                Some(operation) => ServiceError::access_denied(&call.account, operation),
                None => ServiceError::new(403, "AccessDeniedException", "Forbidden"),
            },
            Self::ExpiredToken => ServiceError::new(
                403,
                "ExpiredTokenException",
                "The security token included in the request is expired",
            ),
            Self::UnrecognizedClient => ServiceError::new(
                403,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            Self::Error { status, code, message } => ServiceError::new(*status, code, message.clone()),
        };
        Ending::Answer(error.into_answer(call.seq))
    }
}

fn raw(status: u16, content_type: &str, body: &str) -> Ending {
    let body = body.as_bytes().to_vec();
    Ending::Answer(Answer {
        status,
        code: None,
        content_type: content_type.to_owned(),
        body,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_as_documented() {
        let json = r#"{"operation": "StartAuditMitigationActionsTask", "times": 1, "kind": {"type": "latency", "before": "2s"}}"#;
        let fault: Fault = serde_json::from_str(json).unwrap();
        let latency = FaultKind::Latency {
            before: Duration::from_secs(2),
            after: Duration::ZERO,
        };
        assert_eq!(fault, Fault::new(latency).on(Operation::START).times(1));
        assert!(serde_json::from_str::<Fault>(r#"{"kind": {"type": "cut"}, "taskId": "x"}"#).is_err());
    }
}
