//! How many reconciles are at work at a time.
//!
//! Each that is at work holds a parsed resource and, whenever it asks the API server something, a connection: a thousand
//! resources at once would take a thousand of both. So the others wait in line, in one of two lanes, each with its own
//! slots and its own order: a deletion, an end or a free place in the queue waits for no crowd of newcomers, and newcomers
//! for no crowd of ends.
//!
//! The controller's `concurrency` in kube bounds them too, but has one line for all, and a reconcile that waits for a slow
//! AWS keeps its place in it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use kube::Resource;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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
            lanes: self.clone(),
        }
    }
}

/// A reconcile is at work as long as it has this.
pub(super) struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    lanes: Lanes,
}

impl Slot {
    /// Waits for something else than the API server, and lets others go on if that takes long. Then the slot is lost
    /// until it [rejoins](Self::rejoin).
    pub(super) async fn leave_if_slow<T>(&mut self, wait: impl Future<Output = T>) -> T {
        let mut wait = pin!(wait);
        if let Ok(done) = timeout(self.lanes.patience, &mut wait).await {
            return done;
        }
        self.permit = None;
        wait.await
    }

    /// Waits in line again, as one that is known, if the slot was left.
    pub(super) async fn rejoin(&mut self) {
        if self.permit.is_none() {
            *self = self.lanes.enter(&self.lanes.known).await;
        }
    }
}

/// The lines of the resources of one watch.
pub(super) struct Line<K: Resource<DynamicType = ()>> {
    lanes: Lanes,
    /// The slots of newcomers whose turn has come, until their reconcile begins.
    admitted: Mutex<HashMap<ObjectRef<K>, Slot>>,
}

impl<K: Resource<DynamicType = ()> + 'static> Line<K> {
    pub(super) fn new(lanes: Lanes) -> Self {
        Self {
            lanes,
            admitted: Mutex::default(),
        }
    }

    /// Lets those that are known pass, and newcomers one by one as their turns come. They wait here and not as reconciles
    /// that have begun: the controller asks each of those whenever one of them goes on.
    pub(super) fn hold_newcomers(
        self: Arc<Self>,
        triggers: impl Stream<Item = ObjectRef<K>> + Send + 'static,
        is_newcomer: impl Fn(&ObjectRef<K>) -> bool + Send + Sync + 'static,
    ) -> impl Stream<Item = ObjectRef<K>> + Send + 'static {
        let newcomers = Newcomers {
            line: self,
            is_newcomer,
            triggers: triggers.boxed(),
            waiting: HashSet::new(),
            order: VecDeque::new(),
        };
        stream::unfold(newcomers, |mut newcomers| async move {
            let next = newcomers.next().await?;
            Some((next, newcomers))
        })
    }

    /// The slot of a newcomer whose turn has come; any other waits for one.
    pub(super) async fn enter(&self, resource: &ObjectRef<K>) -> Slot {
        let admitted = lock(&self.admitted).remove(resource);
        match admitted {
            Some(slot) => slot,
            None => self.lanes.enter(&self.lanes.known).await,
        }
    }

    /// A resource was deleted before its reconcile began.
    pub(super) fn forget(&self, resource: &ObjectRef<K>) {
        lock(&self.admitted).remove(resource);
    }
}

/// The newcomers of one watch that wait.
struct Newcomers<K: Resource<DynamicType = ()>, F> {
    line: Arc<Line<K>>,
    is_newcomer: F,
    triggers: BoxStream<'static, ObjectRef<K>>,
    waiting: HashSet<ObjectRef<K>>,
    /// In their order, with some that wait no longer.
    order: VecDeque<ObjectRef<K>>,
}

