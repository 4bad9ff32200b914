//! The calls, each one attempt with time-outs.

use std::time::{Duration, Instant};

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_iot::Client;
use aws_sdk_iot::config::http::HttpResponse;
use aws_sdk_iot::error::{ProvideErrorMetadata, SdkError};

use super::classify::Problem;
use super::clients::{Clients, Source};
use super::endpoint;
use super::http_client;
use super::pace::Pace;
use super::sent::SentMark;
use super::shapes;
use crate::api::StartRecord;
use crate::core::answer::{CancelAnswer, DescribeAnswer, Effect, ErrorClass, Failure, Operation, StartAnswer};
use crate::core::rate_limiter::Rates;
use crate::core::task::desired::DesiredTask;
use crate::core::task::step::TaskAddress;
use crate::metrics::{CallOutcome, Metrics};

/// Calls that may be made any number of times: whether one arrived makes no difference.
pub(super) const REPEATABLE: fn() -> bool = || true;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest that one call may take; a lost lease and a shutdown wait for it.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// AWS IoT, with one client for each region.
#[derive(Debug)]
pub struct Service {
    clients: Clients,
    pace: Pace,
    metrics: Metrics,
    /// What of the environment can't be used.
    problem: Option<String>,
}

impl Service {
    /// Reads region, credentials and endpoint the way every SDK does: environment, profile, web identity (IRSA),
    /// container credentials (EKS Pod Identity), instance profile.
    pub async fn from_environment(rates: Rates, metrics: Metrics) -> Self {
        let mut defaults = aws_config::defaults(BehaviorVersion::latest());
        let mut client = http_client::from_environment();
        if let Ok(client) = &client {
            defaults = defaults.http_client(client.clone());
        }
        let mut config = defaults.load().await;
        if let Some(by_profile) = http_client::from_profile(&config) {
            client = by_profile;
        }
        let problem = match client {
            Ok(client) => {
                config = config.into_builder().http_client(client).build();
                None
            }
            Err(problem) => Some(problem),
        };
        let service = Self::with(&config, Source::Environment, rates, metrics);
        Self { problem, ..service }
    }

    /// AWS IoT by this configuration, but for time-outs and retries.
    pub fn new(config: &SdkConfig, rates: Rates, metrics: Metrics) -> Self {
        Self::with(config, Source::Given, rates, metrics)
    }

    fn with(config: &SdkConfig, source: Source, rates: Rates, metrics: Metrics) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(CALL_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let config = config
            .to_builder()
            // Attempts are the controller's affair: one that the SDK makes again hides an answer that nobody saw.
            // mutant: the-sdk-tries-again
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .build();
        Self {
            clients: Clients::new(config, source),
            pace: Pace::new(rates),
            metrics,
            problem: None,
        }
    }

    /// What is wrong with the SDK's settings, if no call could ever be sent with them.
    pub async fn problem(&self) -> Option<String> {
        match &self.problem {
            Some(problem) => Some(problem.clone()),
            None => endpoint::problem(&self.clients.config()).await,
        }
    }

    /// The region of resources that name none.
    pub fn default_region(&self) -> Option<String> {
        self.clients.config().region().map(ToString::to_string)
    }

