//! What the context hands to the [start scheduler](super::start_scheduler): the place of each resource, and the call
//! that a step makes or prepares.

use std::sync::Arc;
use std::time::Instant;

use kube::runtime::reflector::ObjectRef;

use super::cached::CachedTask;
use super::context::Context;
use super::start_scheduler::Placed;
use super::states::ResourceState;
use crate::api::StoredTask;
use crate::controller::clock::now;
use crate::core::answer::Operation;
use crate::core::queue::{Admission, Place};
use crate::core::task::observed::ObservedTask;
use crate::core::task::place::place;
use crate::core::task::stage::Stage;
use crate::core::task::status::phase::has_ended;
use crate::core::task::step::Step;
use crate::core::timing::Now;

impl Context {
    /// Waits until the queue is built from all resources.
    pub(super) async fn wait_until_queue_is_built(&self) {
        self.scheduler
            .wait_until_built(self.caches.all_listed(), || self.placed(&self.caches.objects()))
            .await;
    }

    /// A list brought these resources. Those that run hold their slots before any that waits is looked at.
    pub(super) fn enter_listed(&self, objects: &[Arc<CachedTask>]) {
        self.scheduler.enter_all(|| self.placed(objects));
    }

    /// The places of those resources that may have one.
    fn placed(&self, objects: &[Arc<CachedTask>]) -> Vec<Placed> {
        let now = now();
        // Most have ended: they hold no slot, and to parse them all takes long.
        let open = objects.iter().filter(|object| !object.phase.is_some_and(has_ended));
        open.filter_map(|object| {
            Some(Placed {
                uid: object.metadata.uid.clone().unwrap_or_default(),
                object: ObjectRef::from_obj(&**object),
                place: object.place(|observed, size| self.first_place(observed, size, now))?,
            })
        })
        .collect()
    }

    /// The place of a resource as far as the resource alone says it.
    pub(super) fn first_place(&self, observed: &ObservedTask, size: usize, now: Now) -> Place {
        let fresh = ResourceState::new(self.shared.leader_since);
        let plan = self.plan_of_policy(observed);
        let o = self.observe(observed, size, &fresh, false, plan.as_deref(), now);
        place(&o, &Stage::of(&o))
    }

    /// Puts a resource into its place in the queue.
    pub(super) fn enter_queue(
        &self,
        object: &StoredTask,
        observed: &ObservedTask,
        place: Place,
        now: Instant,
    ) -> Admission {
        let task_id = observed.desired.as_ref().map(|desired| desired.task_id.as_str());
        let object = CachedTask::reference(object);
        self.scheduler
            .enter(&observed.uid, &object, place, task_id.unwrap_or_default(), now)
    }

    /// Asks whether the call that a step makes or prepares may be made.
    ///
    /// # Errors
    /// When it may not be made yet: the time to come back.
    pub(super) fn reserve(&self, step: &Step, observed: &ObservedTask) -> Result<(), Instant> {
        call_ahead(step, observed).map_or(Ok(()), |(operation, region)| {
            self.scheduler.ask(&observed.uid, operation, region, Instant::now())
        })
    }

    /// A resource waits: the reservation that it waits for is kept, and those for calls that aren't to be made any more
    /// are not.
    pub(super) fn give_back_reservations(&self, uid: &str, admission: Admission) {
        if !matches!(admission, Admission::Paced { .. }) {
            return self.scheduler.give_back_all(uid);
        }
        for operation in Operation::ALL.iter().filter(|it| **it != Operation::Start) {
            self.scheduler.give_back(uid, *operation);
        }
    }
}

/// The call that a step makes, or is there to prepare. (The Lists wait one by one, as they are made.)
fn call_ahead<'a>(step: &'a Step, observed: &'a ObservedTask) -> Option<(Operation, &'a str)> {
    match step {
        Step::Start(record) | Step::WriteRecord { record, .. } => Some((Operation::Start, &record.region)),
        // The resource is read when its record is about to be sent.
        Step::Read => observed
            .record
            .as_ref()
            .map(|record| (Operation::Start, record.region.as_str())),
        Step::Describe(task) => Some((Operation::Describe, &task.region)),
        Step::Cancel(task) => Some((Operation::Cancel, &task.region)),
        Step::ReadForPlan { region, read } => Some((read.operation(), region)),
        Step::WriteStatus(_)
        | Step::AddFinalizer
        | Step::RemoveFinalizer { .. }
        | Step::ListFailedActions(_)
        | Step::Delete
        | Step::Wait(_) => None,
    }
}
