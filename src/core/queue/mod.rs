//! The queue of each region: who holds a slot, who waits, who is next.
//!
//! The service runs at most ten tasks at a time for an account and region ("AWS IoT Device Defender quotas"). The
//! namespaces take turns (`fair_queue`); within one it is first come, first served by creation time, then uid. The
//! state is a function of the resources: it is rebuilt from them after a restart, and nothing of it is stored.
//!
//! Only the head of a queue is admitted, when there is a slot for it and the rate limiter allows a Start
//! ([`super::rate_limiter`]). Then the next is the head, and is woken.
//!
//! An open attempt holds a slot from the beginning, for its task may run. But it may be sent again only while fewer
//! tasks than there are slots run or are admitted, for it may not run, too: after a change of leader there can be more
//! open attempts than slots, one for each start that was refused before.
//!
//! A region in which nothing is held and nobody waits has no queue. What was known of others who use its slots is
//! forgotten with it: the next start finds that out again, at the price of one refusal.

mod admission;
mod entry;
mod fair_queue;
mod limit;
mod place;
mod region_queue;

use std::collections::BTreeMap;
use std::time::Instant;

pub use self::admission::Admission;
use self::entry::Entry;
pub use self::place::{Order, Place};
pub use self::region_queue::RegionQueue;
use crate::core::answer::{ErrorClass, StartAnswer};

/// The queues of all regions of one account.
#[derive(Debug)]
pub struct Queue {
    slots: usize,
    began: Instant,
    regions: BTreeMap<String, RegionQueue>,
    /// By uid. A tree, which unlike a table gives back the room that a crowd took.
    entries: BTreeMap<String, Entry>,
    wakeups: Vec<String>,
}

impl Queue {
    /// Queues with this many slots for each region.
    pub fn new(slots: usize, now: Instant) -> Self {
        Self {
            slots,
            began: now,
            regions: BTreeMap::new(),
            entries: BTreeMap::new(),
            wakeups: Vec::new(),
        }
    }

    /// Puts many resources into their places at once: of the namespaces that have resources waiting, the one with the
    /// oldest is the first.
    pub fn enter_all(&mut self, places: impl IntoIterator<Item = (String, Place)>) {
        let mut places: Vec<_> = places.into_iter().collect();
        places.sort_by(|(_, one), (_, other)| one.order().cmp(&other.order()));
        for (uid, place) in places {
            self.set(&uid, place);
        }
    }

    /// Whether a resource has a place.
    pub fn contains(&self, uid: &str) -> bool {
        self.entries.contains_key(uid)
    }

    /// Puts a resource into its place.
    pub fn set(&mut self, uid: &str, place: Place) {
        self.put(uid, Entry::of(place));
    }

    fn put(&mut self, uid: &str, entry: Option<Entry>) {
        let before = self.entries.remove(uid);
        if before != entry {
            if let Some(before) = &before {
                self.take_out(uid, before);
            }
            if let Some(entry) = &entry {
                self.put_in(uid, entry);
            }
            for entry in before.iter().chain(&entry) {
                self.wake(entry.region());
            }
        }
        if let Some(entry) = entry {
            self.entries.insert(uid.to_owned(), entry);
        }
    }

    fn take_out(&mut self, uid: &str, entry: &Entry) {
        let Some(queue) = self.regions.get_mut(entry.region()) else {
            return;
        };
        match entry {
            Entry::Waiting { order, .. } => queue.waiting.remove(order),
            Entry::Admitted { task_id, .. } | Entry::Holding { task_id, .. } => queue.release(task_id, uid),
            Entry::Open { task_id, order, .. } => {
                queue.open.remove(order);
                queue.release(task_id, uid);
            }
        }
    }

    fn put_in(&mut self, uid: &str, entry: &Entry) {
        let queue = self.regions.entry(entry.region().to_owned()).or_default();
        match entry {
            Entry::Waiting { order, .. } => queue.waiting.insert(order.clone()),
            Entry::Admitted { task_id, .. } | Entry::Holding { task_id, .. } => queue.hold(task_id, uid),
            Entry::Open { task_id, order, .. } => queue.hold_open(task_id, order.clone()),
        }
    }

    /// Wakes the head of a region's queue, if it may be admitted. A region that nobody uses any more is forgotten.
    fn wake(&mut self, region: &str) {
        if let Some(queue) = self.regions.get_mut(region) {
            self.wakeups.extend(queue.wake(self.slots));
            if queue.is_idle() {
                self.regions.remove(region);
            }
        }
    }

    /// Whoever wanted to start can't go on for now: it holds nobody up.
    pub fn step_aside(&mut self, uid: &str) {
        if let Some(Entry::Waiting { .. } | Entry::Admitted { .. }) = self.entries.get(uid) {
            self.put(uid, None);
        }
    }

    /// The answer to a Start says something about the slots of its region.
    pub fn start_answered(&mut self, uid: &str, region: &str, answer: &StartAnswer, now: Instant) {
        let Some(queue) = self.regions.get_mut(region) else {
            return;
        };
        match answer {
            StartAnswer::Success { .. } => queue.start_succeeded(uid, self.slots, now),
            StartAnswer::Failed(failure) if failure.class == ErrorClass::LimitExceeded => {
                // It differs from region to region and from time to time, and needs no random source.
                let seed = (region, now.saturating_duration_since(self.began));
                queue.start_refused(uid, seed, now);
                self.return_to_queue(uid, region);
            }
            StartAnswer::AlreadyExists | StartAnswer::InvalidRequest(_) | StartAnswer::Failed(_) => {
                queue.end_probe_of(uid);
            }
        }
        self.wake(region);
    }

    /// An admitted resource waits again, at the place that it had.
    fn return_to_queue(&mut self, uid: &str, to: &str) {
        if let Some(entry) = self.entries.get_mut(uid)
            && let Entry::Admitted {
                region,
                task_id,
                order,
                turn,
            } = entry
            && region == to
            && let Some(queue) = self.regions.get_mut(to)
        {
            queue.release(task_id, uid);
            queue.waiting.put_back(order.clone(), *turn);
            *entry = Entry::Waiting {
                region: to.to_owned(),
                order: order.clone(),
            };
        }
    }

    /// Forgets all resources but these.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let gone: Vec<String> = self.entries.keys().filter(|uid| !keep(uid)).cloned().collect();
        for uid in gone {
            self.set(&uid, Place::None);
        }
    }

    /// The uids of those that are to be woken: the heads that may be admitted since this was last called.
    pub fn take_wakeups(&mut self) -> Vec<String> {
        std::mem::take(&mut self.wakeups)
    }

    /// The queue of each region that has one.
    pub fn regions(&self) -> impl Iterator<Item = (&str, &RegionQueue)> {
        self.regions.iter().map(|(region, queue)| (region.as_str(), queue))
    }
}

#[cfg(test)]
mod tests;
