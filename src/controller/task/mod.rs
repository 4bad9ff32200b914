//! The controller of `AuditMitigationTask`s.

mod admission;
mod cached;
mod caches;
mod calls;
mod claims;
mod context;
mod large;
mod large_budget;
mod orphan;
mod orphaned_tasks;
mod pass;
mod reconcile;
mod snapshot;
mod start_scheduler;
mod states;
mod task_client;
mod task_watch;
mod weight;
mod writes;

use std::sync::Arc;
use std::time::Instant;

use futures::channel::mpsc::unbounded;
use futures::{future, stream};
use kube::Client;
use kube::runtime::reflector::{self, ObjectRef};
use tokio_util::sync::CancellationToken;

use self::cached::CachedTask;
use self::caches::{TaskCaches, Watched};
use self::context::Context;
use self::large_budget::LargeBudget;
use self::orphaned_tasks::OrphanedTasks;
use self::snapshot::snapshot;
use self::start_scheduler::StartScheduler;
use self::states::ResourceStates;
use self::task_watch::TaskWatch;
use super::api_server_monitor::ApiServerMonitor;
use super::crd_wait;
use super::events::EventWriter;
use super::liveness::Liveness;
use super::requeue::Requeue;
use super::shared::Shared;
use super::watch::{Reconciler, apis, changes, control};
use crate::aws::Service;
use crate::core::task::observation::Settings;
use crate::health::Health;
use crate::lease::Leadership;
use crate::metrics::Metrics;

/// What bounds the operator's use of the account.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most tasks at a time for each account and region.
    pub running_tasks: usize,
}

/// What the controller is made of.
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

/// Waits until the API server serves the resource and lets this operator list it, in one of the namespaces to
/// watch at least.
pub async fn wait_for_crd(client: &Client, namespaces: &[String], health: &Health) {
    crd_wait::wait_for_crd::<CachedTask>(client, namespaces, health).await;
}

/// Runs the controller until it is told to stop; no further call of AWS begins from then on, and reconciles that are
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
    let mut watches = Vec::new();
    let mut sources = Vec::new();
    for (index, api) in apis::<CachedTask>(&client, namespaces).into_iter().enumerate() {
        let (store, writer) = reflector::store();
        let (wake, woken) = unbounded();
        api_server.begin_watch(api.resource_url());
        watches.push(Watched {
            path: api.resource_url().to_owned(),
            namespace: namespaces.get(index).cloned(),
            store: store.clone(),
            wake,
        });
        sources.push((api, store, writer, woken));
    }
    let leader_since = Instant::now();
    let caches = TaskCaches::new(watches);
    let scheduler = StartScheduler::new(limits.running_tasks, service.pace().clone(), caches.waker());
    let (events, event_task) = EventWriter::start(client.clone());
    let (orphaned_tasks, orphaned_tasks_worker) = OrphanedTasks::new();
    let context = Arc::new(Context {
        shared: Shared {
            client,
            service,
            leadership,
            leader_since,
            metrics,
            events,
            stop: stop.clone(),
        },
        settings,
        states: ResourceStates::new(leader_since),
        caches,
        scheduler,
        large_budget: LargeBudget::default(),
        orphaned_tasks,
        liveness: Liveness::new(api_server.clone()),
    });
    answer_questions(&context, &health, &api_server);
    let controllers = sources.into_iter().map(|(api, store, writer, woken)| {
        let watch = TaskWatch {
            path: api.resource_url().to_owned(),
            writer,
            api_server: api_server.clone(),
            health: health.clone(),
            context: Arc::clone(&context),
        };
        let triggers = stream::select(changes(api, api_server.clone(), watch), woken);
        control(triggers, store, Arc::clone(&context), stop.clone())
    });
    future::join(
        future::join_all(controllers),
        orphaned_tasks_worker.run(&context.shared),
    )
    .await;
    event_task.drain().await;
}

/// Has the probes and the metrics ask this controller.
fn answer_questions(context: &Arc<Context>, health: &Health, api_server: &ApiServerMonitor) {
    let listened = api_server.clone();
    health.set_readiness_check(move || listened.broken(Instant::now()));
    let listened = api_server.clone();
    health.set_remarks(move || listened.unavailable(Instant::now()));
    let watched = Arc::downgrade(context);
    health.set_liveness_check(move || watched.upgrade()?.liveness.stuck(Instant::now()));
    let (observed, listened) = (Arc::downgrade(context), api_server.clone());
    context
        .shared
        .metrics
        .observe(move || Some(snapshot(&*observed.upgrade()?, &listened)));
}

impl Reconciler<CachedTask> for Context {
    async fn reconcile(self: Arc<Self>, object: Arc<CachedTask>) -> Requeue {
        reconcile::reconcile(object, self).await
    }

    fn handle_panic(&self, object: &CachedTask) {
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        self.scheduler.step_aside(uid);
        if self.caches.contains(&ObjectRef::from_obj(object)) {
            self.states.mark_lost(uid, Instant::now());
        }
    }

    fn liveness(&self) -> &Liveness<ObjectRef<CachedTask>> {
        &self.liveness
    }
}
