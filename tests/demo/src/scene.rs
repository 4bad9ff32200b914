//! What the demo is played on.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use support::{Cluster, ClusterOptions, Process, eventually, operator, ports};
use tokio::net::TcpStream;

const LIMIT: Duration = Duration::from_mins(1);

/// Long enough to be seen running.
const TASK_DURATION: &str = "5s";

/// The cluster, the simulator and the operator. All end when it is dropped.
#[derive(Debug)]
pub(crate) struct Scene {
    operator: Process,
    simulator: Process,
    endpoint: String,
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
        let port = ports::free()?;
        let mut command = Command::new(built("simulator")?);
        command
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .args(["--task-duration", TASK_DURATION]);
        let mut simulator = cluster.spawn("simulator", command)?;
        eventually(LIMIT, "the simulator listens", async || {
            alive(&mut simulator)?;
            TcpStream::connect(("127.0.0.1", port)).await.context("no connection")
        })
        .await?;
        let endpoint = format!("http://127.0.0.1:{port}");

        let crds = folder("crds").display().to_string();
        print!("{}", cluster.kubectl_ok(&["apply", "-f", &crds]).await?);
        let wait = ["wait", "--for=condition=Established", "--timeout=60s", "-f"];
        cluster.kubectl_ok(&[&wait[..], &[&crds]].concat()).await?;

        println!("starting the operator …");
        let http_port = ports::free()?;
        let mut command = operator::command(
            &built("audit-mitigation-operator")?,
            cluster.kubeconfig(),
            &endpoint,
            "demo",
            http_port,
        );
        // There is one, and it need not wait for a lease.
        command.args(["--leader-elect=false", "--log-format=text"]);
        let operator = cluster.spawn("audit-mitigation-operator", command)?;
        Ok(Self {
            operator,
            simulator,
            endpoint,
            http_port,
            cluster,
        })
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// How to look around.
    pub(crate) fn introduction(&self) -> String {
        format!(
            "\nTo look around meanwhile, in another terminal:\n\
             \n    export KUBECONFIG={}\n    kubectl get amt --all-namespaces\n    kubectl explain amt.spec\n\
             \nthe operator's log:   tail -f {}\
             \nits metrics:          http://127.0.0.1:{}/metrics\
             \nthe simulated AWS:    {}\n",
            self.cluster.kubeconfig().display(),
            self.operator.log_path().display(),
            self.http_port,
            self.endpoint,
        )
    }

    /// Says which program has ended, if one has.
    pub(crate) fn alive(&mut self) -> Result<()> {
        alive(&mut self.operator)?;
        alive(&mut self.simulator)
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

fn alive(process: &mut Process) -> Result<()> {
    if let Some(status) = process.ended()? {
        bail!(
            "{} ended ({status}); its log ends:\n{}",
            process.name(),
            process.log_tail()
        );
    }
    Ok(())
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
