//! What the watches of policies have seen, and the way to have one looked at again.

use std::sync::Arc;

use futures::channel::mpsc::UnboundedSender;
use kube::runtime::reflector::{ObjectRef, Store};

use crate::api::StoredPolicy;

/// One watch: all namespaces, or one of those that were named.
pub(super) struct Watched {
    /// The policies, as the watch saw them last.
    pub(super) store: Store<StoredPolicy>,
    /// Policies to reconcile although they have not changed.
    pub(super) wake: UnboundedSender<ObjectRef<StoredPolicy>>,
}

/// The caches of all watches.
pub(super) struct PolicyCaches(Vec<Watched>);

impl PolicyCaches {
    pub(super) const fn new(watches: Vec<Watched>) -> Self {
        Self(watches)
    }

    /// All policies.
    pub(super) fn objects(&self) -> Vec<Arc<StoredPolicy>> {
        self.0.iter().flat_map(|watched| watched.store.state()).collect()
    }

    /// Whether the watch has this very policy, and not another of its name.
    pub(super) fn contains(&self, reference: &ObjectRef<StoredPolicy>) -> bool {
        let found = self.0.iter().find_map(|watched| watched.store.get(reference));
        found.is_some_and(|found| found.metadata.uid == reference.extra.uid)
    }

    /// Has a policy of this namespace and name looked at again, if there is one; all of them when none is named.
    pub(super) fn wake(&self, policy: Option<(&str, &str)>) {
        for watched in &self.0 {
            match policy {
                Some((namespace, name)) => {
                    let reference = ObjectRef::new(name).within(namespace);
                    if let Some(found) = watched.store.get(&reference) {
                        send(watched, &found);
                    }
                }
                None => watched.store.state().iter().for_each(|found| send(watched, found)),
            }
        }
    }
}

fn send(watched: &Watched, policy: &Arc<StoredPolicy>) {
    // Fails only when the controller is ending.
    let _ = watched.wake.unbounded_send(ObjectRef::from_obj(&**policy));
}
