//! One of the operator's processes, with wires of its own, replaced when it ends as Kubernetes does it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use support::{AuditedUser, Cluster, Process, Wire, operator, ports};
use tempfile::NamedTempFile;

/// A call under way has ten seconds, and a release of the lease five; the rest is for a busy machine.
const END_LIMIT: Duration = Duration::from_mins(2);

/// How long a deletion waits for the service, so that none outlives the checks at the end.
const CANCEL_TIMEOUT: &str = "20s";

pub(crate) struct Replica {
    program: PathBuf,
    kubeconfig: NamedTempFile,
    process: Process,
    pub(crate) port: u16,
    pub(crate) to_apiserver: Wire,
    pub(crate) to_service: Wire,
    namespace: String,
    /// Of the processes before this one.
    logs: Vec<PathBuf>,
}

impl Replica {
    pub(crate) async fn start(
        program: &Path,
        cluster: &Cluster,
        user: &AuditedUser,
        service: &str,
        namespace: &str,
    ) -> Result<Self> {
        let to_apiserver = Wire::to(cluster.url().trim_start_matches("https://")).await?;
        let to_service = Wire::to(service).await?;
        let kubeconfig = to_apiserver.kubeconfig(&user.kubeconfig)?;
        let port = ports::free()?;
        let process = spawn(program, cluster, kubeconfig.path(), &to_service, port, namespace)?;
        Ok(Self {
            program: program.to_owned(),
            kubeconfig,
            process,
            port,
            to_apiserver,
            to_service,
            namespace: namespace.to_owned(),
            logs: Vec::new(),
        })
    }

    /// Starts a new process in place of one that has ended.
    fn replace(&mut self, cluster: &Cluster) -> Result<()> {
        // Another port: that of a process just killed may still be busy.
        self.port = ports::free()?;
        let next = spawn(
            &self.program,
            cluster,
            self.kubeconfig.path(),
            &self.to_service,
            self.port,
            &self.namespace,
        )?;
        let ended = std::mem::replace(&mut self.process, next);
        self.logs.push(ended.log_path().to_owned());
        Ok(())
    }

    pub(crate) fn kill(&mut self, cluster: &Cluster) -> Result<()> {
        self.process.kill()?;
        self.replace(cluster)
    }

    /// SIGTERM; the process takes its time, and [`Self::keep`] starts the next.
    pub(crate) fn terminate(&mut self) -> Result<()> {
        self.process.terminate()
    }

    /// SIGTERM, and a new process once it has ended.
    pub(crate) async fn restart(&mut self, cluster: &Cluster) -> Result<()> {
        self.process.stop(END_LIMIT).await?;
        self.replace(cluster)
    }

    /// Starts the next process if this one has ended; tells whether it had.
    pub(crate) fn keep(&mut self, cluster: &Cluster) -> Result<bool> {
        if self.process.ended()?.is_none() {
            return Ok(false);
        }
        self.replace(cluster)?;
        Ok(true)
    }

    /// The logs of all its processes.
    pub(crate) fn logs(&self) -> impl Iterator<Item = &Path> {
        self.logs.iter().map(PathBuf::as_path).chain([self.process.log_path()])
    }

    /// How many processes there were.
    pub(crate) fn processes(&self) -> usize {
        self.logs.len() + 1
    }
}

fn spawn(
    program: &Path,
    cluster: &Cluster,
    kubeconfig: &Path,
    to_service: &Wire,
    port: u16,
    namespace: &str,
) -> Result<Process> {
    let endpoint = format!("http://{}", to_service.address());
    let mut command = operator::command(program, kubeconfig, &endpoint, crate::world::ACCESS_KEY, port);
    command
        .args(["--watch-namespaces", namespace, "--lease-namespace", namespace])
        .args(["--min-poll-interval", "200ms", "--max-poll-interval", "2s"])
        .args(["--cancel-timeout", CANCEL_TIMEOUT])
        .args([
            "--log-format",
            "text",
            "--log-level",
            "info,audit_mitigation_operator=debug",
        ]);
    cluster.spawn("operator", command)
}
