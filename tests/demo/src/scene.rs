//! What the demo is played on.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use simulator::{Config, Server};
use support::{Cluster, ClusterOptions, Process, eventually, operator, ports};

use crate::nights;

/// Every wait is for something that takes seconds; the rest is room for a busy machine.
const LIMIT: Duration = Duration::from_mins(3);

/// Long enough to be seen running.
const TASK_DURATION: Duration = Duration::from_secs(5);

/// A fleet: what its audits look at beside what they find.
const DEVICES: u64 = 10_000;

/// The cluster, the simulator and the operator. All end when it is dropped.
#[derive(Debug)]
pub(crate) struct Scene {
    operator: Process,
    aws: Server,
    http_port: u16,
    cluster: Cluster,
}

/// A folder of this checkout.
pub(crate) fn folder(name: &str) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).join(name)
}

impl Scene {
    /// Starts everything, and installs the resource's definition.
    pub(crate) async fn set() -> Result<Self> {
        println!("starting etcd, kube-apiserver and kube-controller-manager …");
        let cluster = Cluster::start(ClusterOptions::default()).await?;

        println!("starting the simulated service …");
        let mut config = Config::default();
        config.settings.task_duration = TASK_DURATION;
        config.settings.compliant_resources = DEVICES;
        let aws = Server::start(config)?;
        nights::prepare(&aws)?;

        let crds = folder("crds").display().to_string();
        print!("{}", cluster.kubectl_ok(&["apply", "-f", &crds]).await?);
        let wait = ["wait", "--for=condition=Established", "--timeout=60s", "-f"];
        cluster.kubectl_ok(&[&wait[..], &[&crds]].concat()).await?;

        println!("starting the operator …");
        let http_port = ports::free()?;
        let mut command = operator::command(
            &built("audit-mitigation-operator")?,
            cluster.kubeconfig(),
            &aws.endpoint(),
            "demo",
            http_port,
        );
        // There is one, and it need not wait for a lease. Nights are short here.
        command.args(["--leader-elect=false", "--log-format=text", "--audit-poll-interval=1s"]);
        let operator = cluster.spawn("audit-mitigation-operator", command)?;
        Ok(Self {
            operator,
            aws,
            http_port,
            cluster,
        })
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The simulated service.
    pub(crate) fn aws(&self) -> &Server {
        &self.aws
    }

    /// Waits until this has an answer, or the operator has ended: nothing moves without it.
    pub(crate) async fn until<T>(&mut self, what: &str, probe: impl AsyncFn(&Self) -> Result<T>) -> Result<T> {
        let found = eventually(LIMIT, what, async || match self.alive() {
            Ok(()) => probe(self).await.map(Ok),
            Err(dead) => anyhow::Ok(Err(dead)),
        });
        found.await?
    }

    /// How to look around.
    pub(crate) fn introduction(&self) -> String {
        format!(
            "\nTo look around meanwhile, in another terminal:\n\
             \n    export KUBECONFIG={}\n    kubectl get amp,amt --all-namespaces\n    kubectl explain amp.spec\n\
             \nthe operator's log:   tail -f {}\
             \nits metrics:          http://127.0.0.1:{}/metrics\
             \nthe simulated AWS:    {}\n",
            self.cluster.kubeconfig().display(),
            self.operator.log_path().display(),
            self.http_port,
            self.aws.endpoint(),
        )
    }

    /// Says that the operator has ended, if it has.
    pub(crate) fn alive(&mut self) -> Result<()> {
        if let Some(status) = self.operator.ended()? {
            bail!(
                "{} ended ({status}); its log ends:\n{}",
                self.operator.name(),
                self.operator.log_tail()
            );
        }
        Ok(())
    }

    /// Returns only with an error.
    pub(crate) async fn until_something_dies(&mut self) -> Result<()> {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            ticks.tick().await;
            self.alive()?;
        }
    }
}

/// A program of this workspace: `cargo xtask demo` builds it next to this one.
fn built(name: &str) -> Result<PathBuf> {
    let path = std::env::current_exe()
        .context("cannot tell where the built programs are")?
        .with_file_name(name);
    if !path.exists() {
        bail!("{} is missing: run `cargo xtask demo`, which builds it", path.display());
    }
    Ok(path)
}
