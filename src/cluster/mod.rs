//! The client for the API server.

mod proxy;

use std::time::Duration;

use kube::client::ClientBuilder;
use kube::config::{InferConfigError, Kubeconfig};
use kube::{Client, Config};

use crate::causes::explain;
use crate::controller::ApiServerMonitor;

/// The longest silence of a connection to the API server while something is expected from it.
const READ_TIMEOUT: Duration = Duration::from_secs(295);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cluster is not known.
    #[error("no cluster: set KUBECONFIG, or run in a pod: {}", explain(.0))]
    Unknown(#[from] InferConfigError),
    /// The way to it is not one.
    #[error("the API server can't be reached by a proxy: {0}")]
    Proxy(String),
    /// The client can't be made.
    #[error("the cluster's configuration can't be used: {}", explain(.0))]
    Client(#[from] kube::Error),
}

/// A client for the cluster of the pod or of KUBECONFIG.
///
/// # Errors
/// When there is none, or what is said of it can't be right. Nothing is asked yet.
pub(crate) async fn client(api_server: &ApiServerMonitor) -> Result<Client, Error> {
    let mut config = Config::infer().await?;
    // Without it, a list over a connection that has died silently never ends. A watch is heard of every minute.
    config.read_timeout = Some(READ_TIMEOUT);
    // Retries are decided where it is known what a repeated request would do.
    config.default_retry = false;
    config.proxy_url = proxy_url(&config).map_err(Error::Proxy)?;
    Ok(ClientBuilder::try_from(config)?.with_layer(api_server).build())
}

/// The proxy to the API server, as kubectl chooses it; kube judges `NO_PROXY` by the proxy's host instead. In a pod there
/// is none: the API server is in the cluster, and a pod's `HTTPS_PROXY` is there for AWS.
fn proxy_url(config: &Config) -> Result<Option<http::Uri>, String> {
    // Only in a pod is the certificate a file's.
    if config.root_cert_file.is_some() {
        return Ok(None);
    }
    let of_cluster = Kubeconfig::read()
        .ok()
        .and_then(|kubeconfig| proxy_of_cluster(&kubeconfig));
    proxy::choose(&config.cluster_url, of_cluster, &|name| std::env::var(name).ok())
}

/// What the kubeconfig says of its current cluster.
fn proxy_of_cluster(kubeconfig: &Kubeconfig) -> Option<String> {
    let current = kubeconfig.current_context.as_deref()?;
    let context = kubeconfig.contexts.iter().find(|context| context.name == current)?;
    let name = &context.context.as_ref()?.cluster;
    let cluster = kubeconfig.clusters.iter().find(|cluster| cluster.name == *name)?;
    cluster.cluster.as_ref()?.proxy_url.clone()
}
