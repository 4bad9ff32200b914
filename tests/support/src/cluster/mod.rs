//! A Kubernetes control plane of real parts: etcd, kube-apiserver, kube-controller-manager.
//!
//! It has no nodes, so pods stay pending; everything that the API server and the controllers do,
//! validation, RBAC, deletion, garbage collection, is the real thing.

mod access;
mod audit;
mod compaction;
mod components;
mod kubeconfig;
mod pki;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::{Api, Client};
use tokio::sync::OnceCell;

pub use self::audit::{AuditedRequest, AuditedUser};
use self::{
    components::{ApiServer, Binaries, Etcd},
    kubeconfig::Credentials,
    pki::Authority,
};
use crate::{Process, Supervisor, eventually, ports};

/// Far more than a start takes (about five seconds), for a machine that is busy building.
const START_LIMIT: Duration = Duration::from_mins(2);

/// How often a start is tried with other ports.
const PORT_ATTEMPTS: usize = 5;

const ETCD: &str = "etcd";
const API_SERVER: &str = "kube-apiserver";
const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// What a cluster can be started with.
#[derive(Clone, Debug, Default)]
pub struct ClusterOptions {
    /// Further arguments of kube-apiserver, for instance `--feature-gates=…`.
    pub apiserver_arguments: Vec<String>,
}

/// A running control plane. Stopped when dropped, and when this process ends in any way.
#[derive(Debug)]
pub struct Cluster {
    url: String,
    kubeconfig: PathBuf,
    authority: AuthorityHandle,
    etcd: Etcd,
    server: ApiServer,
    /// By name; without those that [`Cluster::stop_apiserver`] and the like hold down.
    programs: Mutex<BTreeMap<&'static str, Process>>,
    /// Last, so that the processes above end first and the folder goes after them.
    supervisor: Supervisor,
}

/// Keeps the private key out of the debug output.
struct AuthorityHandle(Authority);

impl std::fmt::Debug for AuthorityHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Authority")
    }
}

/// The cluster that all tests of one process share, started by whoever asks first.
///
/// It serves tests of different runtimes, as each test makes its own client. Each test takes a
/// namespace of its own, see [`Cluster::namespace`].
///
/// # Errors
/// When it can't be started; the next who asks tries again.
pub async fn shared() -> Result<&'static Cluster> {
    static SHARED: OnceCell<Cluster> = OnceCell::const_new();
    SHARED
        .get_or_try_init(|| Cluster::start(ClusterOptions::default()))
        .await
}

impl Cluster {
    /// Starts etcd, the API server and the controllers, and returns when all of them work.
    ///
    /// Builds them first where that hasn't been done, which takes minutes.
    ///
    /// # Errors
    /// When one of them can't be built or started, with the end of its log.
    pub async fn start(options: ClusterOptions) -> Result<Self> {
        let binaries = Binaries::find().await?;
        let mut attempt = 1;
        loop {
            match Self::start_once(&binaries, &options).await {
                Err(error) if ports::taken(&format!("{error:#}")) && attempt < PORT_ATTEMPTS => {
                    attempt += 1;
                }
                result => return result.context("the test cluster did not start"),
            }
        }
    }

    async fn start_once(binaries: &Binaries, options: &ClusterOptions) -> Result<Self> {
        let supervisor = Supervisor::start()?;
        let folder = supervisor.folder();
        let authority = Authority::new(folder).context("cannot make the cluster's certificates")?;
        let serving = authority.server()?;
        let token_key = authority.token_key()?;
        // This group is bound to everything, and the only one that RBAC can't lock out.
        let admin = authority.user("admin", "admin", Some("system:masters"))?;

        let etcd = Etcd {
            binary: binaries.etcd.clone(),
            data: folder.join("etcd"),
            client_port: ports::free()?,
            peer_port: ports::free()?,
        };
        let mut arguments = audit::arguments(folder)?;
        arguments.extend_from_slice(&options.apiserver_arguments);
        let server = ApiServer::new(
            &binaries.apiserver,
            ports::free()?,
            &etcd,
            &authority,
            &serving,
            &token_key,
            &arguments,
        );
        let url = format!("https://127.0.0.1:{}", server.port);
        let kubeconfig = kubeconfig::write(
            &folder.join("kubeconfig"),
            &url,
            &authority.certificate(),
            &Credentials::Certificate(&admin),
        )?;
        let controllers = binaries.controller_manager(&kubeconfig, &authority.certificate(), &token_key);
        let cluster = Self {
            url,
            kubeconfig,
            authority: AuthorityHandle(authority),
            etcd,
            server,
            programs: Mutex::default(),
            supervisor,
        };
        cluster.run(ETCD, cluster.etcd.command())?;
        cluster.run(API_SERVER, cluster.server.command())?;
        let client = cluster.client().await?;
        cluster
            .until("the API server is ready", async || ready(&client).await)
            .await?;
        // Not earlier: it gives up on an API server that takes more than ten seconds.
        cluster.run(CONTROLLER_MANAGER, controllers)?;
        cluster
            .until("the controllers work", async || controllers_work(&client).await)
            .await?;
        Ok(cluster)
    }

