//! The queue of each region: who holds a slot, who waits, who is next.
//!
//! The service runs at most ten tasks at a time for an account and region ("AWS IoT Device Defender quotas").
//! First come, first served by creation time, then uid. The state is a function of the resources: it is rebuilt
//! from them after a restart, and nothing of it is stored.
//!
//! Only the head of a queue is ever let in, when there is a slot and it has its turn to call Start
//! ([`super::limiter`]). Then the next is the head, and is called.
//!
//! An open attempt holds a slot from the beginning, for its task may run. But it may be sent again only while fewer
//! tasks than there are slots run or are let in, for it may not run, too: after a change of leader there can be more
//! open attempts than slots, one for each start that was refused before.

mod limit;
mod place;
mod region_queue;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;

pub use self::place::{Order, Place};
use self::region_queue::Capacity;
pub use self::region_queue::RegionQueue;
use crate::core::answer::{ErrorClass, Operation, StartAnswer};
use crate::core::rate_limiter::RateLimiter;
use crate::core::timing;

/// Whether a resource may start its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It holds a slot.
    Free,
    /// There is a slot for it, and its turn to call the service comes at about that time.
    Paced {
        /// So many are ahead of it.
        ahead: usize,
        /// When to ask again, if it isn't called before.
        until: Timestamp,
    },
    /// All slots are taken, and this many are ahead of it. An open attempt is not sent again yet.
    Behind(usize),
    /// The service has no slot although there is one here: somebody else uses it. Probed again then.
    LimitedUntil(Timestamp),
}

/// The queues of all regions of one account.
#[derive(Debug)]
pub struct Queue {
    slots: usize,
    lanes: BTreeMap<String, RegionQueue>,
    spots: HashMap<String, Entry>,
    called: Vec<String>,
}

/// Where a resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Waiting {
        region: String,
        order: Order,
    },
    /// It was let in, holds a slot, and Start was not answered yet.
    LetIn {
        region: String,
        task_id: String,
        order: Order,
    },
    /// It holds a slot, and its attempt was not let in again.
    Open {
        region: String,
        task_id: String,
        order: Order,
    },
    Holding {
        region: String,
        task_id: String,
    },
}

impl Entry {
    fn region(&self) -> &str {
        match self {
            Self::Waiting { region, .. }
            | Self::LetIn { region, .. }
            | Self::Open { region, .. }
            | Self::Holding { region, .. } => region,
        }
    }
}

