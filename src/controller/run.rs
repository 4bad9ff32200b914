//! The controllers of all kinds, and what they share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future;
use kube::Client;
use tokio_util::sync::CancellationToken;

use super::api_server_monitor::ApiServerMonitor;
use super::events::EventWriter;
use super::lanes::Lanes;
use super::policy::PolicyController;
use super::policy_directory::PolicyDirectory;
use super::shared::Shared;
use super::task::TaskController;
use super::watch::Stuck;
use crate::aws::Service;
use crate::core::task::observation::Settings;
use crate::health::Health;
use crate::lease::Leadership;
use crate::metrics::Metrics;

/// What bounds the operator's use of the account and of the API server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most tasks at a time for each account and region.
    pub running_tasks: usize,
    /// The most reconciles at a time of resources that are new, and of all others, for each kind.
    pub reconciles: usize,
    /// The shortest wait between two looks for audits in a region.
    pub audit_poll_interval: Duration,
}

/// What the controllers are made of.
pub struct Parts {
    /// The API server.
    pub client: Client,
    /// AWS IoT.
    pub service: Service,
    /// What is the same for all resources.
    pub settings: Settings,
    /// What bounds the use of the account.
    pub limits: Limits,
    /// Whether this process may act.
    pub leadership: Leadership,
    /// Where it is counted.
    pub metrics: Metrics,
    /// What the probes tell.
    pub health: Health,
    /// What was heard of the API server.
    pub api_server: ApiServerMonitor,
    /// Once it is cancelled nothing is begun any more.
    pub stop: CancellationToken,
}

/// Runs the controllers until they are told to stop; no further call of AWS begins from then on, and reconciles that are
/// under way are brought to their end.
pub async fn run(parts: Parts, namespaces: &[String]) {
    let Parts {
        client,
        service,
        settings,
        limits,
        leadership,
        metrics,
        health,
        api_server,
        stop,
    } = parts;
    let (events, event_task) = EventWriter::start(client.clone());
    let shared = Arc::new(Shared {
        client,
        service,
        leadership,
        leader_since: Instant::now(),
        metrics,
        events,
        policies: PolicyDirectory::default(),
        stop,
    });
    let default_region = settings.default_region.clone();
    let tasks = TaskController::new(
        &shared,
        settings,
        limits.running_tasks,
        Lanes::new(limits.reconciles),
        &health,
        &api_server,
        namespaces,
    );
    let policies = PolicyController::new(
        &shared,
        tasks.caches(),
        default_region,
        limits.audit_poll_interval,
        Lanes::new(limits.reconciles),
        &api_server,
        namespaces,
    );
    answer_probes(&health, &api_server, tasks.stuck(), policies.stuck());
    // Policies need the tasks, and tasks don't need the policies.
    future::join(tasks.run(), policies.run()).await;
    event_task.drain().await;
}

/// Has the probes ask the controllers.
fn answer_probes(health: &Health, api_server: &ApiServerMonitor, tasks: Stuck, policies: Stuck) {
    let listened = api_server.clone();
    health.set_readiness_check(move || listened.broken(Instant::now()));
    let listened = api_server.clone();
    health.set_remarks(move || listened.unavailable(Instant::now()));
    health.set_liveness_check(move || tasks().or_else(&policies));
}
