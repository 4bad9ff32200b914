//! The calls, each one attempt with time-outs.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_iot::Client;
use aws_sdk_iot::config::http::HttpResponse;
use aws_sdk_iot::error::{ProvideErrorMetadata, SdkError};

use super::classify::Problem;
use super::sent::SentMark;
use super::shapes;
use crate::api::StartRecord;
use crate::core::answer::{CancelAnswer, DescribeAnswer, Operation, StartAnswer};
use crate::core::facts::Wish;
use crate::core::step::TaskAddress;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The longest that one call may take; a lost lease and a shutdown wait for it.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// AWS IoT, with one client for each region.
#[derive(Debug)]
pub struct Service {
    config: SdkConfig,
    clients: Mutex<HashMap<String, Client>>,
}

impl Service {
    /// Reads region, credentials and endpoint the way every SDK does: environment, profile, web identity (IRSA),
    /// container credentials (EKS Pod Identity), instance profile.
    pub async fn from_environment() -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(CALL_TIMEOUT)
            .operation_timeout(CALL_TIMEOUT)
            .build();
        let config = aws_config::defaults(BehaviorVersion::latest())
            // Attempts are the controller's affair: one that the SDK makes again hides an answer that nobody saw.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .load()
            .await;
        Self { config, clients: Mutex::default() }
    }

    /// The region of resources that name none.
    #[must_use]
    pub fn default_region(&self) -> Option<String> {
        self.config.region().map(ToString::to_string)
    }

    /// The client for a region.
    pub(super) fn client(&self, region: &str) -> Client {
        let mut clients = self.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        clients
            .entry(region.to_owned())
            .or_insert_with(|| {
                let config = aws_sdk_iot::config::Builder::from(&self.config).region(Region::new(region.to_owned()));
                Client::from_conf(config.build())
            })
            .clone()
    }

    /// `StartAuditMitigationActionsTask` with what the record says and the spec asks.
    pub async fn start(&self, record: &StartRecord, wish: &Wish) -> StartAnswer {
        let mark = SentMark::default();
        let result = self
            .client(&record.region)
            .start_audit_mitigation_actions_task()
            .task_id(&record.task_id)
            .client_request_token(&record.token)
            .target(shapes::target(&wish.target))
            .set_audit_check_to_actions_mapping(Some(shapes::mapping(&wish.mapping)))
            .customize()
            .interceptor(mark.clone())
            .send()
            .await;
        match result {
            Ok(output) => StartAnswer::Success { task_id: output.task_id.unwrap_or_else(|| record.task_id.clone()) },
            Err(error) => {
                let problem = Problem::of(&error, mark.is_set());
                match problem.code() {
                    Some("TaskAlreadyExistsException") => StartAnswer::AlreadyExists,
                    Some("InvalidRequestException") => StartAnswer::InvalidRequest(problem.service_message()),
                    _ => StartAnswer::Failed(problem.into_failure(Operation::Start)),
                }
            }
        }
    }

    /// `DescribeAuditMitigationActionsTask`
    pub async fn describe(&self, task: &TaskAddress) -> DescribeAnswer {
        let result = self.client(&task.region).describe_audit_mitigation_actions_task().task_id(&task.task_id).send().await;
        match result {
            Ok(output) => DescribeAnswer::Found(Box::new(shapes::described(output))),
            Err(error) => {
                let problem = problem(&error);
                match problem.code() {
                    Some("ResourceNotFoundException") => DescribeAnswer::NotFound,
                    _ => DescribeAnswer::Failed(problem.into_failure(Operation::Describe)),
                }
            }
        }
    }

    /// `CancelAuditMitigationActionsTask`
    pub async fn cancel(&self, task: &TaskAddress) -> CancelAnswer {
        let result = self.client(&task.region).cancel_audit_mitigation_actions_task().task_id(&task.task_id).send().await;
        match result {
            Ok(_) => CancelAnswer::Accepted,
            Err(error) => {
                let problem = problem(&error);
                match problem.code() {
                    Some("InvalidRequestException") => CancelAnswer::NotRunning,
                    Some("ResourceNotFoundException") => CancelAnswer::NotFound,
                    _ => CancelAnswer::Failed(problem.into_failure(Operation::Cancel)),
                }
            }
        }
    }
}

/// For calls that may be made any number of times: whether they arrived makes no difference.
fn problem<E>(error: &SdkError<E, HttpResponse>) -> Problem
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    Problem::of(error, true)
}
