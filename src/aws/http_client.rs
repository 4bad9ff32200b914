//! The connections of the SDK: which go through a proxy, and whom they trust.
//!
//! The SDK's own client (`aws-smithy-http-client` with the variables of the environment) sends everything through
//! `HTTP_PROXY`, also a pod's token to the credential service on its node, and knows no `AWS_CA_BUNDLE`.

use std::net::IpAddr;
use std::path::Path;

use aws_config::SdkConfig;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::setting;

/// The variable that the AWS CLI reads, too: the certificates in that file are trusted, and no others.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";

/// The client for all calls of the SDK, those for credentials included.
///
/// # Errors
/// When the certificates that are to be trusted can't be read.
pub(super) fn from_environment() -> Result<SharedHttpClient, String> {
    match std::env::var_os(CA_BUNDLE).filter(|path| !path.is_empty()) {
        Some(path) => trusting(path.as_ref()),
        None => Ok(with(&TrustStore::default(), &ProxyConfig::from_env())),
    }
}

/// The client that the AWS profile asks for (`ca_bundle`), which isn't known before the profile is read.
pub(super) fn from_profile(config: &SdkConfig) -> Option<Result<SharedHttpClient, String>> {
    let path = setting::of_iot(config, CA_BUNDLE, "ca_bundle").filter(|path| !path.is_empty())?;
    Some(trusting(path.as_ref()))
}

fn trusting(bundle: &Path) -> Result<SharedHttpClient, String> {
    Ok(with(&read_bundle(bundle)?, &ProxyConfig::from_env()))
}

/// A client that trusts these, and uses this proxy wherever one may be used.
fn with(trusted: &TrustStore, proxy: &ProxyConfig) -> SharedHttpClient {
    SharedHttpClient::new(Client {
        direct: client(trusted, &ProxyConfig::disabled()),
        by_proxy: client(trusted, proxy),
    })
}

fn client(trusted: &TrustStore, proxy: &ProxyConfig) -> SharedHttpClient {
    let (trusted, proxy) = (trusted.clone(), proxy.clone());
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .proxy_config(proxy.clone());
        if let Ok(context) = TlsContext::builder().with_trust_store(trusted.clone()).build() {
            builder = builder.tls_context(context);
        }
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.build()
    })
}

/// The client panics over certificates that it can't use, so they are looked at before.
fn read_bundle(path: &Path) -> Result<TrustStore, String> {
    let problem = |what: String| format!("{CA_BUNDLE}: {}: {what}", path.display());
    let pem = std::fs::read(path).map_err(|error| problem(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| problem(format!("it can't be read as PEM: {error}")))?;
        roots
            .add(certificate)
            .map_err(|error| problem(format!("one of its certificates can't be used: {error}")))?;
    }
    if roots.is_empty() {
        return Err(problem("it has no certificate: write them as PEM".to_owned()));
    }
    Ok(TrustStore::empty().with_pem_certificate(pem))
}

#[derive(Debug)]
struct Client {
    direct: SharedHttpClient,
    by_proxy: SharedHttpClient,
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Connectors {
            direct: self.direct.http_connector(settings, components),
            by_proxy: self.by_proxy.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct Connectors {
    direct: SharedHttpConnector,
    by_proxy: SharedHttpConnector,
}

impl HttpConnector for Connectors {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let uri: Option<http::Uri> = request.uri().parse().ok();
        if uri.as_ref().and_then(http::Uri::host).is_some_and(is_on_this_node) {
            self.direct.call(request)
        } else {
            self.by_proxy.call(request)
        }
    }
}

/// Whether a host is this machine, or a service that only this machine reaches: the credential agents of EKS
/// (169.254.170.23, `fd00:ec2::23`) and ECS (169.254.170.2), the instance metadata (169.254.169.254, `fd00:ec2::254`), a
/// sidecar. No proxy could reach them, and it would get to see a token.
fn is_on_this_node(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
        Ok(IpAddr::V6(address)) => {
            address.is_loopback()
                || address.is_unicast_link_local()
                || matches!(address.segments(), [0xfd00, 0x0ec2, ..])
        }
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_the_node_is_told_by_its_address() {
        for near in [
            "169.254.170.23",
            "169.254.170.2",
            "169.254.169.254",
            "[fd00:ec2::23]",
            "[fd00:ec2::254]",
            "fe80::1",
            "127.0.0.1",
            "127.1.2.3",
            "[::1]",
            "[::ffff:169.254.170.23]",
            "localhost",
        ] {
            assert!(is_on_this_node(near), "{near}");
        }
        for far in [
            "10.0.0.1",
            "169.253.0.1",
            "[fd00:ec3::1]",
            "[2001:db8::1]",
            "sts.eu-central-1.amazonaws.com",
            "localhost.example.com",
            "",
        ] {
            assert!(!is_on_this_node(far), "{far}");
        }
    }

    #[test]
    fn a_bundle_that_cannot_be_used_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let problem = |text: Option<&str>| {
            if let Some(text) = text {
                std::fs::write(&file, text).unwrap();
            }
            read_bundle(&file).err().unwrap()
        };
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for (text, says) in [
            (None, "No such file"),
            (Some(""), "has no certificate"),
            (Some("no certificate at all"), "has no certificate"),
            (Some(broken), "can't be used"),
            (
                Some("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
                "can't be read as PEM",
            ),
        ] {
            let problem = problem(text);
            assert!(
                problem.starts_with("AWS_CA_BUNDLE: ") && problem.contains("ca.pem"),
                "{problem}"
            );
            assert!(problem.contains(says), "{text:?}: {problem}");
        }
        assert!(read_bundle(folder.path()).is_err(), "a folder is no file");
    }
}
