//! The controller of `AuditMitigationTask`s.

mod admission;
mod cached;
mod caches;
mod calls;
mod claims;
mod context;
mod large;
mod large_budget;
mod metadata;
mod orphan;
mod orphaned_tasks;
mod owners;
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
use std::time::{Duration, Instant};

use futures::{future, stream};
use kube::Client;
use kube::runtime::reflector::ObjectRef;

use self::cached::CachedTask;
pub(super) use self::caches::TaskCaches;
use self::caches::Watched;
use self::context::Context;
use self::large_budget::LargeBudget;
use self::orphaned_tasks::{OrphanedTasks, OrphanedTasksWorker};
use self::snapshot::snapshot;
use self::start_scheduler::StartScheduler;
use self::states::ResourceStates;
use self::task_watch::TaskWatch;
use super::api_server_monitor::ApiServerMonitor;
use super::crd_wait;
use super::lanes::{Lanes, Slot};
use super::liveness::Liveness;
use super::requeue::Requeue;
use super::shared::Shared;
use super::source::{Source, sources};
use super::watch::{Reconciler, Stuck, changes, control, stuck};
use crate::core::task::observation::Settings;
use crate::health::Health;

/// How often to look for the definition.
const CRD_INTERVAL: Duration = Duration::from_secs(2);

/// Waits until the API server serves the resource and lets this operator list it, in one of the namespaces to
/// watch at least.
pub async fn wait_for_crd(client: &Client, namespaces: &[String], health: &Health) {
    crd_wait::wait_for_crd::<CachedTask>(client, namespaces, CRD_INTERVAL, |problem| health.set_waiting(problem)).await;
}

/// The controller of `AuditMitigationTask`s.
pub(super) struct TaskController {
    context: Arc<Context>,
    sources: Vec<Source<CachedTask>>,
    lanes: Lanes,
    orphaned_tasks: OrphanedTasksWorker,
    health: Health,
    api_server: ApiServerMonitor,
}

impl TaskController {
    pub(super) fn new(
        shared: &Arc<Shared>,
        settings: Settings,
        running_tasks: usize,
        lanes: Lanes,
        health: &Health,
        api_server: &ApiServerMonitor,
        namespaces: &[String],
    ) -> Self {
        let sources = sources::<CachedTask>(&shared.client, namespaces);
        let watch = |(index, source): (usize, &Source<CachedTask>)| {
            let path = source.api.resource_url();
            api_server.begin_watch(path);
            Watched {
                path: path.to_owned(),
                namespace: namespaces.get(index).cloned(),
                store: source.store.clone(),
                wake: source.wake.clone(),
            }
        };
        let caches = Arc::new(TaskCaches::new(sources.iter().enumerate().map(watch).collect()));
        let pace = shared.service.pace().clone();
        let (orphaned_tasks, worker) = OrphanedTasks::new();
        let context = Arc::new(Context {
            settings,
            states: ResourceStates::new(shared.leader_since),
            scheduler: StartScheduler::new(running_tasks, pace, caches.waker()),
            caches,
            large_budget: LargeBudget::default(),
            orphaned_tasks,
            liveness: Liveness::new(api_server.clone()),
            shared: Arc::clone(shared),
        });
        let (observed, listened) = (Arc::downgrade(&context), api_server.clone());
        shared
            .metrics
            .observe(move || Some(snapshot(&*observed.upgrade()?, &listened)));
        Self {
            context,
            sources,
            lanes,
            orphaned_tasks: worker,
            health: health.clone(),
            api_server: api_server.clone(),
        }
    }

    /// What the watches see.
    pub(super) fn caches(&self) -> Arc<TaskCaches> {
        Arc::clone(&self.context.caches)
    }

    /// Says what is stuck, if anything is.
    pub(super) fn stuck(&self) -> Stuck {
        stuck(&self.context)
    }

    /// Runs until it is told to stop.
    pub(super) async fn run(self) {
        let Self {
            context,
            sources,
            lanes,
            orphaned_tasks,
            health,
            api_server,
        } = self;
        let controllers = sources.into_iter().map(|source| {
            let watch = TaskWatch {
                path: source.api.resource_url().to_owned(),
                writer: source.writer,
                api_server: api_server.clone(),
                health: health.clone(),
                context: Arc::clone(&context),
            };
            let triggers = stream::select(changes(source.api, api_server.clone(), watch), source.woken);
            let stop = context.shared.stop.clone();
            control(triggers, source.store, Arc::clone(&context), lanes.clone(), stop)
        });
        future::join(future::join_all(controllers), orphaned_tasks.run(&context.shared)).await;
    }
}

impl Reconciler<CachedTask> for Context {
    /// A deletion is waited for, and what has a phase was looked at: it runs, or waits for its place.
    fn is_newcomer(&self, object: &CachedTask) -> bool {
        object.phase.is_none() && object.metadata.deletion_timestamp.is_none()
    }

    async fn reconcile(self: Arc<Self>, object: Arc<CachedTask>, slot: Slot) -> Requeue {
        reconcile::reconcile(object, slot, self).await
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
