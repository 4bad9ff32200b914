//! The names that `pass.rs` and `start_scheduler.rs` know, until they are merged: this file goes with their change.

use std::ops::Deref;

use super::cached::CachedTask;
use super::context::Context;
use crate::api::StoredTask;
use crate::controller::events::EventWriter;
use crate::controller::shared::Shared;
use crate::core::task::events::EventDraft;
use crate::core::task::observed::ObservedTask;
use kube::Resource as _;
use kube::runtime::reflector::ObjectRef;

impl Deref for Context {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl Context {
    pub(super) fn is_touched(&self, resource: &ObjectRef<CachedTask>) {
        self.liveness.mark_touched(resource);
    }

    pub(super) fn is_claimed_by_older(&self, observed: &ObservedTask, region: &str, task_id: &str) -> bool {
        self.caches
            .claimed_by_older(&observed.uid, observed.created, region, task_id)
    }
}

impl EventWriter {
    pub(super) fn tell(&self, object: &StoredTask, draft: EventDraft) {
        self.publish(object.object_ref(&()), draft);
    }
}