    /// When which call may be made. Whoever calls asks first; only the look for failed actions waits by itself.
    pub const fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Times and counts a call, and lets the pace know when it is too fast.
    pub(super) async fn counted<T, E>(
        &self,
        operation: Operation,
        region: &str,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        was_sent: impl FnOnce() -> bool,
    ) -> Result<T, Problem>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let (began, credentials) = (Instant::now(), self.clients.issue());
        // The SDK's futures are large; boxed, a reconcile that doesn't call stays small.
        let result = Box::pin(call).await.map_err(|error| {
            let problem = Problem::of(&error, was_sent());
            let is_elsewhere = problem.is_unknown_key() && self.clients.may_be_disabled(region);
            Problem {
                unknown_in: is_elsewhere.then(|| region.to_owned()),
                ..problem
            }
        });
        let (outcome, is_answered) = match &result {
            Err(problem) if !problem.is_documented_for(operation) => {
                (CallOutcome::ErrorClass(problem.class()), problem.answer.is_some())
            }
            _ => (CallOutcome::Answered, true),
        };
        if outcome == CallOutcome::ErrorClass(ErrorClass::Throttled) {
            self.pace.limiter().throttled(operation, region, Instant::now());
        }
        self.metrics
            .called(operation, region, outcome, is_answered, began.elapsed());
        match &result {
            Err(problem) if problem.class() == ErrorClass::CredentialsRejected => {
                // What one region doesn't know may serve all others.
                if is_answered && problem.unknown_in.is_none() {
                    self.clients.renew(credentials);
                }
            }
            Err(problem) if problem.refusal().is_none() => {}
            Ok(_) | Err(_) => self.clients.accepted(region),
        }
        result
    }

    pub(super) fn client(&self, region: &str) -> Client {
        self.clients.of(region)
    }

    /// `StartAuditMitigationActionsTask` with what the record says and the spec asks.
    pub async fn start(&self, record: &StartRecord, desired: &DesiredTask) -> StartAnswer {
        let mark = SentMark::default();
        let call = self
            .client(&record.region)
            .start_audit_mitigation_actions_task()
            .task_id(&record.task_id)
            // mutant: a-token-of-the-sdks-own
            .client_request_token(&record.token)
            .target(shapes::target(&desired.target))
            .set_audit_check_to_actions_mapping(Some(shapes::mapping(&desired.mapping)))
            .customize()
            .interceptor(mark.clone());
        match self
            .counted(Operation::Start, &record.region, call.send(), || mark.is_set())
            .await
        {
            Ok(output) => {
                let task_id = output.task_id.unwrap_or_else(|| record.task_id.clone());
                if shapes::is_task_id(&task_id) {
                    StartAnswer::Success { task_id }
                } else {
                    StartAnswer::Failed(nobodys_id())
                }
            }
            Err(problem) => match problem.refusal() {
                Some("TaskAlreadyExistsException") => StartAnswer::AlreadyExists,
                Some("InvalidRequestException") => StartAnswer::InvalidRequest(problem.service_message()),
                _ => StartAnswer::Failed(problem.into_failure(Operation::Start)),
            },
        }
    }

    /// `DescribeAuditMitigationActionsTask`
    pub async fn describe(&self, task: &TaskAddress) -> DescribeAnswer {
        let call = self
            .client(&task.region)
            .describe_audit_mitigation_actions_task()
            .task_id(&task.task_id);
        match self
            .counted(Operation::Describe, &task.region, call.send(), REPEATABLE)
            .await
        {
            Ok(output) => DescribeAnswer::Found(Box::new(shapes::described(output))),
            Err(problem) => match problem.refusal() {
                Some("ResourceNotFoundException") => DescribeAnswer::NotFound,
                _ => DescribeAnswer::Failed(problem.into_failure(Operation::Describe)),
            },
        }
    }

    /// `CancelAuditMitigationActionsTask`
    pub async fn cancel(&self, task: &TaskAddress) -> CancelAnswer {
        let call = self
            .client(&task.region)
            .cancel_audit_mitigation_actions_task()
            .task_id(&task.task_id);
        match self
            .counted(Operation::Cancel, &task.region, call.send(), REPEATABLE)
            .await
        {
            Ok(_) => CancelAnswer::Accepted,
            Err(problem) => match problem.refusal() {
                Some(code @ ("InvalidRequestException" | "ResourceNotFoundException")) => {
                    CancelAnswer::NotRunning(not_in_progress(code, &problem.service_message()))
                }
                _ => CancelAnswer::Failed(problem.into_failure(Operation::Cancel)),
            },
        }
    }
}

/// Whatever it was that answered, it can't be followed under that id; the record's own id shows what was started.
fn nobodys_id() -> Failure {
    Failure {
        class: ErrorClass::UnexpectedAnswer,
        effect: Effect::Unknown,
        message: format!(
            "{} was answered with an id that no task can have; check the operator's endpoint",
            Operation::Start.name()
        ),
    }
}

/// The service doesn't take a Cancel: most likely the task has just ended.
fn not_in_progress(code: &str, message: &str) -> Failure {
    Failure {
        class: ErrorClass::NotInProgress,
        effect: Effect::None,
        message: format!("{} was answered with {code}: {message}", Operation::Cancel.name()),
    }
}
