//! What one watch of policies does with what it brings.

use std::sync::Arc;

use kube::ResourceExt as _;
use kube::runtime::reflector::ObjectRef;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Event;

use super::context::Context;
use crate::api::StoredPolicy;
use crate::controller::policy_directory::KnownPolicy;
use crate::controller::watch::WatchHandler;

/// One watch: of all namespaces, or of one of those that were named.
pub(super) struct PolicyWatch {
    pub(super) writer: Writer<StoredPolicy>,
    pub(super) context: Arc<Context>,
}

impl WatchHandler<StoredPolicy> for PolicyWatch {
    fn take_in(&mut self, event: Event<StoredPolicy>) -> Vec<ObjectRef<StoredPolicy>> {
        let event = trimmed(event);
        self.writer.apply_watcher_event(&event);
        match event {
            Event::Apply(object) => {
                self.enter(&object);
                vec![ObjectRef::from_obj(&object)]
            }
            Event::Delete(object) => {
                let (namespace, name) = names(&object);
                self.context.shared.policies.remove(&namespace, &name);
                self.context
                    .states
                    .forget(object.metadata.uid.as_deref().unwrap_or_default());
                self.context.liveness.forget(&ObjectRef::from_obj(&object));
                Vec::new()
            }
            // Not before the end of a list is it in the cache.
            Event::Init | Event::InitApply(_) => Vec::new(),
            Event::InitDone => self.listed(),
        }
    }

    /// Nobody waits for a watch of policies.
    fn handle_break(&mut self) {}
}

impl PolicyWatch {
    fn listed(&self) -> Vec<ObjectRef<StoredPolicy>> {
        let objects = self.writer.as_reader().state();
        tracing::info!(policies = objects.len(), "watching AuditMitigationPolicies");
        let all = self.context.caches.objects();
        let is_there = |uid: &str| all.iter().any(|object| object.metadata.uid.as_deref() == Some(uid));
        self.context.states.retain(is_there);
        self.context
            .liveness
            .retain(|reference| self.context.caches.contains(reference));
        self.context.shared.policies.retain(|namespace, name| {
            let is_it = |object: &Arc<StoredPolicy>| names(object) == (namespace.to_owned(), name.to_owned());
            all.iter().any(is_it)
        });
        objects
            .iter()
            .map(|object| {
                self.enter(object);
                ObjectRef::from_obj(&**object)
            })
            .collect()
    }

    /// Tasks see which plan it approves, and are looked at again when that changes.
    fn enter(&self, object: &StoredPolicy) {
        let (namespace, name) = names(object);
        let uid = object.uid().unwrap_or_default();
        let approval = object.spec.good().and_then(|spec| spec.approval.as_ref());
        let known = KnownPolicy {
            uid: uid.clone(),
            approved_plan: approval.and_then(|approval| approval.plan.clone()),
        };
        if self.context.shared.policies.insert(&namespace, &name, known) {
            let wake = self.context.tasks.waker();
            for (task, _) in self.context.tasks.tasks_of(&namespace, &name, &uid) {
                wake(task);
            }
        }
    }
}

fn names(object: &StoredPolicy) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// The event with no more of the metadata than is read: whoever may write it could fill the memory.
fn trimmed(event: Event<StoredPolicy>) -> Event<StoredPolicy> {
    let trim = |mut object: StoredPolicy| {
        let metadata = &mut object.metadata;
        metadata.annotations = None;
        metadata.labels = None;
        metadata.owner_references = None;
        object
    };
    match event {
        Event::Apply(object) => Event::Apply(trim(object)),
        Event::InitApply(object) => Event::InitApply(trim(object)),
        Event::Delete(_) | Event::Init | Event::InitDone => event,
    }
}
