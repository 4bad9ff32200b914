//! What all reconciles of `AuditMitigationTask`s share.

use std::collections::HashSet;
use std::sync::Arc;

use kube::runtime::reflector::ObjectRef;

use super::cached::CachedTask;
use super::caches::TaskCaches;
use super::large_budget::LargeBudget;
use super::orphaned_tasks::OrphanedTasks;
use super::start_scheduler::StartScheduler;
use super::states::{ResourceState, ResourceStates};
use crate::controller::liveness::Liveness;
use crate::controller::shared::Shared;
use crate::core::task::observation::{Observation, Settings};
use crate::core::task::observed::ObservedTask;
use crate::core::timing::Now;

/// What all reconciles of `AuditMitigationTask`s share.
pub(super) struct Context {
    /// What is the same for all kinds of resources.
    pub(super) shared: Arc<Shared>,
    /// What is the same for all resources of this kind.
    pub(super) settings: Settings,
    /// What is kept of each resource between its reconciles.
    pub(super) states: ResourceStates,
    /// What the watches have seen.
    pub(super) caches: Arc<TaskCaches>,
    /// Who may start.
    pub(super) scheduler: StartScheduler,
    /// How much of large resources is worked on at a time.
    pub(super) large_budget: LargeBudget,
    /// Own tasks whose resource is gone.
    pub(super) orphaned_tasks: OrphanedTasks,
    /// Whether due work is done.
    pub(super) liveness: Liveness<ObjectRef<CachedTask>>,
}

impl Context {
    /// Everything that a decision about this resource is made from.
    pub(super) fn observe<'a>(
        &'a self,
        observed: &'a ObservedTask,
        size: usize,
        state: &'a ResourceState,
        is_fresh: bool,
        plan_of_policy: Option<&'a str>,
        now: Now,
    ) -> Observation<'a> {
        let claimed = self.caches.claimed_by_older(observed);
        Observation {
            now,
            known_since: state.known_since,
            observed,
            size,
            is_fresh,
            memory: &state.memory,
            is_claimed_by_older: claimed,
            altered_status: state.altered_status.as_ref(),
            plan_of_policy,
            settings: &self.settings,
        }
    }

    /// The hash of the plan that the policy of a resource approves.
    pub(super) fn plan_of_policy(&self, observed: &ObservedTask) -> Option<String> {
        self.shared.policies.approved_plan(&observed.namespace, &observed.tie)
    }

    /// A resource is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.states.forget(uid);
        self.scheduler.leave(uid);
    }

    /// After a new list: what is not in it was deleted while nobody watched, and what is done holds nothing any more.
    pub(super) fn forget_all_without_work(&self) {
        let objects = self.caches.objects();
        let with_work = objects.iter().filter(|object| !object.is_done());
        let uids: HashSet<&str> = with_work.filter_map(|object| object.metadata.uid.as_deref()).collect();
        self.states.retain(|uid| uids.contains(uid));
        self.scheduler.retain(|uid| uids.contains(uid));
        self.liveness.retain(|reference| self.caches.get(reference).is_some());
    }
}
