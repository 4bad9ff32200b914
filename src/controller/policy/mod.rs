//! The controller of `AuditMitigationPolicy`s, beside the one of tasks.

mod caches;
mod context;
mod pass;
mod policy_watch;
mod poller;
mod pollers;
mod reconcile;
mod snapshot;
mod states;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use futures::{future, stream};
use kube::runtime::reflector::ObjectRef;

use self::caches::{PolicyCaches, Watched};
use self::context::Context;
use self::policy_watch::PolicyWatch;
use self::poller::PollerWorker;
use self::pollers::Pollers;
use self::snapshot::snapshot;
use self::states::PolicyStates;
use super::api_server_monitor::ApiServerMonitor;
use super::crd_wait::wait_for_crd;
use super::lanes::{Lanes, Slot};
use super::liveness::Liveness;
use super::requeue::Requeue;
use super::shared::Shared;
use super::source::{Source, sources};
use super::task::TaskCaches;
use super::watch::{Reconciler, Stuck, changes, control, stuck};
use crate::api::StoredPolicy;

/// How often to look for the definition. Tasks work without it, so there may never be one.
const CRD_INTERVAL: Duration = Duration::from_secs(10);

/// The controller of `AuditMitigationPolicy`s.
pub(super) struct PolicyController {
    context: Arc<Context>,
    sources: Vec<Source<StoredPolicy>>,
    lanes: Lanes,
    pollers: PollerWorker,
    api_server: ApiServerMonitor,
    namespaces: Vec<String>,
}

impl PolicyController {
    pub(super) fn new(
        shared: &Arc<Shared>,
        tasks: Arc<TaskCaches>,
        default_region: Option<String>,
        poll_interval: Duration,
        lanes: Lanes,
        api_server: &ApiServerMonitor,
        namespaces: &[String],
    ) -> Self {
        let sources = sources::<StoredPolicy>(&shared.client, namespaces);
        let watch = |source: &Source<StoredPolicy>| Watched {
            store: source.store.clone(),
            wake: source.wake.clone(),
        };
        let caches = PolicyCaches::new(sources.iter().map(watch).collect());
        let (pollers, regions) = Pollers::new(poll_interval);
        let context = Arc::new(Context {
            default_region,
            states: PolicyStates::default(),
            caches,
            tasks,
            pollers,
            liveness: Liveness::new(api_server.clone()),
            shared: Arc::clone(shared),
        });
        let woken = Arc::downgrade(&context);
        shared.policies.wake_by(move |policy| {
            if let Some(context) = woken.upgrade() {
                context.caches.wake(policy);
            }
        });
        let observed = Arc::downgrade(&context);
        shared
            .metrics
            .observe_policies(move || Some(snapshot(&*observed.upgrade()?)));
        Self {
            context,
            sources,
            lanes,
            pollers: PollerWorker::of(regions),
            api_server: api_server.clone(),
            namespaces: namespaces.to_vec(),
        }
    }

    /// Says what is stuck, if anything is.
    pub(super) fn stuck(&self) -> Stuck {
        stuck(&self.context)
    }

    /// Waits for the definition, and runs until it is told to stop.
    pub(super) async fn run(self) {
        let Self {
            context,
            sources,
            lanes,
            pollers,
            api_server,
            namespaces,
        } = self;
        let stop = context.shared.stop.clone();
        let installed = wait_for_crd::<StoredPolicy>(&context.shared.client, &namespaces, CRD_INTERVAL, |_| {});
        if stop.run_until_cancelled(installed).await.is_none() {
            return;
        }
        let controllers = sources.into_iter().map(|source| {
            api_server.begin_watch(source.api.resource_url());
            let watch = PolicyWatch {
                writer: source.writer,
                context: Arc::clone(&context),
            };
            let triggers = stream::select(changes(source.api, api_server.clone(), watch), source.woken);
            control(
                triggers,
                source.store,
                Arc::clone(&context),
                lanes.clone(),
                stop.clone(),
            )
        });
        future::join(future::join_all(controllers), pollers.run(&context)).await;
    }
}

impl Reconciler<StoredPolicy> for Context {
    /// There are few of them.
    fn is_newcomer(&self, _: &StoredPolicy) -> bool {
        false
    }

    async fn reconcile(self: Arc<Self>, object: Arc<StoredPolicy>, slot: Slot) -> Requeue {
        reconcile::reconcile(object, slot, self).await
    }

    /// What it knew is gone with it, which is always safe.
    fn handle_panic(&self, _: &StoredPolicy) {}

    fn liveness(&self) -> &Liveness<ObjectRef<StoredPolicy>> {
        &self.liveness
    }
}
