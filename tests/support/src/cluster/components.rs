//! The command lines of the control plane's programs.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::pki::{Authority, Identity, TokenKey};

/// The controllers that stand-alone resources need; nothing here runs pods. The last one checks the types of policies.
const CONTROLLERS: &str = "namespace-controller,serviceaccount-controller,\
    root-ca-certificate-publisher-controller,garbage-collector-controller,\
    clusterrole-aggregation-controller,ttl-after-finished-controller,\
    validatingadmissionpolicy-status-controller";

/// The programs.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    pub(super) etcd: PathBuf,
    pub(super) apiserver: PathBuf,
    pub(super) controller_manager: PathBuf,
}

impl Binaries {
    /// Finds them, or builds them, which takes minutes the first time.
    pub(super) async fn find() -> Result<Self> {
        tokio::task::spawn_blocking(|| {
            Ok(Self {
                etcd: tools::ETCD.path()?,
                apiserver: tools::KUBE_APISERVER.path()?,
                controller_manager: tools::KUBE_CONTROLLER_MANAGER.path()?,
            })
        })
        .await
        .context("the search for the control plane's binaries ended early")?
    }

    pub(super) fn controller_manager(&self, kubeconfig: &Path, authority: &Path, token_key: &TokenKey) -> Command {
        let mut command = Command::new(&self.controller_manager);
        command
            .arg(flag("kubeconfig", kubeconfig))
            .arg(flag("root-ca-file", authority))
            .arg(flag("service-account-private-key-file", &token_key.private))
            .arg(format!("--controllers={CONTROLLERS}"))
            .arg("--leader-elect=false")
            // Its own metrics and probes: nobody reads them, and each port can be taken.
            .arg("--secure-port=0")
            .args(["--kube-api-qps=500", "--kube-api-burst=1000"]);
        command
    }
}

/// Everything etcd is started with, kept to start it again.
#[derive(Debug)]
pub(super) struct Etcd {
    pub(super) binary: PathBuf,
    pub(super) data: PathBuf,
    pub(super) client_port: u16,
    pub(super) peer_port: u16,
}

impl Etcd {
    /// Where clients reach it.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.client_port)
    }

    pub(super) fn command(&self) -> Command {
        let (client, peer) = (self.url(), format!("http://127.0.0.1:{}", self.peer_port));
        let mut command = Command::new(&self.binary);
        command
            .arg(flag("data-dir", &self.data))
            .arg(flag("listen-client-urls", &client))
            .arg(flag("advertise-client-urls", &client))
            .arg(flag("listen-peer-urls", &peer))
            .arg(flag("initial-advertise-peer-urls", &peer))
            .arg(format!("--initial-cluster=default={peer}"))
            // The data ends with the test.
            .arg("--unsafe-no-fsync")
            .arg("--log-level=warn");
        command
    }
}

/// Everything an API server is started with, kept to start it again.
#[derive(Debug)]
pub(super) struct ApiServer {
    pub(super) binary: PathBuf,
    pub(super) port: u16,
    pub(super) arguments: Vec<String>,
}

impl ApiServer {
    pub(super) fn new(
        binary: &Path,
        port: u16,
        etcd: &Etcd,
        authority: &Authority,
        serving: &Identity,
        token_key: &TokenKey,
        extra: &[String],
    ) -> Self {
        let mut arguments = vec![
            format!("--etcd-servers={}", etcd.url()),
            format!("--secure-port={port}"),
            flag("client-ca-file", authority.certificate()),
            flag("tls-cert-file", &serving.certificate),
            flag("tls-private-key-file", &serving.key),
            flag("service-account-key-file", &token_key.public),
            flag("service-account-signing-key-file", &token_key.private),
        ];
        arguments.extend(
            [
                "--bind-address=127.0.0.1",
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://kubernetes.default.svc",
                // Both families, as the charts of some people ask for.
                "--service-cluster-ip-range=10.0.0.0/24,fd00:10::/112",
                // A loopback address is no valid endpoint, and nothing here looks for one.
                "--endpoint-reconciler-type=none",
            ]
            .map(str::to_owned),
        );
        arguments.extend_from_slice(extra);
        Self {
            binary: binary.to_owned(),
            port,
            arguments,
        }
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(&self.arguments);
        command
    }
}

fn flag(name: &str, value: impl AsRef<Path>) -> String {
    format!("--{name}={}", value.as_ref().display())
}
