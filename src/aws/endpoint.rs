//! Whether region and endpoint can be used, by the SDK's own judgement.

use std::error::Error;

use aws_config::retry::RetryConfig;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_iot::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_iot::config::{Builder, ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_iot::error::BoxError;

use super::classify::{cut, sources};
use crate::api::spec::is_region;

/// Any region does to look at an endpoint.
const SOME_REGION: &str = "us-east-1";

/// What is wrong with the SDK's settings for region and endpoint, if anything is.
pub(super) async fn problem(config: &SdkConfig) -> Option<String> {
    if let Some(region) = config.region().filter(|region| !is_region(region.as_ref())) {
        return Some(format!(
            "AWS_REGION, or the region of the AWS profile, is {:?}: write a region such as eu-central-1",
            region.as_ref()
        ));
    }
    let region = config.region().cloned().unwrap_or(Region::from_static(SOME_REGION));
    let config = Builder::from(config)
        .region(region)
        .credentials_provider(Credentials::new("check", "check", None, None, "check"))
        .retry_config(RetryConfig::disabled())
        .interceptor(Stop);
    let call = aws_sdk_iot::Client::from_conf(config.build())
        .describe_audit_mitigation_actions_task()
        .task_id("check");
    // It is made ready to be sent, and never sent.
    let error = Box::pin(call.send()).await.err()?;
    if sources(&error).any(<dyn Error>::is::<Stopped>) {
        return None;
    }
    let cause = sources(&error).last().map(|cause| cut(&cause.to_string()))?;
    Some(format!(
        "AWS can't be called with these settings: {cause} (check AWS_ENDPOINT_URL_IOT, AWS_ENDPOINT_URL, \
         AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT, or the same in the AWS profile)"
    ))
}

/// Ends each call just before it would be sent.
#[derive(Debug)]
struct Stop;

/// The call came as far as it was to come.
#[derive(Debug, thiserror::Error)]
#[error("stopped before it was sent")]
struct Stopped;

impl Intercept for Stop {
    fn name(&self) -> &'static str {
        "Stop"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        Err(Stopped.into())
    }
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;

    use super::*;

    async fn problem_with(region: Option<&'static str>, endpoint: Option<&str>, fips: bool) -> Option<String> {
        let mut config = SdkConfig::builder().behavior_version(BehaviorVersion::latest());
        config.set_region(region.map(Region::from_static));
        config.set_endpoint_url(endpoint.map(str::to_owned));
        problem(&config.use_fips(fips).build()).await
    }

    #[tokio::test]
    async fn what_the_sdk_could_never_send_is_named() {
        for (region, endpoint, fips) in [
            (Some("eu-central-1"), None, false),
            (None, None, false),
            (Some("us-gov-west-1"), None, true),
            (Some("eu-central-1"), Some("http://127.0.0.1:4566"), false),
        ] {
            assert_eq!(
                problem_with(region, endpoint, fips).await,
                None,
                "{region:?} {endpoint:?}"
            );
        }
        for (region, endpoint, fips, says) in [
            (Some("eu central 1"), None, false, "AWS_REGION"),
            (Some("EU-CENTRAL-1"), None, false, "AWS_REGION"),
            (Some("eu-central-1"), Some("http://127.0.0.1:4566"), true, "FIPS"),
            (None, Some("http://127.0.0.1:4566"), true, "FIPS"),
            (Some("eu-central-1"), Some("not a url"), false, "AWS_ENDPOINT_URL_IOT"),
            (Some("eu-central-1"), Some("127.0.0.1"), false, "AWS_ENDPOINT_URL_IOT"),
        ] {
            let problem = problem_with(region, endpoint, fips).await.unwrap_or_default();
            assert!(problem.contains(says), "{region:?} {endpoint:?} {fips}: {problem:?}");
            assert!(!problem.contains('\n'), "{problem}");
        }
    }
}
