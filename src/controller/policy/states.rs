//! What is kept of each policy between its reconciles.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::api::{AuditMitigationPolicyStatus, StoredPolicy};
use crate::controller::lock::lock;
use crate::core::policy::memory::PolicyMemory;

/// What is kept of one policy between its reconciles.
#[derive(Debug, Default)]
pub(super) struct PolicyState {
    /// What the service and the API server said.
    pub(super) memory: PolicyMemory,
    /// A status that the API server stores otherwise than it was written.
    pub(super) altered_status: Option<AuditMitigationPolicyStatus>,
    /// The policy as the last own write left it, until the watch cache has caught up.
    pub(super) latest: Option<Arc<StoredPolicy>>,
    /// How often in a row the API server failed.
    pub(super) errors: u32,
}

/// The states of all policies, by uid. A reconcile takes the state of its policy and puts it back at its end.
#[derive(Default)]
pub(super) struct PolicyStates(Mutex<HashMap<String, PolicyState>>);

impl PolicyStates {
    /// Takes the state of a policy out; a fresh one when nothing is kept of it.
    pub(super) fn take(&self, uid: &str) -> PolicyState {
        lock(&self.0).remove(uid).unwrap_or_default()
    }

    /// Keeps the state of a policy.
    pub(super) fn put(&self, uid: &str, state: PolicyState) {
        lock(&self.0).insert(uid.to_owned(), state);
    }

    /// A policy is gone.
    pub(super) fn forget(&self, uid: &str) {
        lock(&self.0).remove(uid);
    }

    /// All other policies are gone.
    pub(super) fn retain(&self, keep: impl Fn(&str) -> bool) {
        lock(&self.0).retain(|uid, _| keep(uid));
    }
}
