//! Somebody else in the same account.

use std::time::Duration;

use anyhow::Result;
use aws_sdk_iot::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig, timeout::TimeoutConfig},
    error::SdkError,
    types::AuditMitigationActionsTaskTarget,
};

/// What their tokens begin with.
pub(crate) const TOKEN_PREFIX: &str = "stranger-";

/// Theirs.
pub(crate) const ACCESS_KEY: &str = "AKIASTRANGER";

/// How long they wait for an answer.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) struct Stranger(Client);

impl Stranger {
    pub(crate) fn new(endpoint: &str) -> Self {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .endpoint_url(endpoint)
            .credentials_provider(Credentials::new(ACCESS_KEY, "secret", None, None, "stranger"))
            .retry_config(RetryConfig::disabled())
            // The faults of the service strike them as well.
            .timeout_config(TimeoutConfig::builder().operation_timeout(PATIENCE).build())
            .build();
        Self(Client::from_conf(config))
    }

    /// Starts a task; false if it is there already, or a fault or a quota of the service was faster.
    pub(crate) async fn start(&self, task_id: &str, audit: &str, action: &str) -> Result<bool> {
        let target = AuditMitigationActionsTaskTarget::builder().audit_task_id(audit).build();
        let sent = self
            .0
            .start_audit_mitigation_actions_task()
            .task_id(task_id)
            .client_request_token(format!("{TOKEN_PREFIX}{task_id}"))
            .target(target)
            .audit_check_to_actions_mapping("LOGGING_DISABLED_CHECK", vec![action.to_owned()])
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(error @ SdkError::ConstructionFailure(_)) => Err(error.into()),
            Err(_) => Ok(false),
        }
    }
}
