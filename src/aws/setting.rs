//! Settings of AWS IoT that the SDK reads, and tells only whoever asks by their names.

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

/// A setting as the SDK looks for it: the service's own before the one of all services, the environment before the
/// profile.
pub(super) fn of_iot(config: &SdkConfig, variable: &str, in_profile: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id("IoT")
        .env(variable)
        .profile(in_profile)
        .build()
        .ok()?;
    config.service_config()?.load_config(key)
}
