//! Does what the election says: one call at a time, each with a time-out.

use std::time::Instant;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::call::{Answer, Call, Loss};
use super::election::Election;
use super::leadership::Leadership;
use super::terms::{CALL_TIMEOUT, RELEASE_LIMIT};
use crate::causes::explain_request;
use crate::health::Health;

/// Where Kubernetes tells a pod its namespace ("Accessing the Kubernetes API from a Pod").
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Which lease it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// The pod's own namespace, else `default`.
pub async fn own_namespace() -> String {
    let text = tokio::fs::read_to_string(NAMESPACE_FILE).await.unwrap_or_default();
    let name = text.trim();
    if name.is_empty() { "default" } else { name }.to_owned()
}

/// One candidate of the election.
#[derive(Debug)]
pub struct Elector {
    api: Api<Lease>,
    name: String,
    election: Election,
    until: watch::Sender<Option<Instant>>,
}

impl Elector {
    /// A candidate that has not asked for the lease yet, and what others see of it.
    pub fn new(client: Client, lease: LeaseName) -> (Self, Leadership) {
        let (until, watched) = watch::channel(None);
        let elector = Self {
            api: Api::namespaced(client, &lease.namespace),
            name: lease.name,
            election: Election::new(identity(), Instant::now()),
            until,
        };
        (elector, Leadership::elected(watched))
    }

    /// Waits until the lease is held. A standby is ready as soon as it could look at the lease.
    pub async fn acquire(&mut self, health: &Health) {
        let mut said = None;
        let mut warned = String::new();
        while self.election.surely_held_until().is_none() {
            match self.step().await {
                Stepped::Answered => {
                    health.set_ready();
                    let holder = self.election.holder().map(ToOwned::to_owned);
                    if said.as_ref() != Some(&holder) {
                        tracing::info!(lease = self.name, ?holder, "the lease was read");
                        said = Some(holder);
                    }
                    warned.clear();
                }
                Stepped::Failed(problem) => {
                    let waiting = format!(
                        "waiting for the lease {}: {problem} (the operator needs get, create and update on leases; \
                         --leader-elect=false does without, for a single replica)",
                        self.name
                    );
                    health.set_waiting(&waiting);
                    if warned != waiting {
                        tracing::warn!("{waiting}");
                        warned = waiting;
                    }
                }
                Stepped::Waited => {}
                // A candidate has nothing to lose.
                Stepped::Stopped(_) => std::future::pending().await,
            }
        }
        tracing::info!(lease = self.name, "this process holds the lease");
    }

    /// Renews the lease until the work is done, and gives it back then.
    ///
    /// # Errors
    /// When it is lost: nothing may be done any more.
    pub async fn hold(mut self, done: CancellationToken) -> Result<(), Loss> {
        loop {
            let call = self.election.next(Instant::now(), Timestamp::now());
            let stepped = match call {
                // Only waits are cut short: a write under way could otherwise arrive after the release.
                Call::Wait(until) => {
                    tokio::select! {
                        () = sleep_until(until.into()) => continue,
                        () = done.cancelled() => break,
                    }
                }
                call => self.make(call).await,
            };
            match stepped {
                Stepped::Stopped(Some(loss)) => return Err(loss),
                Stepped::Stopped(None) => return Ok(()),
                Stepped::Failed(problem) => {
                    tracing::warn!(lease = self.name, problem, "the lease could not be renewed");
                }
                Stepped::Answered | Stepped::Waited => {}
            }
        }
        self.release().await;
        Ok(())
    }

    async fn release(mut self) {
        self.election.release(Instant::now());
        self.publish();
        let stopped = async { while !matches!(self.step().await, Stepped::Stopped(_)) {} };
        if timeout(RELEASE_LIMIT, stopped).await.is_ok() {
            tracing::info!(lease = self.name, "the lease was given back");
        } else {
            tracing::warn!(
                lease = self.name,
                "the lease could not be given back; it runs out by itself"
            );
        }
    }

    async fn step(&mut self) -> Stepped {
        let call = self.election.next(Instant::now(), Timestamp::now());
        self.make(call).await
    }

    async fn make(&mut self, call: Call) -> Stepped {
        let sent = Instant::now();
        let result = match call {
            Call::Stop(loss) => {
                self.publish();
                return Stepped::Stopped(loss);
            }
            Call::Wait(until) => {
                sleep_until(until.into()).await;
                return Stepped::Waited;
            }
            Call::Read => {
                let answer = self.within(sent, self.api.get_opt(&self.name)).await;
                answer.map(|found| found.map_or(Answer::Missing, Answer::Found))
            }
            Call::Create(mut lease) => {
                lease.metadata.name = Some(self.name.clone());
                let options = PostParams::default();
                let created = self.within(sent, self.api.create(&options, &lease)).await;
                created.map(Answer::Written)
            }
            Call::Replace(lease) => {
                let options = PostParams::default();
                let replaced = self.within(sent, self.api.replace(&self.name, &options, &lease)).await;
                replaced.map(Answer::Written)
            }
        };
        let answer = result.unwrap_or_else(|refusal| refusal);
        let stepped = match &answer {
            Answer::Failed(problem) => Stepped::Failed(problem.clone()),
            Answer::Found(_) | Answer::Missing | Answer::Written(_) | Answer::Conflict => Stepped::Answered,
        };
        self.election.answered(sent, Instant::now(), answer);
        self.publish();
        stepped
    }

    /// An answer, within the time of a call and before the leader has to give up.
    async fn within<T>(&self, sent: Instant, call: impl Future<Output = kube::Result<T>>) -> Result<T, Answer> {
        let end = sent + CALL_TIMEOUT;
        let end = self.election.gives_up_at().map_or(end, |limit| limit.min(end));
        match timeout_at(end.into(), call).await {
            Ok(Ok(answer)) => Ok(answer),
            // Made or changed by somebody else. (A 404 may also speak of the namespace; whether the lease was deleted,
            // the read after it tells.)
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Err(Answer::Conflict),
            Ok(Err(error)) => Err(Answer::Failed(explain_request(&error))),
            Err(_) => Err(Answer::Failed("the API server did not answer in time".to_owned())),
        }
    }

    fn publish(&self) {
        let until = self.election.surely_held_until();
        self.until
            .send_if_modified(|seen| std::mem::replace(seen, until) != until);
    }
}

/// What a step came to.
enum Stepped {
    /// The time has come.
    Waited,
    /// The API server answered.
    Answered,
    /// It did not, or refused.
    Failed(String),
    /// There is nothing more to do.
    Stopped(Option<Loss>),
}

/// The pod's name, for people, and what makes it this process's alone.
fn identity() -> String {
    let host = hostname::get().unwrap_or_default();
    format!("{}_{}", host.to_string_lossy(), uuid::Uuid::new_v4())
}
