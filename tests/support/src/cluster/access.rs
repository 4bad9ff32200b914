//! The ways into a cluster: clients, kubeconfigs of other users, kubectl, namespaces.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::{Namespace, ServiceAccount},
};
use kube::{
    Api, Client, Config,
    api::{ObjectMeta, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use tokio::{io::AsyncWriteExt as _, process::Command};

use super::{
    Cluster,
    kubeconfig::{self, Credentials},
};

impl Cluster {
    /// A client of the administrator, for this runtime: a client must not be carried to another
    /// one, where its connections would end with the first.
    ///
    /// It doesn't retry by itself, so a test sees each answer.
    ///
    /// # Errors
    /// When the client can't be made; the server isn't asked.
    pub async fn client(&self) -> Result<Client> {
        client(&self.kubeconfig).await
    }

    /// The kubeconfig of another user, who may do what RBAC grants.
    ///
    /// For a service account see [`Self::kubeconfig_for_service_account`].
    ///
    /// # Errors
    /// When the certificate can't be made.
    pub fn kubeconfig_for(&self, user: &str, group: Option<&str>) -> Result<PathBuf> {
        let file = unique("user");
        let identity = self.authority.0.user(&file, user, group)?;
        self.write_kubeconfig(&file, &Credentials::Certificate(&identity))
    }

    /// The kubeconfig of a service account that exists, with a token from the API server, as a pod has it.
    ///
    /// # Errors
    /// When the API server gives no token, as for a service account that doesn't exist.
    pub async fn kubeconfig_for_service_account(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await?, namespace);
        let request = TokenRequest {
            spec: TokenRequestSpec {
                // No audience is the API server's own.
                audiences: Vec::new(),
                expiration_seconds: Some(24 * 60 * 60),
                ..Default::default()
            },
            ..Default::default()
        };
        let token = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .with_context(|| format!("no token for the service account {namespace}/{name}"))?
            .status
            .context("the API server's answer holds no token")?
            .token;
        self.write_kubeconfig(&unique("account"), &Credentials::Token(&token))
    }

    /// A client of whoever a kubeconfig is for; like [`Self::client`] otherwise.
    ///
    /// # Errors
    /// When the kubeconfig can't be read.
    pub async fn client_from(&self, kubeconfig: &Path) -> Result<Client> {
        client(kubeconfig).await
    }

    /// Runs kubectl as the administrator, and returns whatever it ends with.
    ///
    /// # Errors
    /// When kubectl can't be run; not when it fails.
    pub async fn kubectl(&self, args: &[&str]) -> Result<Output> {
        self.kubectl_as(&self.kubeconfig, args, "").await
    }

    /// Runs kubectl with an input, for `kubectl apply -f -`.
    ///
    /// # Errors
    /// When kubectl can't be run; not when it fails.
    pub async fn kubectl_stdin(&self, args: &[&str], input: &str) -> Result<Output> {
        self.kubectl_as(&self.kubeconfig, args, input).await
    }

    /// Runs kubectl as the administrator, where it has to succeed, and returns what it prints.
    ///
    /// # Errors
    /// When kubectl can't be run or fails, with its message.
    pub async fn kubectl_ok(&self, args: &[&str]) -> Result<String> {
        succeeded(args, &self.kubectl(args).await?)
    }

    /// Applies manifests, which has to succeed, and returns what kubectl prints.
    ///
    /// # Errors
    /// When kubectl can't be run or fails, with its message.
    pub async fn apply(&self, manifests: &str) -> Result<String> {
        let args = ["apply", "-f", "-"];
        succeeded(&args, &self.kubectl_stdin(&args, manifests).await?)
    }

    /// Runs kubectl as whoever the kubeconfig is for.
    ///
    /// # Errors
    /// When kubectl can't be run; not when it fails.
    pub async fn kubectl_as(&self, kubeconfig: &Path, args: &[&str], input: &str) -> Result<Output> {
        let mut child = Command::new(tools::kubectl()?)
            .arg("--kubeconfig")
            .arg(kubeconfig)
            // The user's own cache is keyed by address, and an earlier cluster may have had this one's.
            .arg("--cache-dir")
            .arg(self.supervisor.folder().join("kubectl-cache"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot run kubectl")?;
        let stdin = child.stdin.take();
        let feed = async {
            if let Some(mut stdin) = stdin {
                // kubectl may end without reading: its own message says why.
                _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        // Together: whichever pipe is full must not hold up the other.
        let ((), output) = tokio::join!(feed, child.wait_with_output());
        output.context("cannot read what kubectl prints")
    }

    /// Makes a new namespace, named after `prefix`.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn namespace(&self, prefix: &str) -> Result<String> {
        let namespace = Namespace {
            metadata: ObjectMeta {
                generate_name: Some(format!("{prefix}-")),
                ..Default::default()
            },
            ..Default::default()
        };
        Api::<Namespace>::all(self.client().await?)
            .create(&PostParams::default(), &namespace)
            .await?
            .metadata
            .name
            .context("the API server named no namespace")
    }

    fn write_kubeconfig(&self, file: &str, credentials: &Credentials<'_>) -> Result<PathBuf> {
        kubeconfig::write(
            &self.supervisor.folder().join(format!("{file}.kubeconfig")),
            &self.url,
            &self.authority.0.certificate(),
            credentials,
        )
    }
}

pub(super) fn unique(kind: &str) -> String {
    format!("{kind}-{:016x}", fastrand::u64(..))
}

async fn client(kubeconfig: &Path) -> Result<Client> {
    let config = Kubeconfig::read_from(kubeconfig).with_context(|| format!("cannot read {}", kubeconfig.display()))?;
    let mut config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

fn succeeded(args: &[&str], output: &Output) -> Result<String> {
    ensure!(
        output.status.success(),
        "kubectl {} failed: {}",
        args.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
