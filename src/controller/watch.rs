//! The watch and the work queue, for any kind of resource: from the API server's stream of changes to reconciles.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt as _, Stream, StreamExt as _, future, stream};
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
use super::lanes::{Lanes, Line, Slot};
use super::liveness::Liveness;
use super::requeue::Requeue;
use crate::causes::{explain, explain_request};

/// How many resources a list asks for at a time. The API server bounds a page by nothing else, and each object may have
/// the 1.5 MB that etcd takes.
const PAGE_SIZE: u32 = 10;

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
    /// Whether nobody has looked at this resource yet, and nobody waits for its end.
    fn is_newcomer(&self, object: &K) -> bool;

    /// Brings one resource as far as it gets for now. It is one of those at work as long as it has its slot.
    fn reconcile(self: Arc<Self>, object: Arc<K>, slot: Slot) -> impl Future<Output = Requeue> + Send;

    /// The reconcile of this resource panicked.
    fn handle_panic(&self, object: &K);

    /// Where it is said which work is due and which is being done.
    fn liveness(&self) -> &Liveness<ObjectRef<K>>;
}

/// Says what is stuck, if anything is.
pub(super) type Stuck = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// What the probes ask this kind.
pub(super) fn stuck<K: Watchable, R: Reconciler<K>>(reconciler: &Arc<R>) -> Stuck {
    let watched = Arc::downgrade(reconciler);
    Box::new(move || watched.upgrade()?.liveness().stuck(Instant::now()))
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

/// What a kind makes of its watch.
pub(super) trait WatchHandler<K: Watchable>: Send + 'static {
    /// Takes in what the watch brings, and says which resources are to be reconciled.
    fn take_in(&mut self, event: Event<K>) -> Vec<ObjectRef<K>>;

    /// The watch broke off, or could not be begun; the monitor knows it already.
    fn handle_break(&mut self);
}

/// Watches resources, and says which of them are to be reconciled.
pub(super) fn changes<K: Watchable>(
    api: Api<K>,
    api_server: ApiServerMonitor,
    mut handler: impl WatchHandler<K>,
) -> impl Stream<Item = ObjectRef<K>> + Send + 'static {
    let path = api.resource_url().to_owned();
    watcher(api, Config::default().page_size(PAGE_SIZE))
        .default_backoff()
        .map(move |event| match event {
            Ok(event) => handler.take_in(event),
            Err(error) => {
                tell_broken(&api_server, &path, &error);
                handler.handle_break();
                Vec::new()
            }
        })
        .flat_map(stream::iter)
}

/// Says that a watch broke off, and notes it for the probes. One that stays refused is said once.
fn tell_broken(api_server: &ApiServerMonitor, path: &str, error: &WatchError) {
    let (problem, is_refused) = match error {
        WatchError::InitialListFailed(error) | WatchError::WatchStartFailed(error) | WatchError::WatchFailed(error) => {
            let is_refused = matches!(error, kube::Error::Api(status) if status.code == 403);
            (explain_request(error), is_refused)
        }
        error => (explain(error), false),
    };
    let why = if is_refused {
        format!("{path} can't be watched, so what is there is left alone until it can: {problem}")
    } else {
        format!("the watch broke off: {problem}")
    };
    let is_new = api_server.mark_broken(path, why, is_refused);
    if is_new || !is_refused {
        tracing::warn!(path, problem, "the watch broke off; it is taken up again");
    } else {
        // Until somebody grants it, which may be never.
        tracing::debug!(path, problem, "the watch is still refused");
    }
}

