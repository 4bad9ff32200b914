//! What all reconciles of policies share.

use std::sync::Arc;

use kube::runtime::reflector::ObjectRef;

use super::caches::PolicyCaches;
use super::pollers::Pollers;
use super::states::PolicyStates;
use crate::api::StoredPolicy;
use crate::controller::liveness::Liveness;
use crate::controller::shared::Shared;
use crate::controller::task::TaskCaches;
use crate::core::policy::observed::ObservedPolicy;

/// What all reconciles of policies share.
pub(super) struct Context {
    /// What is the same for all kinds of resources.
    pub(super) shared: Arc<Shared>,
    /// The region of policies that name none.
    pub(super) default_region: Option<String>,
    /// What is kept of each policy between its reconciles.
    pub(super) states: PolicyStates,
    /// What the watches of policies have seen.
    pub(super) caches: PolicyCaches,
    /// What the watches of tasks have seen.
    pub(super) tasks: Arc<TaskCaches>,
    /// Who looks for audits.
    pub(super) pollers: Pollers,
    /// Whether due work is done.
    pub(super) liveness: Liveness<ObjectRef<StoredPolicy>>,
}

impl Context {
    /// The region of a policy's audits.
    pub(super) fn region_of(&self, policy: &ObservedPolicy) -> Option<String> {
        let desired = policy.desired.as_ref().ok()?;
        desired.region.clone().or_else(|| self.default_region.clone())
    }
}
