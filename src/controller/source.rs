//! A watch that is to begin, with the cache that it fills and the way to have a resource of it reconciled.

use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::{Api, Client};

use super::watch::{Watchable, apis};

/// A watch that is to begin.
pub(super) struct Source<K: Watchable> {
    /// What is watched: one namespace, or all.
    pub(super) api: Api<K>,
    /// The resources, as the watch saw them last.
    pub(super) store: Store<K>,
    /// What fills the store.
    pub(super) writer: Writer<K>,
    /// Resources to reconcile although they have not changed.
    pub(super) wake: UnboundedSender<ObjectRef<K>>,
    /// Where those arrive.
    pub(super) woken: UnboundedReceiver<ObjectRef<K>>,
}

/// The watch of each of these namespaces, in their order, or the one of all namespaces if there are none.
pub(super) fn sources<K: Watchable>(client: &Client, namespaces: &[String]) -> Vec<Source<K>> {
    let source = |api| {
        let (store, writer) = reflector::store();
        let (wake, woken) = unbounded();
        Source {
            api,
            store,
            writer,
            wake,
            woken,
        }
    };
    apis(client, namespaces).into_iter().map(source).collect()
}
