//! The operator's command line in tests and in the demo.

use std::{ffi::OsString, path::Path, process::Command};

/// The operator with everything it connects to, and nothing of the person's who runs it: neither
/// their cluster nor their AWS account can be reached by mistake.
///
/// Give it further arguments and start it with [`Cluster::spawn`](crate::Cluster::spawn).
/// `access_key` tells accounts apart in the simulator; `http_port` serves metrics and probes.
#[must_use]
pub fn command(program: &Path, kubeconfig: &Path, iot_endpoint: &str, access_key: &str, http_port: u16) -> Command {
    let mut command = Command::new(program);
    for name in foreign_variables() {
        command.env_remove(name);
    }
    command
        .env("KUBECONFIG", kubeconfig)
        .env("AWS_ENDPOINT_URL_IOT", iot_endpoint)
        .env("AWS_REGION", "eu-central-1")
        .env("AWS_ACCESS_KEY_ID", access_key)
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("HTTP_ADDR", format!("127.0.0.1:{http_port}"))
        .arg("run");
    command
}

fn foreign_variables() -> impl Iterator<Item = OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        name.starts_with("AWS_") || name.starts_with("KUBERNETES_")
    })
}
