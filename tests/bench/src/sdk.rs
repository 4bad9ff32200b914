//! Calls of the simulated service by the SDK, as the operator makes them.

use anyhow::{Context as _, Result};
use aws_sdk_iot::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    types::AuditMitigationActionsTaskTarget,
};

pub(crate) fn client(endpoint: &str, access_key: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new(access_key, "secret", None, None, "bench"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// Starts the task that [`crate::resources::object`] asks for.
pub(crate) async fn start(client: &Client, task_id: &str) -> Result<()> {
    let target = AuditMitigationActionsTaskTarget::builder()
        .audit_task_id("a3aea009955e501a31b764abe1bebd3d")
        .build();
    client
        .start_audit_mitigation_actions_task()
        .task_id(task_id)
        .client_request_token(task_id)
        .target(target)
        .audit_check_to_actions_mapping("LOGGING_DISABLED_CHECK", vec!["EnableLogging".to_owned()])
        .send()
        .await
        .context("the simulated service refused a start")?;
    Ok(())
}

pub(crate) async fn describe(client: &Client, task_id: &str) -> Result<()> {
    client
        .describe_audit_mitigation_actions_task()
        .task_id(task_id)
        .send()
        .await
        .context("the simulated service refused a description")?;
    Ok(())
}
