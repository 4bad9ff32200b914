//! The watch and the work queue, for any kind of resource: from the API server's stream of changes to reconciles.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, StreamExt as _, future, stream};
use kube::core::NamespaceResourceScope;
use kube::runtime::controller::{Action, Config as ControllerConfig, Error as ControllerError};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::{Config, Error as WatchError, Event};
use kube::runtime::{WatchStreamExt as _, applier, watcher};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::api_server_monitor::ApiServerMonitor;
use super::liveness::Liveness;
use super::requeue::Requeue;

/// How many resources a list asks for at a time. The allocator keeps what a page took: five times as many cost some
/// 4 MiB for good.
const PAGE_SIZE: u32 = 100;

/// How long a resource rests whose reconcile panicked.
const REST_AFTER_PANIC: Duration = Duration::from_mins(5);

/// A kind of resource that can be watched here.
pub(super) trait Watchable:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + fmt::Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}

impl<K> Watchable for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + fmt::Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

/// What a kind does with its resources.
pub(super) trait Reconciler<K: Watchable>: Send + Sync + 'static {
    /// Brings one resource as far as it gets for now.
    fn reconcile(self: Arc<Self>, object: Arc<K>) -> impl Future<Output = Requeue> + Send;

    /// The reconcile of this resource panicked.
    fn handle_panic(&self, object: &K);

    /// Where it is said which work is due and which is being done.
    fn liveness(&self) -> &Liveness<ObjectRef<K>>;
}

/// The API of each watched namespace, or the one of all namespaces.
pub(super) fn apis<K: Watchable>(client: &Client, namespaces: &[String]) -> Vec<Api<K>> {
    if namespaces.is_empty() {
        return vec![Api::all(client.clone())];
    }
    namespaces
        .iter()
        .map(|namespace| Api::namespaced(client.clone(), namespace))
        .collect()
}

/// Watches resources, and says which of them are to be reconciled: those that `take_in` makes of each event.
pub(super) fn changes<K: Watchable>(
    api: Api<K>,
    api_server: ApiServerMonitor,
    mut take_in: impl FnMut(Event<K>) -> Vec<ObjectRef<K>> + Send + 'static,
) -> impl Stream<Item = ObjectRef<K>> + Send + 'static {
    let path = api.resource_url().to_owned();
    watcher(api, Config::default().page_size(PAGE_SIZE))
        .default_backoff()
        .map(move |event| match event {
            Ok(event) => take_in(event),
            Err(error) => {
                api_server.mark_broken(&path, format!("the watch broke off: {error}"));
                tracing::warn!(%error, path, "the watch broke off; it is taken up again");
                Vec::new()
            }
        })
        .flat_map(stream::iter)
}

/// Reconciles each resource that is triggered, one reconcile of a resource at a time. It ends when `stop` is cancelled
/// and the reconciles that were under way have ended.
pub(super) async fn control<K: Watchable, R: Reconciler<K>>(
    triggers: impl Stream<Item = ObjectRef<K>> + Send + 'static,
    store: Store<K>,
    reconciler: Arc<R>,
    stop: CancellationToken,
) {
    let due = Arc::clone(&reconciler);
    let scheduled = Arc::clone(&reconciler);
    let triggers = triggers
        .inspect(move |object| due.liveness().mark_due(object.clone()))
        .take_until(stop.cancelled_owned())
        .map(Ok::<_, WatchError>)
        .boxed();
    let results = applier(
        |object, reconciler| Box::pin(isolated(object, reconciler)),
        |_, never: &Infallible, _| match *never {},
        reconciler,
        store,
        triggers,
        ControllerConfig::default(),
    );
    results
        .for_each(|result| {
            match result {
                // A resource that was deleted before its turn is no news.
                Err(ControllerError::ObjectNotFound(object)) => {
                    let mut known = ObjectRef::new(&object.name);
                    known.namespace = object.namespace;
                    scheduled.liveness().forget(&known);
                }
                Err(error) => tracing::warn!(%error, "the controller failed"),
                Ok(_) => {}
            }
            future::ready(())
        })
        .await;
}

/// Runs a reconcile in a task of its own: a panic stops one resource for a while, and no other. The task ends with the
/// future that waits for it, so nothing goes on once the controller is dropped.
async fn isolated<K: Watchable, R: Reconciler<K>>(object: Arc<K>, reconciler: Arc<R>) -> Result<Action, Infallible> {
    let reference = ObjectRef::from_obj(&*object);
    let reconcile = Arc::clone(&reconciler).reconcile(Arc::clone(&object));
    let reconcile = AbortOnDropHandle::new(tokio::spawn(reconcile));
    let requeue = reconcile.await.unwrap_or_else(|error| {
        let (name, namespace) = (&reference.name, reference.namespace.as_deref());
        tracing::error!(%error, name, namespace, "a reconcile panicked; please report it as a bug");
        reconciler.handle_panic(&object);
        Requeue::For(REST_AFTER_PANIC)
    });
    reconciler.liveness().mark_resting(&reference, requeue);
    Ok(requeue.into())
}
