//! What one watch does with what it brings: the caches, the queue and the readiness follow it.

use std::sync::Arc;
use std::time::Instant;

use kube::runtime::reflector::ObjectRef;
use kube::runtime::reflector::store::Writer;
use kube::runtime::watcher::Event;

use super::cached::{CachedTask, version};
use super::context::Context;
use crate::controller::api_server_monitor::ApiServerMonitor;
use crate::controller::clock::now;
use crate::controller::watch::WatchHandler;
use crate::core::task::observed::ObservedTask;
use crate::health::Health;

/// One watch: of all namespaces, or of one of those that were named.
pub(super) struct TaskWatch {
    pub(super) path: String,
    pub(super) writer: Writer<CachedTask>,
    pub(super) api_server: ApiServerMonitor,
    pub(super) health: Health,
    pub(super) context: Arc<Context>,
}

impl WatchHandler<CachedTask> for TaskWatch {
    fn take_in(&mut self, event: Event<CachedTask>) -> Vec<ObjectRef<CachedTask>> {
        let event = self.trimmed(event);
        self.context.caches.apply(&mut self.writer, &event);
        self.wake_policy(&event);
        match event {
            Event::Apply(object) => {
                let uid = object.metadata.uid.as_deref().unwrap_or_default();
                self.context.states.catch_up(uid, version(&object.metadata));
                vec![ObjectRef::from_obj(&object)]
            }
            Event::Delete(object) => {
                let uid = object.metadata.uid.as_deref().unwrap_or_default();
                let memory = self.context.states.take(uid).memory;
                if let Some(last_seen) = object.open() {
                    // mutant: an-orphan-that-the-watch-finds-runs-on
                    self.context.cancel_if_orphaned(&last_seen, &memory);
                }
                self.context.forget(uid);
                self.context.liveness.forget(&ObjectRef::from_obj(&object));
                Vec::new()
            }
            // Not before the end of a list is it in the cache.
            Event::Init | Event::InitApply(_) => Vec::new(),
            Event::InitDone => self.listed(),
        }
    }

    /// A watch that can't be had at all must not keep the others from their work.
    fn handle_break(&mut self) {
        if self.api_server.is_unavailable(&self.path, Instant::now()) {
            self.context.caches.stop_waiting_for(&self.path);
            self.publish_readiness();
        }
    }
}

impl TaskWatch {
    /// The policy whose task it may be has to know: its next task may wait for this one.
    fn wake_policy(&self, event: &Event<CachedTask>) {
        let policies = &self.context.shared.policies;
        match event {
            Event::Apply(object) | Event::Delete(object) => {
                if let (Some(namespace), Some(policy)) = (&object.metadata.namespace, object.policy()) {
                    policies.wake(namespace, policy);
                }
            }
            Event::InitDone => policies.wake_all(),
            Event::Init | Event::InitApply(_) => {}
        }
    }

    /// The list is complete: everything that has work is due.
    fn listed(&self) -> Vec<ObjectRef<CachedTask>> {
        self.context.caches.stop_waiting_for(&self.path);
        self.publish_readiness();
        let cache = self.writer.as_reader();
        tracing::info!(
            resources = cache.len(),
            path = self.path,
            "watching AuditMitigationTasks"
        );
        self.context.forget_all_without_work();
        let objects = cache.state();
        self.context.enter_listed(&objects);
        let with_work = objects.iter().filter(|object| !object.is_done());
        with_work.map(|object| ObjectRef::from_obj(&**object)).collect()
    }

    /// The operator is ready when all watches have had their first list: only then is the queue complete.
    fn publish_readiness(&self) {
        match self.context.caches.first_unlisted() {
            None => self.health.set_ready(),
            Some(path) => self.health.set_waiting(&format!("waiting for the list of {path}")),
        }
    }

    /// The event with no more of each resource than the cache is to keep.
    fn trimmed(&self, event: Event<CachedTask>) -> Event<CachedTask> {
        let now = now();
        let trimmed = |object: CachedTask| {
            let place = |observed: &ObservedTask, size| self.context.first_place(observed, size, now);
            object.trimmed(&self.context.settings, now, place)
        };
        match event {
            Event::Apply(object) => Event::Apply(trimmed(object)),
            Event::InitApply(object) => Event::InitApply(trimmed(object)),
            Event::Delete(_) | Event::Init | Event::InitDone => event,
        }
    }
}
