//! Whether a resource may start its task now.

use std::time::Instant;

use super::entry::Entry;
use super::limit::Capacity;
use super::{Order, Place, Queue};
use crate::core::answer::Operation;
use crate::core::rate_limiter::RateLimiter;

/// Whether a resource may start its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It holds a slot.
    Free,
    /// There is a slot for it, and the rate limiter allows its Start at about that time.
    Paced {
        /// So many of its namespace are ahead of it.
        ahead: usize,
        /// So many namespaces have resources that wait, its own among them.
        namespaces: usize,
        /// When to ask again, if it isn't woken before.
        until: Instant,
    },
    /// All slots are taken. An open attempt is not sent again yet.
    Behind {
        /// So many of its namespace are ahead of it.
        ahead: usize,
        /// So many namespaces have resources that wait (for an open attempt: open attempts), its own among them.
        namespaces: usize,
    },
    /// The service has no slot although there is one here: somebody else uses it. Probed again then.
    LimitedUntil(Instant),
}

impl Queue {
    /// Puts a resource into its place, and says whether it may start if it waits, or be sent again if its attempt is
    /// open. One that may holds its slot from now on, until it is put elsewhere. The task id is the one that it starts.
    pub fn enter(
        &mut self,
        uid: &str,
        place: Place,
        task_id: &str,
        limiter: &mut RateLimiter,
        now: Instant,
    ) -> Admission {
        let is_admitted = |entry: &Entry| entry.is_admitted_for(&place, task_id);
        let was_admitted = self.entries.get(uid).is_some_and(is_admitted);
        let admission = match place {
            Place::Waiting { .. } if was_admitted => Admission::Free,
            Place::Waiting { region, order } => {
                let (to, place) = (region.clone(), order.clone());
                self.put(
                    uid,
                    Some(Entry::Waiting {
                        region: to,
                        order: place,
                    }),
                );
                self.admit(region, task_id, order, limiter, now)
            }
            Place::Open { region, task_id, .. } if was_admitted => {
                self.put(uid, Some(Entry::Holding { region, task_id }));
                Admission::Free
            }
            Place::Open { region, task_id, order } => {
                let place = Place::Open {
                    region: region.clone(),
                    task_id: task_id.clone(),
                    order: order.clone(),
                };
                self.set(uid, place);
                self.admit_open(region, task_id, &order)
            }
            Place::None | Place::Holding { .. } => {
                self.set(uid, place);
                Admission::Free
            }
        };
        // It has its answer.
        self.wakeups.retain(|woken| woken != uid);
        admission
    }

    /// Admits a resource that waits, if it is the head, there is a slot, and the rate limiter allows a Start.
    fn admit(
        &mut self,
        region: String,
        task_id: &str,
        order: Order,
        limiter: &mut RateLimiter,
        now: Instant,
    ) -> Admission {
        let (slots, queue) = (self.slots, self.regions.entry(region.clone()).or_default());
        let ahead = queue.waiting.ahead_in_namespace(&order);
        let namespaces = queue.waiting.namespaces();
        let capacity = queue.capacity(slots);
        let free = match capacity {
            Capacity::Slots(free) => free,
            Capacity::Probe(_) => 1,
            Capacity::None => 0,
        };
        let Some(starts_ahead) = queue.waiting.ahead(&order, free) else {
            return Admission::Behind { ahead, namespaces };
        };
        if let Capacity::Probe(until) = capacity
            && until > now
        {
            return Admission::LimitedUntil(until);
        }
        let allowed = if starts_ahead == 0 {
            limiter.ask(&order.uid, Operation::Start, &region, now)
        } else {
            // The next is woken, so this is only for the case that the rate changes.
            Err(limiter.estimate(starts_ahead, Operation::Start, &region, now))
        };
        if let Err(until) = allowed {
            return Admission::Paced {
                ahead,
                namespaces,
                until,
            };
        }
        let turn = queue.admit(&order, slots);
        let (uid, task_id) = (order.uid.clone(), task_id.to_owned());
        let entry = Entry::Admitted {
            region,
            task_id,
            order,
            turn,
        };
        self.put(&uid, Some(entry));
        Admission::Free
    }

    /// Admits an open attempt, if it is one of as many as there are slots for. Then it is like a task that runs.
    fn admit_open(&mut self, region: String, task_id: String, order: &Order) -> Admission {
        let (slots, queue) = (self.slots, self.regions.entry(region.clone()).or_default());
        if queue.open.ahead(order, queue.capacity_for_open(slots)).is_none() {
            return Admission::Behind {
                ahead: queue.open.ahead_in_namespace(order),
                namespaces: queue.open.namespaces(),
            };
        }
        queue.open.serve(order);
        self.put(&order.uid, Some(Entry::Holding { region, task_id }));
        Admission::Free
    }
}