impl<K: Resource<DynamicType = ()> + 'static, F: Fn(&ObjectRef<K>) -> bool> Newcomers<K, F> {
    /// The next that may be reconciled; none when no trigger comes any more.
    async fn next(&mut self) -> Option<ObjectRef<K>> {
        loop {
            tokio::select! {
                trigger = self.triggers.next() => {
                    let resource = trigger?;
                    if !(self.is_newcomer)(&resource) {
                        // It was deleted, for instance: it waits no longer.
                        self.waiting.remove(&resource);
                        return Some(resource);
                    }
                    if self.waiting.insert(resource.clone()) {
                        self.order.push_back(resource);
                    }
                }
                slot = self.line.lanes.enter(&self.line.lanes.newcomers), if !self.order.is_empty() => {
                    let first = self.order.pop_front().filter(|first| self.waiting.remove(first));
                    if let Some(resource) = first {
                        lock(&self.line.admitted).insert(resource.clone(), slot);
                        return Some(resource);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::channel::mpsc::{UnboundedSender, unbounded};
    use futures::future::join;
    use k8s_openapi::api::core::v1::ConfigMap;
    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    fn line(slots: usize) -> Arc<Line<ConfigMap>> {
        Arc::new(Line::new(Lanes::new(slots)))
    }

    fn named(name: &str) -> ObjectRef<ConfigMap> {
        ObjectRef::new(name)
    }

    /// A line with one slot, to which triggers come; those whose name begins with "new" are newcomers, until they are
    /// known.
    struct Watch {
        line: Arc<Line<ConfigMap>>,
        triggers: UnboundedSender<ObjectRef<ConfigMap>>,
        passed: BoxStream<'static, ObjectRef<ConfigMap>>,
        known: Arc<Mutex<Vec<String>>>,
    }

    impl Watch {
        fn new() -> Self {
            let (line, known) = (line(1), Arc::<Mutex<Vec<String>>>::default());
            let (triggers, triggered) = unbounded();
            let known_by_now = Arc::clone(&known);
            let is_newcomer = move |resource: &ObjectRef<ConfigMap>| {
                resource.name.starts_with("new") && !lock(&known_by_now).contains(&resource.name)
            };
            let passed = Arc::clone(&line).hold_newcomers(triggered, is_newcomer).boxed();
            Self {
                line,
                triggers,
                passed,
                known,
            }
        }

        fn trigger(&self, names: &[&str]) {
            for name in names {
                self.triggers.unbounded_send(named(name)).unwrap();
            }
        }

        /// Those that pass now.
        async fn passed(&mut self) -> Vec<String> {
            let mut passed = Vec::new();
            // The order in which it looks at triggers and slots is random.
            for _ in 0..32 {
                while let Some(next) = self.passed.next().now_or_never() {
                    passed.extend(next.map(|resource| resource.name));
                }
                yield_now().await;
            }
            passed
        }
    }

    #[tokio::test]
    async fn newcomers_wait_for_their_turns_and_nobody_for_them() {
        let mut watch = Watch::new();
        watch.trigger(&["new-1", "new-2", "known", "new-2", "new-3"]);
        let mut passed = watch.passed().await;
        passed.sort();
        assert_eq!(passed, ["known", "new-1"]);
        let first = watch.line.enter(&named("new-1")).await;
        let _known = watch.line.enter(&named("known")).now_or_never().unwrap();
        assert_eq!(watch.passed().await, [""; 0], "there is one slot");
        drop(first);
        assert_eq!(watch.passed().await, ["new-2"]);
        drop(watch.line.enter(&named("new-2")).await);
        assert_eq!(watch.passed().await, ["new-3"], "each has one turn");
    }

    #[tokio::test]
    async fn a_crowd_of_known_ones_holds_up_no_newcomer() {
        let mut watch = Watch::new();
        let _slot = watch.line.enter(&named("first")).await;
        assert!(watch.line.enter(&named("second")).now_or_never().is_none());
        watch.trigger(&["new"]);
        assert_eq!(watch.passed().await, ["new"]);
        assert!(watch.line.enter(&named("new")).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_newcomer_that_is_deleted_waits_for_no_crowd() {
        let mut watch = Watch::new();
        watch.trigger(&["new-1", "new-2"]);
        assert_eq!(watch.passed().await, ["new-1"]);
        lock(&watch.known).push("new-2".to_owned());
        watch.trigger(&["new-2"]);
        assert_eq!(watch.passed().await, ["new-2"]);
        drop(watch.line.enter(&named("new-1")).await);
        assert_eq!(watch.passed().await, [""; 0], "it has had its turn");
    }

    /// Otherwise its slot would be lost.
    #[tokio::test]
    async fn a_newcomer_that_is_gone_before_its_reconcile_gives_its_slot_back() {
        let mut watch = Watch::new();
        watch.trigger(&["new-1", "new-2"]);
        assert_eq!(watch.passed().await, ["new-1"]);
        watch.line.forget(&named("new-1"));
        assert_eq!(watch.passed().await, ["new-2"]);
    }

    #[tokio::test]
    async fn at_the_end_of_the_triggers_nobody_waits_any_more() {
        let mut watch = Watch::new();
        watch.trigger(&["new-1", "new-2"]);
        watch.passed().await;
        watch.triggers.close_channel();
        assert_eq!(timeout(PATIENCE * 60, watch.passed.next()).await, Ok(None));
    }

    #[tokio::test]
    async fn who_waits_long_for_something_else_gives_its_slot_to_the_next() {
        let mut lanes = Lanes::new(1);
        lanes.patience = Duration::ZERO;
        let line = Line::<ConfigMap>::new(lanes);
        let mut slot = line.enter(&named("first")).await;
        let (answer, answered) = oneshot::channel();
        let next = async {
            let next = line.enter(&named("next")).await;
            answer.send("late").unwrap();
            next
        };
        let (answer, next) = join(slot.leave_if_slow(answered), next).await;
        assert_eq!(answer, Ok("late"));
        assert!(slot.rejoin().now_or_never().is_none());
        drop(next);
        assert!(slot.rejoin().now_or_never().is_some());
        assert!(line.enter(&named("later")).now_or_never().is_none());
    }

    /// Otherwise each answer would let one more newcomer in, and what they have opened would pile up.
    #[tokio::test]
    async fn who_waits_a_moment_keeps_its_slot() {
        let line = line(1);
        let mut slot = line.enter(&named("first")).await;
        let next = named("next");
        let mut next = Box::pin(line.enter(&next));
        slot.leave_if_slow(async {
            assert!((&mut next).now_or_never().is_none());
            yield_now().await;
        })
        .await;
        assert!((&mut next).now_or_never().is_none());
        assert!(slot.rejoin().now_or_never().is_some());
    }
}
