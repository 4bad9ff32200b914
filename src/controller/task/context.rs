//! What all reconciles of `AuditMitigationTask`s share.

use std::collections::HashSet;

use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;

use super::cached::CachedTask;
use super::caches::TaskCaches;
use super::clock::Clock;
use super::orphaned_tasks::OrphanedTasks;
use super::start_scheduler::StartScheduler;
use super::states::ResourceStates;
use crate::controller::liveness::Liveness;
use crate::controller::shared::Shared;
use crate::core::queue::Admission;
use crate::core::task::memory::Memory;
use crate::core::task::observation::{Observation, Settings};
use crate::core::task::observed::ObservedTask;

/// What all reconciles of `AuditMitigationTask`s share.
pub(super) struct Context {
    /// What is the same for all kinds of resources.
    pub(super) shared: Shared,
    /// The wall clock, until `leader_since` takes its place in the core.
    pub(super) clock: Clock,
    /// What is the same for all resources of this kind.
    pub(super) settings: Settings,
    /// What is kept of each resource between its reconciles.
    pub(super) states: ResourceStates,
    /// What the watches have seen.
    pub(super) caches: TaskCaches,
    /// Who may start.
    pub(super) scheduler: StartScheduler,
    /// Own tasks whose resource is gone.
    pub(super) orphaned_tasks: OrphanedTasks,
    /// Whether due work is done.
    pub(super) liveness: Liveness<ObjectRef<CachedTask>>,
}

impl Context {
    pub(super) fn observe<'a>(
        &'a self,
        observed: &'a ObservedTask,
        memory: &'a Memory,
        is_fresh: bool,
        admission: Admission,
        now: Timestamp,
    ) -> Observation<'a> {
        Observation {
            now,
            since: self.clock.since(now),
            observed,
            is_fresh,
            memory,
            admission,
            settings: &self.settings,
        }
    }

    /// A resource is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.states.forget(uid);
        self.leave_queue(uid);
    }

    /// After a new list: what is not in it was deleted while nobody watched, and what is done holds nothing any more.
    pub(super) fn forget_all_without_work(&self) {
        let objects = self.caches.objects();
        let with_work = objects.iter().filter(|object| !object.is_done());
        let uids: HashSet<&str> = with_work.filter_map(|object| object.metadata.uid.as_deref()).collect();
        self.states.retain(|uid| uids.contains(uid));
        self.keep_in_queue(|uid| uids.contains(uid));
        self.liveness.retain(|reference| self.caches.get(reference).is_some());
    }
}
