//! What happens, as it happens: the resources and their events, printed by kubectl.

use std::process::Stdio;

use anyhow::{Context as _, Result};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinSet,
};

use crate::{examples::RESOURCE, nights::POLICIES, scene::Scene};

/// Running kubectl commands. They end when it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    _kubectl: Vec<Child>,
    _printers: JoinSet<()>,
}

impl Watch {
    /// Starts to print.
    pub(crate) fn start(scene: &Scene) -> Result<Self> {
        let mut printers = JoinSet::new();
        let mut follow = |prefix: &'static str, args: &[&str]| -> Result<Child> {
            let mut kubectl = Command::new(support::tools::kubectl()?)
                .arg("--kubeconfig")
                .arg(scene.cluster().kubeconfig())
                .args(["get", "--all-namespaces", "--watch"])
                .args(args)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                // The end of the demo is no news.
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .context("cannot run kubectl")?;
            if let Some(output) = kubectl.stdout.take() {
                printers.spawn(print(prefix, output));
            }
            Ok(kubectl)
        };
        let mut kubectl = vec![follow("policy", &[POLICIES])?, follow("task  ", &[RESOURCE])?];
        for kind in ["AuditMitigationPolicy", "AuditMitigationTask"] {
            let of_kind = format!("--field-selector=regarding.kind={kind}");
            let columns = "--output=custom-columns=:.metadata.namespace,:.regarding.name,:.type,:.reason,:.note";
            let args = ["events.events.k8s.io", &of_kind, "--no-headers", columns];
            kubectl.push(follow("event ", &args)?);
        }
        Ok(Self {
            _kubectl: kubectl,
            _printers: printers,
        })
    }
}

async fn print(prefix: &'static str, output: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(output).lines();
    // An unreadable line ends the printing, not the demo.
    while let Ok(Some(line)) = lines.next_line().await {
        println!("{prefix} | {line}");
    }
}