/// Reconciles each resource that is triggered, one reconcile of a resource at a time, and as many resources as the lanes
/// have slots. It ends when `stop` is cancelled and the reconciles that were under way have ended.
pub(super) async fn control<K: Watchable, R: Reconciler<K>>(
    triggers: impl Stream<Item = ObjectRef<K>> + Send + 'static,
    store: Store<K>,
    reconciler: Arc<R>,
    lanes: Lanes,
    stop: CancellationToken,
) {
    let due = Arc::clone(&reconciler);
    let scheduled = Arc::clone(&reconciler);
    let line = Arc::new(Line::new(lanes));
    let turns = Arc::new(Turns {
        line: Arc::clone(&line),
        store: store.clone(),
        stop: stop.clone(),
    });
    let (listed, judge) = (store.clone(), Arc::clone(&reconciler));
    let is_newcomer = move |reference: &ObjectRef<K>| {
        let object = listed.get(reference);
        object.is_some_and(|object| judge.is_newcomer(&object))
    };
    let triggers = Arc::clone(&line)
        .hold_newcomers(triggers.take_until(stop.clone().cancelled_owned()), is_newcomer)
        .inspect(move |reference| due.liveness().mark_due(reference.clone()))
        .map(Ok::<_, WatchError>)
        .boxed();
    let cache = store.clone();
    let results = applier(
        move |object, reconciler| Box::pin(Arc::clone(&turns).take(object, reconciler)),
        |_, never: &Infallible, _| match *never {},
        reconciler,
        store,
        triggers,
        ControllerConfig::default(),
    );
    let work = results.for_each(move |result| {
        match result {
            // A resource that was deleted before its turn is no news.
            Err(ControllerError::ObjectNotFound(object)) => {
                let mut known = ObjectRef::new(&object.name);
                known.namespace = object.namespace;
                line.forget(&known);
                scheduled.liveness().forget(&known);
            }
            Err(error) => tracing::warn!(%error, "the controller failed"),
            Ok(_) => {}
        }
        future::ready(())
    });
    // Nothing is reconciled before the first list is complete, and the applier would wait for it.
    let stopped_before_the_list = async {
        stop.cancelled().await;
        if cache.wait_until_ready().now_or_never().is_some() {
            future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = work => {}
        () = stopped_before_the_list => {}
    }
}

/// What each reconcile waits for before it begins.
struct Turns<K: Watchable> {
    line: Arc<Line<K>>,
    store: Store<K>,
    stop: CancellationToken,
}

impl<K: Watchable> Turns<K> {
    /// Reconciles a resource when its turn has come, as it is then. After a stop nothing is begun any more.
    async fn take<R: Reconciler<K>>(self: Arc<Self>, object: Arc<K>, reconciler: Arc<R>) -> Result<Action, Infallible> {
        let reference = ObjectRef::from_obj(&*object);
        drop(object);
        let liveness = reconciler.liveness();
        let turn = liveness.while_in_line(&reference, self.line.enter(&reference));
        let slot = self.stop.run_until_cancelled(turn).await;
        let (Some(slot), Some(object)) = (slot, self.store.get(&reference)) else {
            liveness.forget(&reference);
            return Ok(Action::await_change());
        };
        let reconcile = spawn(Arc::clone(&reconciler), Arc::clone(&object), slot);
        let requeue = reconcile.await.unwrap_or_else(|error| {
            let (name, namespace) = (&reference.name, reference.namespace.as_deref());
            tracing::error!(%error, name, namespace, "a reconcile panicked; please report it as a bug");
            reconciler.handle_panic(&object);
            Requeue::For(REST_AFTER_PANIC)
        });
        reconciler.liveness().mark_resting(&reference, requeue);
        Ok(requeue.into())
    }
}

/// Begins a reconcile in a task of its own: a panic stops one resource for a while, and no other. The task ends with the
/// handle, so nothing goes on once the controller is dropped.
///
/// This is no async function, since the future of one has room for all that it ever holds: each resource that waits for
/// its turn would take the tens of KiB of a reconcile.
fn spawn<K: Watchable, R: Reconciler<K>>(reconciler: Arc<R>, object: Arc<K>, slot: Slot) -> AbortOnDropHandle<Requeue> {
    AbortOnDropHandle::new(tokio::spawn(reconciler.reconcile(object, slot)))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::reflector;
    use kube::runtime::reflector::store::Writer;
    use tokio::sync::mpsc;
    use tokio::time::timeout;

    use super::*;

    const LIMIT: Duration = Duration::from_mins(1);

    /// How many bytes the turn of a resource may take, the reconcile apart.
    const LARGEST_TURN: usize = 2 << 10;

    /// A kind whose reconciles never end, or panic.
    struct Endless {
        /// Sent to at the beginning of each reconcile, and closed when the last one has ended.
        began: mpsc::Sender<()>,
        panics: bool,
        panicked: AtomicUsize,
        liveness: Liveness<ObjectRef<ConfigMap>>,
    }

    impl Reconciler<ConfigMap> for Endless {
        fn is_newcomer(&self, _: &ConfigMap) -> bool {
            true
        }

        async fn reconcile(self: Arc<Self>, _: Arc<ConfigMap>, _slot: Slot) -> Requeue {
            let began = self.began.clone();
            let panics = self.panics;
            drop(self);
            // As large as a real one.
            let held = [0_u8; 8 * LARGEST_TURN];
            let _ = began.send(()).await;
            assert!(!panics && held.first() == Some(&0), "as the test wants it");
            future::pending().await
        }

        fn handle_panic(&self, _: &ConfigMap) {
            self.panicked.fetch_add(1, Ordering::SeqCst);
        }

        fn liveness(&self) -> &Liveness<ObjectRef<ConfigMap>> {
            &self.liveness
        }
    }

    fn endless(panics: bool) -> (Arc<Endless>, mpsc::Receiver<()>) {
        let (began, receiver) = mpsc::channel(8);
        let reconciler = Endless {
            began,
            panics,
            panicked: AtomicUsize::new(0),
            liveness: Liveness::new(ApiServerMonitor::default()),
        };
        (Arc::new(reconciler), receiver)
    }

    fn config_map() -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.name = Some("one".to_owned());
        object.metadata.namespace = Some("fleet".to_owned());
        object
    }

    /// A cache that has the object, and what triggers its reconcile.
    fn listed() -> (
        Store<ConfigMap>,
        Writer<ConfigMap>,
        impl Stream<Item = ObjectRef<ConfigMap>> + Send,
    ) {
        let (store, mut writer) = reflector::store();
        for event in [Event::Init, Event::InitApply(config_map()), Event::InitDone] {
            writer.apply_watcher_event(&event);
        }
        let triggers = stream::iter([ObjectRef::from_obj(&config_map())]).chain(stream::pending());
        (store, writer, triggers)
    }

    /// A thousand resources at once once took the memory of a thousand reconciles, although a few were at work.
    #[tokio::test]
    async fn who_waits_for_its_turn_takes_little_memory() {
        let (store, _writer, _) = listed();
        let (reconciler, _begun) = endless(false);
        let turns = Arc::new(Turns {
            line: Arc::new(Line::new(Lanes::new(1))),
            store,
            stop: CancellationToken::new(),
        });
        let turn = turns.take(Arc::new(config_map()), reconciler);
        let bytes = size_of_val(&turn);
        assert!(bytes <= LARGEST_TURN, "{bytes} bytes");
    }

    /// What is dropped at the end of a shutdown once went on in tasks of its own.
    #[tokio::test]
    async fn a_reconcile_ends_with_the_controller_that_is_dropped() {
        let (store, _writer, triggers) = listed();
        let (reconciler, mut begun) = endless(false);
        let controller = control(triggers, store, reconciler, Lanes::new(1), CancellationToken::new());
        tokio::select! {
            () = controller => panic!("it has ended"),
            first = timeout(LIMIT, begun.recv()) => assert_eq!(first.unwrap(), Some(())),
        }
        assert_eq!(
            timeout(LIMIT, begun.recv()).await.unwrap(),
            None,
            "its reconcile is gone, too"
        );
    }

    #[tokio::test]
    async fn a_controller_that_is_stopped_before_its_first_list_ends() {
        let (store, _writer) = reflector::store();
        let (reconciler, _begun) = endless(false);
        let stop = CancellationToken::new();
        stop.cancel();
        let controller = control(stream::pending(), store, reconciler, Lanes::new(1), stop);
        timeout(LIMIT, controller).await.unwrap();
    }

    #[tokio::test]
    async fn a_controller_that_is_stopped_later_waits_for_its_reconciles() {
        let (store, _writer, triggers) = listed();
        let (reconciler, mut begun) = endless(false);
        let stop = CancellationToken::new();
        let controller = control(triggers, store, reconciler, Lanes::new(1), stop.clone());
        tokio::select! {
            () = controller => panic!("it has ended before its reconcile"),
            () = async {
                timeout(LIMIT, begun.recv()).await.unwrap();
                stop.cancel();
                // Enough turns for everything that is ready.
                for _ in 0..1_000 {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
    }

    #[tokio::test]
    async fn a_panic_is_told_to_the_kind_and_ends_nothing_else() {
        let (store, _writer, triggers) = listed();
        let (reconciler, mut begun) = endless(true);
        let stop = CancellationToken::new();
        let controller = control(triggers, store, Arc::clone(&reconciler), Lanes::new(1), stop.clone());
        let stopped = async {
            timeout(LIMIT, begun.recv()).await.unwrap();
            stop.cancel();
        };
        let ((), ()) = timeout(LIMIT, future::join(controller, stopped)).await.unwrap();
        assert_eq!(reconciler.panicked.load(Ordering::SeqCst), 1);
    }
}
