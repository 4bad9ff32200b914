//! One of the operator's processes, with wires of its own, replaced when it ends as Kubernetes does it.

use std::{
    mem,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use support::{AuditedUser, Cluster, Process, Wire, operator, ports, wire::Condition};
use tempfile::NamedTempFile;

use crate::plan::Site;

/// A call under way has ten seconds, and a release of the lease five; the rest is for a busy machine.
const END_LIMIT: Duration = Duration::from_mins(2);

/// How long a deletion waits for the service. Shorter than by default, so that none outlives the checks at the end,
/// and longer than a change of leaders.
pub(crate) const CANCEL_TIMEOUT: Duration = Duration::from_secs(25);

/// How many tasks a site lets run at a time: here fewer than the service would, so that it is the operator's own limit
/// that is tried. Elsewhere enough for starts that are held up on their way not to hold up all others.
pub(crate) const fn slots(site: Site) -> usize {
    match site {
        Site::Here => 8,
        Site::Elsewhere => 20,
    }
}

/// What a process says when it becomes the leader.
const LEADS: &str = "this process holds the lease";

/// More processes than any run needs.
const MOST_PROCESSES: usize = 5_000;

/// The access keys of all processes that may ever be, so that each call shows whose it is.
pub(crate) fn access_keys() -> impl Iterator<Item = String> {
    let of_replicas = (0..3).flat_map(|replica| (0..MOST_PROCESSES).map(move |process| access_key(replica, process)));
    of_replicas.chain([crate::stranger::ACCESS_KEY.to_owned()])
}

fn access_key(replica: usize, process: usize) -> String {
    format!("AKIA{replica}P{process}")
}

/// Whose access key it is.
pub(crate) fn site_of(access_key: &str) -> Option<Site> {
    if access_key.starts_with("AKIA2P") {
        return Some(Site::Elsewhere);
    }
    let here = ["AKIA0P", "AKIA1P"].iter().any(|prefix| access_key.starts_with(prefix));
    here.then_some(Site::Here)
}

/// What stays the same from process to process.
pub(crate) struct Setting {
    pub(crate) number: usize,
    pub(crate) program: PathBuf,
    pub(crate) namespace: String,
    pub(crate) site: Site,
    /// Whether it stands for election.
    pub(crate) elects: bool,
}

pub(crate) struct Replica {
    setting: Setting,
    kubeconfig: NamedTempFile,
    service: String,
    process: Process,
    pub(crate) to_apiserver: Wire,
    pub(crate) to_service: Wire,
    /// Wires of processes that are gone, with what they have sent.
    stranded: Vec<Wire>,
    /// Of the processes before this one.
    logs: Vec<PathBuf>,
}

impl Replica {
    pub(crate) async fn start(setting: Setting, cluster: &Cluster, user: &AuditedUser, service: &str) -> Result<Self> {
        let to_apiserver = Wire::to(cluster.url().trim_start_matches("https://")).await?;
        let to_service = Wire::to(service).await?;
        let kubeconfig = to_apiserver.kubeconfig(&user.kubeconfig)?;
        let process = spawn(&setting, 0, cluster, kubeconfig.path(), &to_service)?;
        Ok(Self {
            setting,
            kubeconfig,
            service: service.to_owned(),
            process,
            to_apiserver,
            to_service,
            stranded: Vec::new(),
            logs: Vec::new(),
        })
    }

    /// Starts a new process in place of one that has ended.
    fn replace(&mut self, cluster: &Cluster) -> Result<()> {
        let number = self.processes();
        let next = spawn(&self.setting, number, cluster, self.kubeconfig.path(), &self.to_service)?;
        let ended = mem::replace(&mut self.process, next);
        self.logs.push(ended.log_path().to_owned());
        Ok(())
    }

    pub(crate) fn kill(&mut self, cluster: &Cluster) -> Result<()> {
        self.process.kill()?;
        self.replace(cluster)
    }

    /// Kills the process; what it has sent to the service stays on its way as its wire was left.
    pub(crate) async fn kill_and_strand(&mut self, cluster: &Cluster) -> Result<()> {
        self.process.kill()?;
        let old = mem::replace(&mut self.to_service, Wire::to(&self.service).await?);
        self.stranded.push(old);
        self.replace(cluster)
    }

    /// What is on its way on the wires of old processes arrives.
    pub(crate) fn deliver(&self) {
        for wire in &self.stranded {
            wire.set(Condition::Whole);
        }
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

    /// Whether its present process has become the leader.
    pub(crate) fn leads(&mut self) -> bool {
        self.setting.elects && matches!(self.process.ended(), Ok(None)) && self.process.log().contains(LEADS)
    }

    /// Mends its wires.
    pub(crate) fn mend(&self) {
        self.deliver();
        self.to_apiserver.set(Condition::Whole);
        self.to_service.set(Condition::Whole);
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

fn spawn(setting: &Setting, number: usize, cluster: &Cluster, kubeconfig: &Path, to_service: &Wire) -> Result<Process> {
    let endpoint = format!("http://{}", to_service.address());
    let key = access_key(setting.number, number);
    // Another port each time: that of a process just killed may still be busy.
    let mut command = operator::command(&setting.program, kubeconfig, &endpoint, &key, ports::free()?);
    let (namespace, limit) = (&setting.namespace, slots(setting.site).to_string());
    command
        .arg(format!("--leader-elect={}", setting.elects))
        .args(["--watch-namespaces", namespace, "--lease-namespace", namespace])
        .args(["--max-running-tasks", &limit])
        .args(["--audit-poll-interval", "500ms"])
        .args(["--min-poll-interval", "200ms", "--max-poll-interval", "2s"])
        .args(["--cancel-timeout", &format!("{}s", CANCEL_TIMEOUT.as_secs())])
        .args([
            "--log-format",
            "text",
            "--log-level",
            "info,audit_mitigation_operator=debug",
        ]);
    cluster.spawn("operator", command)
}
