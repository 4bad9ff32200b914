//! The watch: from the API server's stream of changes to reconciles.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::mpsc::{UnboundedReceiver, unbounded};
use futures::{Stream, StreamExt as _, future, stream};
use kube::runtime::controller::{Action, Config as ControllerConfig, Error as ControllerError};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{Config, Error as WatchError, Event};
use kube::runtime::{WatchStreamExt as _, applier, watcher};
use kube::{Api, Client};

use super::cached::CachedTask;
use super::context::{Context, Parts, Watched};
use super::events::EventWriter;
use super::reconcile::{Requeue, reconcile};
use crate::causes::explain;

/// How many resources a list asks for at a time. The allocator keeps what a page took: five times as many cost some
/// 4 MiB for good.
const PAGE_SIZE: u32 = 100;

/// How long a resource rests whose reconcile panicked.
const REST_AFTER_PANIC: Duration = Duration::from_mins(5);

/// Runs the controller until it is told to stop; no further call of AWS begins from then on, and reconciles that are under way are brought to their end.
pub async fn run(parts: Parts, namespaces: &[String]) {
    let mut watched = Vec::new();
    let mut sources = Vec::new();
    for (index, api) in apis(&parts.client, namespaces).into_iter().enumerate() {
        let (store, writer) = reflector::store();
        let (wake, woken) = unbounded();
        parts.api_server.watch_begins(api.resource_url());
        watched.push(Watched {
            store: store.clone(),
            namespace: namespaces.get(index).cloned(),
            wake,
        });
        sources.push((api, store, writer, woken));
    }
    let api_server = parts.api_server.clone();
    parts.health.listen(move || api_server.broken());
    let events = EventWriter::start(parts.client.clone());
    let context = Arc::new(Context::new(parts, events, watched));
    let observed = Arc::downgrade(&context);
    let guarded = observed.clone();
    context
        .metrics
        .observe(move || observed.upgrade().map(|context| context.snapshot()));
    context.health.guard(move || guarded.upgrade()?.stuck());
    let controllers = sources.into_iter().map(|(api, store, writer, woken)| {
        let changes = changes(api, store.clone(), writer, Arc::clone(&context));
        control(changes, woken, store, Arc::clone(&context))
    });
    future::join_all(controllers).await;
}

/// The API of each watched namespace, or the one of all namespaces.
pub(super) fn apis(client: &Client, namespaces: &[String]) -> Vec<Api<CachedTask>> {
    if namespaces.is_empty() {
        return vec![Api::all(client.clone())];
    }
    namespaces
        .iter()
        .map(|namespace| Api::namespaced(client.clone(), namespace))
        .collect()
}

async fn control(
    changes: impl Stream<Item = ObjectRef<CachedTask>> + Send + 'static,
    woken: UnboundedReceiver<ObjectRef<CachedTask>>,
    store: Store<CachedTask>,
    context: Arc<Context>,
) {
    let scheduled = Arc::clone(&context);
    let due = Arc::clone(&context);
    let triggers = stream::select(changes, woken)
        .inspect(move |object| due.is_due(object.clone()))
        .take_until(context.stop.clone().cancelled_owned())
        .map(Ok::<_, WatchError>)
        .boxed();
    let results = applier(
        |object, context| Box::pin(guarded(object, context)),
        |_, never: &Infallible, _| match *never {},
        context,
        store,
        triggers,
        ControllerConfig::default(),
    );
    results
        .for_each(|result| {
            match result {
                // A resource that was deleted before its turn is no event_drafts.
                Err(ControllerError::ObjectNotFound(object)) => scheduled.is_gone(*object),
                Err(error) => tracing::warn!(%error, "controller"),
                Ok(_) => {}
            }
            future::ready(())
        })
        .await;
}

/// A panic stops one resource for a while, and no other.
async fn guarded(object: Arc<CachedTask>, context: Arc<Context>) -> Result<Action, Infallible> {
    let (name, uid) = (object.metadata.name.clone(), object.metadata.uid.clone());
    let reference = ObjectRef::from_obj(&*object);
    let reconcile = tokio::spawn(reconcile(object, Arc::clone(&context)));
    let rest = reconcile.await.unwrap_or_else(|error| {
        tracing::error!(%error, name, "a reconcile panicked; please report it as a bug");
        context.step_aside(uid.as_deref().unwrap_or_default());
        Requeue::For(REST_AFTER_PANIC)
    });
    context.rests(&reference, rest);
    Ok(rest.into())
}

/// Keeps the cache, and says which resources have changed.
fn changes(
    api: Api<CachedTask>,
    store: Store<CachedTask>,
    mut writer: Writer<CachedTask>,
    context: Arc<Context>,
) -> impl Stream<Item = ObjectRef<CachedTask>> + Send + 'static {
    let url = api.resource_url().to_owned();
    context.unlisted.send_modify(|unlisted| {
        unlisted.insert(url.clone());
    });
    watcher(api, Config::default().page_size(PAGE_SIZE))
        .default_backoff()
        .map(move |event| {
            let event = match event {
                Ok(event) => event,
                Err(error) => {
                    context
                        .api_server
                        .broke_off(&url, format!("the watch broke off: {}", explain(&error)));
                    tracing::warn!(error = explain(&error), "the watch broke off; it is taken up again");
                    return Vec::new();
                }
            };
            let event = match event {
                Event::Apply(object) => Event::Apply(context.to_keep(object)),
                Event::InitApply(object) => Event::InitApply(context.to_keep(object)),
                event => event,
            };
            writer.apply_watcher_event(&event);
            match event {
                Event::Apply(object) => vec![ObjectRef::from_obj(&object)],
                Event::Delete(object) => {
                    context.forget(object.metadata.uid.as_deref().unwrap_or_default());
                    context.is_gone(ObjectRef::from_obj(&object));
                    Vec::new()
                }
                // Not before the end of a list is it in the cache.
                Event::Init | Event::InitApply(_) => Vec::new(),
                Event::InitDone => {
                    context.is_listed(&url);
                    tracing::info!(resources = store.len(), "watching AuditMitigationTasks");
                    context.forget_all_without_work();
                    store
                        .state()
                        .iter()
                        .filter(|object| !object.is_done())
                        .map(|object| ObjectRef::from_obj(&**object))
                        .collect()
                }
            }
        })
        .flat_map(stream::iter)
}
