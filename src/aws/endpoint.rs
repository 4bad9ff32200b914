//! Whether region and endpoint can be used, by the SDK's own rules (FIPS, dual stack) and as an address.

use aws_config::{Region, SdkConfig};
use aws_sdk_iot::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};

use super::setting;
use super::text::cut;
use crate::api::spec::is_region;
use crate::causes::sources;

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
    let cause = match resolve(config).await {
        Ok(url) if is_address(&url) => return None,
        Ok(url) => format!(
            "{:?} is no address such as https://iot.eu-central-1.amazonaws.com",
            cut(&url)
        ),
        Err(cause) => cause,
    };
    Some(format!(
        "AWS can't be called with these settings: {cause} (check AWS_ENDPOINT_URL_IOT, AWS_ENDPOINT_URL, \
         AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT, or the same in the AWS profile)"
    ))
}

/// Where the SDK would send a call.
async fn resolve(config: &SdkConfig) -> Result<String, String> {
    let region = config.region().map_or(SOME_REGION, Region::as_ref);
    let endpoint = setting::of_iot(config, "AWS_ENDPOINT_URL", "endpoint_url");
    let params = Params::builder()
        .region(region)
        .set_use_fips(config.use_fips())
        .set_use_dual_stack(config.use_dual_stack())
        .set_endpoint(endpoint.or_else(|| config.endpoint_url().map(str::to_owned)))
        .build()
        .map_err(|error| cut(&error.to_string()))?;
    match DefaultResolver::new().resolve_endpoint(&params).await {
        Ok(endpoint) => Ok(endpoint.url().to_owned()),
        Err(error) => {
            let innermost = sources(&*error).last().map(ToString::to_string);
            Err(cut(&innermost.unwrap_or_default()))
        }
    }
}

fn is_address(url: &str) -> bool {
    url.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    })
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
