//! Who may call the service now, and who is woken because of it: the queue and the call limiter, and what they need of
//! the running process.

use std::collections::HashMap;
use std::sync::Mutex;

use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::OnceCell;

use super::cached::CachedTask;
use super::context::Context;
use super::lock::lock;
use crate::api::StoredTask;
use crate::core::answer::{Operation, StartAnswer};
use crate::core::queue::{Admission, Place, Queue, RegionQueue};
use crate::core::task::memory::Memory;
use crate::core::task::observed::ObservedTask;
use crate::core::task::place::place;
use crate::core::task::plan::Step;
use crate::core::task::status::phase::has_ended;

/// The queue, and whether it is complete.
pub(super) struct StartScheduler {
    line: Mutex<Line>,
    is_built: OnceCell<()>,
}

struct Line {
    queue: Queue,
    /// Those who wait in it, to wake them.
    waiting: HashMap<String, ObjectRef<CachedTask>>,
}

impl StartScheduler {
    pub(super) fn new(slots: usize) -> Self {
        Self {
            line: Mutex::new(Line {
                queue: Queue::new(slots),
                waiting: HashMap::new(),
            }),
            is_built: OnceCell::new(),
        }
    }
}

impl Line {
    /// Where to find a resource, for as long as it waits.
    fn note(&mut self, uid: &str, object: &StoredTask, place: &Place) {
        if let Place::Waiting { .. } | Place::Open { .. } = place {
            self.waiting
                .entry(uid.to_owned())
                .or_insert_with(|| CachedTask::reference(object));
        } else {
            self.waiting.remove(uid);
        }
    }
}

impl Context {
    /// The queue is rebuilt from all resources before the first of them may start anything.
    pub(super) async fn queue_is_built(&self) {
        self.scheduler
            .is_built
            .get_or_init(|| async {
                self.caches.all_listed().await;
                let (memory, now) = (Memory::default(), Timestamp::now());
                let mut line = lock(&self.scheduler.line);
                for object in self.caches.objects() {
                    // Most have ended: they hold no slot, and to parse them all takes long.
                    let Some(object) = object.open().filter(|_| !object.phase.is_some_and(has_ended)) else {
                        continue;
                    };
                    let observed = ObservedTask::parse(&object);
                    let place = place(&self.observe(&observed, &memory, false, Admission::Free, now));
                    line.note(&observed.uid, &object, &place);
                    line.queue.set(&observed.uid, place);
                }
                // Each of them is reconciled after this anyway.
                line.queue.take_called();
            })
            .await;
    }

    /// Puts a resource into its place in the queue, and wakes whoever may start because of it.
    pub(super) fn enter_queue(
        &self,
        object: &StoredTask,
        observed: &ObservedTask,
        memory: &Memory,
        now: Timestamp,
    ) -> Admission {
        let observation = self.observe(observed, memory, false, Admission::Free, now);
        let place = place(&observation);
        let task_id = observed
            .desired
            .as_ref()
            .map(|desired| desired.task_id.as_str())
            .unwrap_or_default();
        self.change_line(|line| {
            line.note(&observed.uid, object, &place);
            let mut limiter = self.service.pace().limiter();
            line.queue.enter(&observed.uid, place, task_id, &mut limiter, now)
        })
    }

    /// The answer to a Start says something about the slots of its region.
    pub(super) fn start_was_answered(&self, uid: &str, region: &str, answer: &StartAnswer) {
        self.change_line(|line| line.queue.start_answered(uid, region, answer, Timestamp::now()));
    }

    /// A resource can't go on for now: nobody waits for it.
    pub(super) fn step_aside(&self, uid: &str) {
        self.give_back_turn(uid);
        self.change_line(|line| line.queue.step_aside(uid));
    }

    /// A resource is gone.
    pub(super) fn leave_queue(&self, uid: &str) {
        self.give_back_turn(uid);
        self.change_line(|line| {
            line.waiting.remove(uid);
            line.queue.set(uid, Place::None);
        });
    }

    /// All other resources are gone.
    pub(super) fn keep_in_queue(&self, keep: impl Fn(&str) -> bool) {
        self.change_line(|line| {
            line.waiting.retain(|uid, _| keep(uid));
            line.queue.retain(&keep);
        });
    }

    /// What there is to see of the queue of each region.
    pub(super) fn lanes<T>(&self, view: impl Fn(&str, &RegionQueue) -> T) -> Vec<T> {
        let line = lock(&self.scheduler.line);
        line.queue.lanes().map(|(region, lane)| view(region, lane)).collect()
    }

    /// Changes the queue, and wakes whose turn has come with it: also when somebody who was ahead has stepped aside
    /// without ever holding a slot.
    fn change_line<R>(&self, change: impl FnOnce(&mut Line) -> R) -> R {
        let mut line = lock(&self.scheduler.line);
        let result = change(&mut line);
        for uid in line.queue.take_called() {
            let Some(object) = line.waiting.get(&uid) else { continue };
            self.caches.wake(object);
        }
        result
    }

    /// Asks for the turn to make the call that a step makes or prepares, so that nothing is read or written for a call
    /// that can't be made yet.
    ///
    /// # Errors
    /// When it isn't its turn yet: the time to come back.
    pub(super) fn ask_turn(&self, step: &Step, observed: &ObservedTask) -> Result<(), Timestamp> {
        let Some((operation, region)) = call_ahead(step, observed) else {
            return Ok(());
        };
        let mut limiter = self.service.pace().limiter();
        limiter.ask(&observed.uid, operation, region, Timestamp::now())
    }

    pub(super) fn spend_turn(&self, uid: &str) {
        self.service.pace().limiter().spend(uid);
    }

    pub(super) fn give_back_turn(&self, uid: &str) {
        self.service.pace().limiter().give_back(uid);
    }
}

/// The call that a step makes, or is there to prepare. (The Lists take their turns one by one, as they are made.)
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
        Step::WriteStatus(_)
        | Step::AddFinalizer
        | Step::RemoveFinalizer { .. }
        | Step::ListFailedActions(_)
        | Step::Delete
        | Step::Wait(_) => None,
    }
}
