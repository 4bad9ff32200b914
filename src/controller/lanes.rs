//! How many reconciles are at work at a time.
//!
//! Each that is at work holds a parsed resource and, whenever it asks the API server something, a connection: a thousand
//! resources at once would take a thousand of both. So the others wait in line, in one of two lanes, each with its own
//! slots and its own order: a deletion, an end or a free place in the queue waits for no crowd of newcomers, and newcomers
//! for no crowd of ends.
//!
//! The controller's `concurrency` in kube bounds them too, but has one line for all, and a reconcile that waits for a slow
//! AWS keeps its place in it.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kube::Resource;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::lock::lock;

/// How long a reconcile keeps its slot while it waits for something else than the API server. An answer of AWS comes
/// sooner as a rule: whoever gave up the slot for that would let a newcomer in, and the opened resources would pile up.
const PATIENCE: Duration = Duration::from_secs(1);

/// The slots of both lanes. Clones share them.
#[derive(Clone)]
pub(super) struct Lanes {
    newcomers: Arc<Semaphore>,
    known: Arc<Semaphore>,
    patience: Duration,
}

impl Lanes {
    /// So many slots in each lane.
    pub(super) fn new(slots: usize) -> Self {
        Self {
            newcomers: Arc::new(Semaphore::new(slots)),
            known: Arc::new(Semaphore::new(slots)),
            patience: PATIENCE,
        }
    }

    async fn enter(&self, lane: &Arc<Semaphore>) -> Slot {
        Slot {
            // Nobody closes it.
            permit: Arc::clone(lane).acquire_owned().await.ok(),
            known: Arc::clone(&self.known),
            patience: self.patience,
        }
    }
}

/// A reconcile is at work as long as it has this.
pub(super) struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    known: Arc<Semaphore>,
    patience: Duration,
}

impl Slot {
    /// Waits for something else than the API server, and lets others go on if that takes long. Then the slot is lost
    /// until it [rejoins](Self::rejoin).
    pub(super) async fn leave_if_slow<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let mut wait = pin!(wait);
        if let Ok(done) = timeout(self.patience, &mut wait).await {
            return done;
        }
        self.permit = None;
        wait.await
    }

    /// Waits in line again, as one that is known, if the slot was left.
    pub(super) async fn rejoin(&mut self) {
        if self.permit.is_none() {
            self.permit = Arc::clone(&self.known).acquire_owned().await.ok();
        }
    }
}

/// The line of the resources of one watch.
pub(super) struct Line<K: Resource<DynamicType = ()>> {
    lanes: Lanes,
    /// Who waits as a newcomer, to be told of it when that is over.
    newcomers: Mutex<HashMap<ObjectRef<K>, Arc<Notify>>>,
}

impl<K: Resource<DynamicType = ()>> Line<K> {
    pub(super) fn new(lanes: Lanes) -> Self {
        Self {
            lanes,
            newcomers: Mutex::default(),
        }
    }

    /// Waits for a slot.
    pub(super) async fn enter(&self, resource: &ObjectRef<K>, is_newcomer: bool) -> Slot {
        if !is_newcomer {
            return self.lanes.enter(&self.lanes.known).await;
        }
        let known = Arc::new(Notify::new());
        lock(&self.newcomers).insert(resource.clone(), Arc::clone(&known));
        let slot = tokio::select! {
            biased;
            slot = self.lanes.enter(&self.lanes.newcomers) => slot,
            () = known.notified() => self.lanes.enter(&self.lanes.known).await,
        };
        lock(&self.newcomers).remove(resource);
        slot
    }

    /// A resource that may wait as a newcomer is one no longer: it was deleted, for instance.
    pub(super) fn change_lane(&self, resource: &ObjectRef<K>) {
        if let Some(known) = lock(&self.newcomers).get(resource) {
            known.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::future::join;
    use k8s_openapi::api::core::v1::ConfigMap;
    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    fn line(slots: usize) -> Line<ConfigMap> {
        Line::new(Lanes::new(slots))
    }

    fn named(name: &str) -> ObjectRef<ConfigMap> {
        ObjectRef::new(name)
    }

    #[tokio::test]
    async fn a_crowd_in_one_lane_holds_up_nobody_in_the_other() {
        for crowd_is_new in [true, false] {
            let line = line(1);
            let _first = line.enter(&named("first"), crowd_is_new).await;
            let (next, other) = (named("next"), named("other"));
            assert!(line.enter(&next, crowd_is_new).now_or_never().is_none());
            assert!(line.enter(&other, !crowd_is_new).now_or_never().is_some());
        }
    }

    #[tokio::test]
    async fn who_came_first_goes_first() {
        let line = line(1);
        let slot = line.enter(&named("first"), true).await;
        let (second, third) = (named("second"), named("third"));
        let mut second = Box::pin(line.enter(&second, true));
        let mut third = Box::pin(line.enter(&third, true));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        drop(slot);
        assert!((&mut third).now_or_never().is_none());
        assert!((&mut second).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_newcomer_that_is_deleted_waits_for_no_crowd() {
        let line = line(1);
        let _slot = line.enter(&named("first"), true).await;
        let deleted = named("deleted");
        let mut waiting = Box::pin(line.enter(&deleted, true));
        assert!((&mut waiting).now_or_never().is_none());
        line.change_lane(&named("another"));
        assert!((&mut waiting).now_or_never().is_none());
        line.change_lane(&deleted);
        assert!((&mut waiting).now_or_never().is_some());
        assert!(lock(&line.newcomers).is_empty());
    }

    #[tokio::test]
    async fn who_waits_long_for_something_else_gives_its_slot_to_the_next() {
        let mut line = line(1);
        line.lanes.patience = Duration::ZERO;
        let mut slot = line.enter(&named("first"), false).await;
        let (answer, answered) = oneshot::channel();
        let next = async {
            let next = line.enter(&named("next"), false).await;
            answer.send("late").unwrap();
            next
        };
        let (answer, next) = join(slot.leave_if_slow(answered), next).await;
        assert_eq!(answer, Ok("late"));
        assert!(slot.rejoin().now_or_never().is_none());
        drop(next);
        assert!(slot.rejoin().now_or_never().is_some());
        assert!(line.enter(&named("later"), false).now_or_never().is_none());
    }

    /// Otherwise each answer would let one more newcomer in, and what they have opened would pile up.
    #[tokio::test]
    async fn who_waits_a_moment_keeps_its_slot() {
        let line = line(1);
        let mut slot = line.enter(&named("first"), true).await;
        let next = named("next");
        let mut next = Box::pin(line.enter(&next, true));
        slot.leave_if_slow(async {
            assert!((&mut next).now_or_never().is_none());
            yield_now().await;
        })
        .await;
        assert!((&mut next).now_or_never().is_none());
        assert!(slot.rejoin().now_or_never().is_some());
    }
}