    fn run(&self, name: &'static str, command: Command) -> Result<()> {
        let process = self.spawn(name, command)?;
        lock(&self.programs).insert(name, process);
        Ok(())
    }

    /// Waits for a condition, but no longer than all the programs live.
    async fn until(&self, description: &str, mut condition: impl AsyncFnMut() -> Result<()>) -> Result<()> {
        eventually(START_LIMIT, description, async || {
            // The outer result ends the wait: a dead program doesn't become ready.
            if let Some(dead) = self.dead() {
                return Ok(Err(anyhow!(dead)));
            }
            condition().await.map(Ok)
        })
        .await
        .map_err(|error| error.context(self.log_tails()))?
    }

    /// Says which of the programs has ended, with the end of its log.
    fn dead(&self) -> Option<String> {
        lock(&self.programs).values_mut().find_map(|program| {
            let status = program.ended().ok().flatten()?;
            Some(format!(
                "{} ended ({status}); its log ends:\n{}",
                program.name(),
                program.log_tail()
            ))
        })
    }

    fn log_tails(&self) -> String {
        let tails: Vec<_> = lock(&self.programs)
            .values()
            .map(|program| format!("the log of {} ends:\n{}", program.name(), program.log_tail()))
            .collect();
        tails.join("\n")
    }

    /// Kills the API server; etcd keeps its data. For tests of what clients do meanwhile.
    ///
    /// # Errors
    /// When it is down already or can't be killed.
    pub fn stop_apiserver(&self) -> Result<()> {
        self.stop(API_SERVER)
    }

    /// Kills etcd; its data are there for the next start.
    ///
    /// # Errors
    /// When it is down already or can't be killed.
    pub fn stop_etcd(&self) -> Result<()> {
        self.stop(ETCD)
    }

    /// Ends all of it, when nothing is asked of it any more.
    pub fn shut_down(&self) {
        // Dropped, they are killed; the clients first, so that none of them looks for another.
        for name in [CONTROLLER_MANAGER, API_SERVER, ETCD] {
            drop(lock(&self.programs).remove(name));
        }
    }

    fn stop(&self, name: &str) -> Result<()> {
        let Some(mut process) = lock(&self.programs).remove(name) else {
            bail!("{name} is stopped already");
        };
        process.kill()?;
        Ok(())
    }

    /// Starts etcd again on the same port, with its data. It works soon after; the API server waits for it.
    ///
    /// # Errors
    /// When it runs already, or can't be run.
    pub fn start_etcd(&self) -> Result<()> {
        if lock(&self.programs).contains_key(ETCD) {
            bail!("etcd runs already");
        }
        self.run(ETCD, self.etcd.command())
    }

    /// Starts the API server again on the same port, and returns when it is ready.
    ///
    /// # Errors
    /// When it runs already or doesn't become ready, with the end of its log.
    pub async fn start_apiserver(&self) -> Result<()> {
        if lock(&self.programs).contains_key(API_SERVER) {
            bail!("the API server runs already");
        }
        self.run(API_SERVER, self.server.command())?;
        let client = self.client().await?;
        let started = self
            .until("the API server is ready again", async || ready(&client).await)
            .await;
        if started.is_err() {
            // It may be tried again.
            lock(&self.programs).remove(API_SERVER);
        }
        started
    }

    /// Starts a process that ends with the cluster.
    ///
    /// # Errors
    /// When the program can't be run.
    pub fn spawn(&self, name: &str, command: Command) -> Result<Process> {
        self.supervisor.spawn(name, command)
    }

    /// What the cluster's processes run under: to start others that end with it.
    #[must_use]
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// The process ids of etcd, the API server (while it runs) and the controllers.
    #[must_use]
    pub fn process_ids(&self) -> Vec<u32> {
        lock(&self.programs).values().map(Process::id).collect()
    }

    /// The API server's address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }
}

async fn ready(client: &Client) -> Result<()> {
    let request = http::Request::get("/readyz").body(Vec::new())?;
    client.request_text(request).await?;
    Ok(())
}

/// Two controllers have done their work on the namespace that is there from the start.
async fn controllers_work(client: &Client) -> Result<()> {
    Api::<ServiceAccount>::namespaced(client.clone(), "default")
        .get("default")
        .await
        .context("the service account controller has not made default/default")?;
    Api::<ConfigMap>::namespaced(client.clone(), "default")
        .get("kube-root-ca.crt")
        .await
        .context("the root CA publisher has not made default/kube-root-ca.crt")?;
    Ok(())
}

/// A panic in another test must not keep this one from the API server.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
