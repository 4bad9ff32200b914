//! Who may call the service now, and who is woken because of it: the queue and the rate limiter, and what they need of
//! the running process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use kube::runtime::reflector::ObjectRef;
use tokio::sync::OnceCell;

use super::cached::CachedTask;
use crate::aws::Pace;
use crate::controller::lock::lock;
use crate::core::answer::{Operation, StartAnswer};
use crate::core::queue::{Admission, Place, Queue, RegionQueue};

/// A resource and what it means to the queue.
pub(super) struct Placed {
    pub(super) uid: String,
    pub(super) object: ObjectRef<CachedTask>,
    pub(super) place: Place,
}

/// Who may call the service now, and who is woken because of it.
pub(super) struct StartScheduler {
    state: Mutex<State>,
    pace: Pace,
    /// Has a resource reconciled.
    wake: Box<dyn Fn(ObjectRef<CachedTask>) + Send + Sync>,
    is_built: OnceCell<()>,
}

struct State {
    queue: Queue,
    /// By uid, those that may be woken.
    waiting: BTreeMap<String, ObjectRef<CachedTask>>,
    /// Whether all resources have their places.
    is_built: bool,
}

impl State {
    /// Puts those into their places that have none yet.
    fn enter_all(&mut self, resources: impl IntoIterator<Item = Placed>) {
        let mut places = Vec::new();
        for Placed { uid, object, place } in resources {
            if !self.queue.contains(&uid) {
                self.keep_reference(&uid, &object, &place);
                places.push((uid, place));
            }
        }
        self.queue.enter_all(places);
    }

    /// Keeps the reference of a resource for as long as it may have to be woken.
    fn keep_reference(&mut self, uid: &str, object: &ObjectRef<CachedTask>, place: &Place) {
        if let Place::Waiting { .. } | Place::Open { .. } = place {
            if !self.waiting.contains_key(uid) {
                self.waiting.insert(uid.to_owned(), object.clone());
            }
        } else {
            self.waiting.remove(uid);
        }
    }
}

impl StartScheduler {
    /// An empty queue with this many slots for each region. `wake` has a resource reconciled; it is called while the queue
    /// is locked, so it must not call back.
    pub(super) fn new(slots: usize, pace: Pace, wake: impl Fn(ObjectRef<CachedTask>) + Send + Sync + 'static) -> Self {
        let (queue, waiting) = (Queue::new(slots, Instant::now()), BTreeMap::new());
        Self {
            state: Mutex::new(State {
                queue,
                waiting,
                is_built: false,
            }),
            pace,
            wake: Box::new(wake),
            is_built: OnceCell::new(),
        }
    }

    /// Waits until the queue is built from all resources: none may start anything before. The first caller builds it,
    /// once all resources are `listed`; it wakes none, because each of them is reconciled after this anyway.
    pub(super) async fn wait_until_built<I: IntoIterator<Item = Placed>>(
        &self,
        listed: impl Future<Output = ()>,
        resources: impl FnOnce() -> I,
    ) {
        let build = async {
            listed.await;
            let mut state = self.lock();
            state.enter_all(resources());
            state.queue.take_wakeups();
            state.is_built = true;
        };
        self.is_built.get_or_init(|| build).await;
    }

    /// Puts all resources of a list into their places that have none yet; of the others more is known than a list says.
    /// Before the queue is built nothing is to be done: the list will be part of that.
    pub(super) fn enter_all<I: IntoIterator<Item = Placed>>(&self, resources: impl FnOnce() -> I) {
        self.change(|state| {
            if state.is_built {
                state.enter_all(resources());
            }
        });
    }

    /// Puts a resource into its place, and says whether it may start the task of this id.
    pub(super) fn enter(
        &self,
        uid: &str,
        object: &ObjectRef<CachedTask>,
        place: Place,
        task_id: &str,
        now: Instant,
    ) -> Admission {
        self.change(|state| {
            state.keep_reference(uid, object, &place);
            state.queue.enter(uid, place, task_id, &mut self.pace.limiter(), now)
        })
    }

    /// The answer to a Start says something about the slots of its region.
    pub(super) fn start_answered(&self, uid: &str, region: &str, answer: &StartAnswer, now: Instant) {
        self.change(|state| state.queue.start_answered(uid, region, answer, now));
    }

    /// A resource can't go on for now: it holds nobody up.
    pub(super) fn step_aside(&self, uid: &str) {
        self.give_back_all(uid);
        self.change(|state| state.queue.step_aside(uid));
    }

    /// A resource is gone.
    pub(super) fn leave(&self, uid: &str) {
        self.give_back_all(uid);
        self.change(|state| {
            state.waiting.remove(uid);
            state.queue.set(uid, Place::None);
        });
    }

    /// All other resources are gone.
    pub(super) fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.pace.limiter().retain(&keep);
        self.change(|state| {
            state.waiting.retain(|uid, _| keep(uid));
            state.queue.retain(&keep);
        });
    }

    /// What there is to see of the queue of each region.
    pub(super) fn regions<T>(&self, view: impl Fn(&str, &RegionQueue) -> T) -> Vec<T> {
        let state = self.lock();
        state
            .queue
            .regions()
            .map(|(region, queue)| view(region, queue))
            .collect()
    }

    /// Asks whether a resource may make a call, before anything is read or written for it.
    ///
    /// # Errors
    /// When it may not call yet: the time to come back.
    pub(super) fn ask(&self, uid: &str, operation: Operation, region: &str, now: Instant) -> Result<(), Instant> {
        self.pace.limiter().ask(uid, operation, region, now)
    }

    /// The resource makes the call that it had a reservation for.
    pub(super) fn spend(&self, uid: &str, operation: Operation) {
        self.pace.limiter().spend(uid, operation);
    }

    /// The resource doesn't make the call that it had a reservation for.
    pub(super) fn give_back(&self, uid: &str, operation: Operation) {
        self.pace.limiter().give_back(uid, operation);
    }

    /// The resource makes none of the calls that it had reservations for.
    pub(super) fn give_back_all(&self, uid: &str) {
        self.pace.limiter().give_back_all(uid);
    }

    /// Changes the queue, and wakes those that may be admitted because of it, also when somebody ahead has gone who
    /// never held a slot.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        for uid in state.queue.take_wakeups() {
            if let Some(object) = state.waiting.get(&uid) {
                (self.wake)(object.clone());
            }
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests;
