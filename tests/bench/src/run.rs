//! One run of the operator: a process with an AWS account and a user of its own.

use std::{
    collections::BTreeMap,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use simulator::Call;
use support::{AuditedRequest, AuditedUser, Process, http_get, operator, ports};
use tokio::time::sleep;

use crate::{
    candidate::Candidate,
    connections::Connections,
    process::{self, Memory},
    report::Figure,
    stand::{LIMIT, Stand},
};

/// So long must a process rest to be called quiet …
const REST: Duration = Duration::from_secs(1);
/// … and rest means no more CPU time than this.
const REST_CPU: Duration = Duration::from_millis(10);

pub(crate) struct Run<'a> {
    stand: &'a Stand,
    process: Process,
    connections: Connections,
    access_key: String,
    user: AuditedUser,
    port: u16,
    began: Instant,
}

impl<'a> Run<'a> {
    /// Starts the operator in a namespace, with these environment variables: a binary that doesn't know one of them
    /// runs as well.
    pub(crate) async fn start(
        stand: &'a Stand,
        candidate: &Candidate,
        namespace: &str,
        variables: &[(&str, &str)],
    ) -> Result<Self> {
        let user = stand.cluster.audited_user().await?;
        let access_key = format!("BENCH{}", stand.runs.fetch_add(1, Ordering::Relaxed));
        let port = ports::free()?;
        let mut command = operator::command(
            &candidate.path,
            &user.kubeconfig,
            &stand.aws.endpoint(),
            &access_key,
            port,
        );
        command
            .env("LEADER_ELECT", "false")
            .env("WATCH_NAMESPACES", namespace)
            .envs(variables.iter().copied());
        let began = Instant::now();
        let process = stand.cluster.spawn("operator", command)?;
        let url: http::Uri = stand.cluster.url().parse()?;
        let connections = Connections::watch(process.id(), url.port_u16().context("the API server has no port")?);
        Ok(Self {
            stand,
            process,
            connections,
            access_key,
            user,
            port,
            began,
        })
    }

    /// Waits until it says that it is ready; returns how long that took since it was started.
    pub(crate) async fn ready(&mut self) -> Result<Duration> {
        loop {
            if let Ok((200, _)) = http_get(self.port, "/readyz").await {
                return Ok(self.began.elapsed());
            }
            self.check()?;
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until it rests; returns how long after its start it began to.
    pub(crate) async fn quiet(&mut self) -> Result<Duration> {
        let (mut since, mut used) = (Instant::now(), self.cpu()?);
        while since.elapsed() < REST {
            sleep(Duration::from_millis(20)).await;
            self.check()?;
            let now = self.cpu()?;
            if now.saturating_sub(used) > REST_CPU {
                (since, used) = (Instant::now(), now);
            }
        }
        Ok(since.duration_since(self.began))
    }

    fn check(&mut self) -> Result<()> {
        if let Some(status) = self.process.ended()? {
            bail!(
                "the operator ended ({status}); its log ends:\n{}",
                self.process.log_tail()
            );
        }
        ensure!(
            self.began.elapsed() < LIMIT,
            "the operator takes too long; its log ends:\n{}",
            self.process.log_tail()
        );
        Ok(())
    }

    pub(crate) fn cpu(&self) -> Result<Duration> {
        process::cpu(self.process.id())
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        process::memory(self.process.id())
    }

    /// The calls of this run's account.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let mut calls = self.stand.aws.calls();
        calls.retain(|call| call.access_key == self.access_key);
        calls
    }

    /// The requests of this run to the API server.
    pub(crate) fn requests(&self) -> Result<Vec<AuditedRequest>> {
        let mut requests = self.stand.cluster.requests_of(&self.user)?;
        // Made by the bench itself, to see that the user may.
        requests.retain(|request| request.resource != "namespaces");
        Ok(requests)
    }

    /// What the table calls a call.
    pub(crate) fn name_of(call: &Call) -> String {
        match call.operation {
            Some(operation) => operation.to_string(),
            None => format!("{} {}", call.method, call.uri),
        }
    }

    /// What the table calls a request to the API server.
    pub(crate) fn title_of(request: &AuditedRequest) -> String {
        let resource = request.resource.replace("auditmitigation", "");
        format!("API requests, {} {resource}", request.verb)
    }

    /// Ends it, and counts what it has asked of AWS and of the API server in all its life.
    pub(crate) async fn end(mut self) -> Result<Vec<Figure>> {
        let status = self.process.stop(LIMIT).await?;
        ensure!(
            status.success(),
            "the operator ended with {status}; its log ends:\n{}",
            self.process.log_tail()
        );
        let calls = self.calls();
        let refused = calls.iter().filter(|call| call.code.is_some()).count();
        let mut figures = vec![
            Figure::count("connections to the API server", self.connections.opened()),
            Figure::count("AWS calls", calls.len()),
        ];
        let operations = calls.iter().map(|call| format!("AWS calls, {}", Self::name_of(call)));
        figures.extend(counted(operations));
        figures.push(Figure::count("AWS calls refused", refused));
        if !calls.is_empty() {
            #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
            let share = 100.0 * refused as f64 / calls.len() as f64;
            figures.push(Figure::new("AWS calls refused, share", share, "%"));
        }
        let requests = self.requests()?;
        let requests = requests.iter().map(Self::title_of);
        figures.extend(counted(requests));
        Ok(figures)
    }
}

/// How often each name comes.
pub(crate) fn counted(names: impl Iterator<Item = String>) -> Vec<Figure> {
    let mut counts = BTreeMap::<String, usize>::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
        .into_iter()
        .map(|(name, count)| Figure::count(name, count))
        .collect()
}