impl Queue {
    /// Queues with this many slots for each region.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self {
            slots,
            lanes: BTreeMap::new(),
            spots: HashMap::new(),
            called: Vec::new(),
        }
    }

    /// Puts a resource into its place.
    pub fn set(&mut self, uid: &str, place: Place) {
        let spot = match place {
            Place::None => None,
            Place::Waiting { region, order } => Some(Entry::Waiting { region, order }),
            Place::Open { region, task_id, order } => Some(Entry::Open { region, task_id, order }),
            Place::Holding { region, task_id } => Some(Entry::Holding { region, task_id }),
        };
        self.put(uid, spot);
    }

    fn put(&mut self, uid: &str, spot: Option<Entry>) {
        let was = self.spots.remove(uid);
        if was != spot {
            if let Some(was) = &was {
                self.leave(uid, was);
            }
            if let Some(spot) = &spot {
                self.take(uid, spot);
            }
            for spot in was.iter().chain(&spot) {
                self.call(spot.region());
            }
        }
        if let Some(spot) = spot {
            self.spots.insert(uid.to_owned(), spot);
        }
    }

    fn leave(&mut self, uid: &str, spot: &Entry) {
        let Some(lane) = self.lanes.get_mut(spot.region()) else {
            return;
        };
        match spot {
            Entry::Waiting { order, .. } => lane.stop_waiting(order),
            Entry::LetIn { task_id, .. } | Entry::Holding { task_id, .. } => lane.free(task_id, uid),
            Entry::Open { task_id, order, .. } => {
                lane.settle(order);
                lane.free(task_id, uid);
            }
        }
    }

    fn take(&mut self, uid: &str, spot: &Entry) {
        let lane = self.lanes.entry(spot.region().to_owned()).or_default();
        match spot {
            Entry::Waiting { order, .. } => lane.wait(order.clone()),
            Entry::LetIn { task_id, .. } | Entry::Holding { task_id, .. } => lane.hold(task_id, uid),
            Entry::Open { task_id, order, .. } => {
                lane.hold(task_id, uid);
                lane.open(order.clone());
            }
        }
    }

    fn call(&mut self, region: &str) {
        if let Some(lane) = self.lanes.get_mut(region) {
            self.called.extend(lane.call(self.slots));
        }
    }

    /// Puts a resource into its place, and says whether it may start if it waits. One that may holds its slot from
    /// now on, until it is put elsewhere.
    pub fn enter(
        &mut self,
        uid: &str,
        place: Place,
        task_id: &str,
        limiter: &mut RateLimiter,
        now: Timestamp,
    ) -> Admission {
        let admission = match place {
            Place::Waiting { region, .. } if self.is_let_in(uid, &region, task_id) => Admission::Free,
            Place::Waiting { region, order } => {
                let spot = Entry::Waiting {
                    region: region.clone(),
                    order: order.clone(),
                };
                self.put(uid, Some(spot));
                let admission = self.admit(uid, &region, &order, limiter, now);
                if admission == Admission::Free {
                    let task_id = task_id.to_owned();
                    self.put(uid, Some(Entry::LetIn { region, task_id, order }));
                }
                admission
            }
            Place::Open { region, task_id, order } => self.enter_again(uid, &region, &task_id, &order),
            place => {
                self.set(uid, place);
                Admission::Free
            }
        };
        // It has its answer.
        self.called.retain(|called| called != uid);
        admission
    }

    /// An open attempt that may be sent again holds a slot like a task that runs.
    fn enter_again(&mut self, uid: &str, to: &str, task: &str, order: &Order) -> Admission {
        let (region, task_id) = (to.to_owned(), task.to_owned());
        let holds = self.spots.get(uid).is_some_and(|spot| match spot {
            Entry::LetIn { region, task_id, .. } | Entry::Holding { region, task_id } => {
                region == to && task_id == task
            }
            Entry::Waiting { .. } | Entry::Open { .. } => false,
        });
        if holds {
            self.put(uid, Some(Entry::Holding { region, task_id }));
            return Admission::Free;
        }
        let spot = Entry::Open {
            region: region.clone(),
            task_id: task_id.clone(),
            order: order.clone(),
        };
        self.put(uid, Some(spot));
        let lane = self.lanes.get(to);
        let (ahead, room) = lane.map_or((0, 0), |lane| {
            (lane.open_ahead_of(order), lane.room_for_open(self.slots))
        });
        if ahead >= room {
            return Admission::Behind(ahead);
        }
        self.put(uid, Some(Entry::Holding { region, task_id }));
        Admission::Free
    }

    fn is_let_in(&self, uid: &str, to: &str, task: &str) -> bool {
        self.spots
            .get(uid)
            .is_some_and(|spot| matches!(spot, Entry::LetIn { region, task_id, .. } if region == to && task_id == task))
    }

    fn admit(
        &mut self,
        uid: &str,
        region: &str,
        order: &Order,
        limiter: &mut RateLimiter,
        now: Timestamp,
    ) -> Admission {
        let Some(lane) = self.lanes.get_mut(region) else {
            return Admission::Behind(0);
        };
        let ahead = lane.ahead_of(order);
        match lane.room(self.slots) {
            Capacity::Slots(free) if ahead < free => {}
            // What lies further ahead than any wait was set by a clock that has been set back since.
            Capacity::Probe(until)
                if ahead == 0 && until > now && until <= timing::after(now, timing::MAX_PROBE_WAIT) =>
            {
                return Admission::LimitedUntil(until);
            }
            Capacity::Probe(_) if ahead == 0 => {}
            Capacity::Slots(_) | Capacity::Probe(_) | Capacity::None => return Admission::Behind(ahead),
        }
        if ahead > 0 {
            let until = about_when(ahead, limiter.rate(Operation::Start, region), now);
            return Admission::Paced { ahead, until };
        }
        match limiter.ask(uid, Operation::Start, region, now) {
            Ok(()) => {
                lane.let_in(uid, self.slots);
                Admission::Free
            }
            Err(until) => Admission::Paced { ahead, until },
        }
    }

    /// Whoever wanted to start can't go on for now: it holds nobody up.
    pub fn step_aside(&mut self, uid: &str) {
        if let Some(Entry::Waiting { .. } | Entry::LetIn { .. }) = self.spots.get(uid) {
            self.put(uid, None);
        }
    }

    /// The answer to a Start says something about the slots of its region.
    pub fn start_answered(&mut self, uid: &str, region: &str, answer: &StartAnswer, now: Timestamp) {
        let Some(lane) = self.lanes.get_mut(region) else {
            return;
        };
        match answer {
            StartAnswer::Success { .. } => lane.taken(uid, self.slots, now),
            StartAnswer::Failed(failure) if failure.class == ErrorClass::LimitExceeded => {
                lane.refused(uid, region, now);
                if let Some(Entry::LetIn { region, order, .. }) = self.spots.get(uid).cloned() {
                    self.put(uid, Some(Entry::Waiting { region, order }));
                }
            }
            StartAnswer::AlreadyExists | StartAnswer::InvalidRequest(_) | StartAnswer::Failed(_) => lane.not_told(uid),
        }
        self.call(region);
    }

    /// Forgets all resources but these.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let gone: Vec<String> = self.spots.keys().filter(|uid| !keep(uid)).cloned().collect();
        for uid in gone {
            self.set(&uid, Place::None);
        }
    }

    /// Who is to be woken: the heads whose turn has come since this was last asked.
    pub fn take_called(&mut self) -> Vec<String> {
        std::mem::take(&mut self.called)
    }

    /// The queue of each region that was ever used.
    pub fn lanes(&self) -> impl Iterator<Item = (&str, &RegionQueue)> {
        self.lanes.iter().map(|(region, lane)| (region.as_str(), lane))
    }
}

/// An estimate for those who aren't next. The next is called, so this is only for the case that the rate changes.
fn about_when(ahead: usize, rate: Option<f64>, now: Timestamp) -> Timestamp {
    let calls = f64::from(u32::try_from(ahead).unwrap_or(u32::MAX));
    let seconds = rate.map_or(0.0, |rate| calls / rate).max(1.0);
    timing::after(now, Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests;
