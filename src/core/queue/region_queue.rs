//! The queue of one region.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;

use super::Order;
use super::limit::Limit;

/// The queue of one region.
#[derive(Debug, Default)]
pub struct RegionQueue {
    /// Task id → the uids of the resources that hold its slot.
    holders: HashMap<String, BTreeSet<String>>,
    /// Those of them whose attempt is open and was not let in again.
    // Unlike std's, it knows ranks.
    open: indexset::BTreeSet<Order>,
    open_uids: HashSet<String>,
    waiting: indexset::BTreeSet<Order>,
    limit: Option<Limit>,
    /// The head that was called last, and whether for a slot, which doesn't wait as a probe does.
    called: Option<(String, bool)>,
}

/// Who could be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capacity {
    /// Nobody.
    None,
    /// So many.
    Slots(usize),
    /// One, from this time on, to see whether the service has a slot.
    Probe(Timestamp),
}

impl RegionQueue {
    pub(super) fn wait(&mut self, order: Order) {
        self.waiting.insert(order);
    }

    pub(super) fn stop_waiting(&mut self, order: &Order) {
        self.waiting.remove(order);
    }

    pub(super) fn open(&mut self, order: Order) {
        self.open_uids.insert(order.uid.clone());
        self.open.insert(order);
    }

    pub(super) fn settle(&mut self, order: &Order) {
        self.open_uids.remove(&order.uid);
        self.open.remove(order);
    }

    pub(super) fn open_ahead_of(&self, order: &Order) -> usize {
        self.open.rank(order)
    }

    /// How many open attempts may be sent again: none makes more tasks run than there are slots.
    pub(super) fn room_for_open(&self, slots: usize) -> usize {
        let is_let_in = |uids: &&BTreeSet<String>| uids.iter().any(|uid| !self.open_uids.contains(uid));
        slots.saturating_sub(self.holders.values().filter(is_let_in).count())
    }

    pub(super) fn hold(&mut self, task_id: &str, uid: &str) {
        self.holders
            .entry(task_id.to_owned())
            .or_default()
            .insert(uid.to_owned());
    }

    pub(super) fn free(&mut self, task_id: &str, uid: &str) {
        let is_free = self.holders.get_mut(task_id).is_some_and(|uids| {
            uids.remove(uid);
            uids.is_empty()
        });
        if is_free {
            self.holders.remove(task_id);
        }
        self.not_told(uid);
    }

    pub(super) fn ahead_of(&self, order: &Order) -> usize {
        self.waiting.rank(order)
    }

    pub(super) fn room(&self, slots: usize) -> Capacity {
        let held = self.holders.len();
        match (&self.limit, slots.saturating_sub(held)) {
            (_, 0) => Capacity::None,
            (None, free) => Capacity::Slots(free),
            (Some(limit), free) => limit.room(held, free),
        }
    }

    /// The head is let in.
    pub(super) fn let_in(&mut self, uid: &str, slots: usize) {
        if let Capacity::Probe(_) = self.room(slots)
            && let Some(limit) = &mut self.limit
        {
            limit.probe = Some(uid.to_owned());
        }
    }

    /// The service took the start of this resource.
    pub(super) fn taken(&mut self, uid: &str, slots: usize, now: Timestamp) {
        if let Some(limit) = self.limit.as_mut().filter(|limit| limit.is_probe(uid)) {
            limit.raised(now);
            self.limit = self.limit.take().filter(|limit| limit.ours < slots);
        }
    }

    /// The service had no slot for this resource: only as many as the others hold are this operator's.
    pub(super) fn refused(&mut self, uid: &str, region: &str, now: Timestamp) {
        let others = |uids: &&BTreeSet<String>| uids.iter().any(|holder| holder != uid);
        let ours = self.holders.values().filter(others).count();
        self.limit = Some(Limit::found(self.limit.take(), ours, uid, region, now));
    }

    /// The start of this resource says nothing about slots, or is not made.
    pub(super) fn not_told(&mut self, uid: &str) {
        if let Some(limit) = self.limit.as_mut().filter(|limit| limit.is_probe(uid)) {
            limit.probe = None;
        }
    }

    /// The head, if it can be let in and was not called for that yet.
    pub(super) fn call(&mut self, slots: usize) -> Option<String> {
        let room = self.room(slots);
        let open = self.open.first().filter(|_| self.room_for_open(slots) > 0);
        let waiting = || self.waiting.first().filter(|_| room != Capacity::None);
        let is_for_a_slot = open.is_some() || matches!(room, Capacity::Slots(_));
        let call = open.or_else(waiting).map(|order| (order.uid.clone(), is_for_a_slot));
        let is_news = call != self.called;
        self.called = call;
        self.called.as_ref().filter(|_| is_news).map(|(uid, _)| uid.clone())
    }

    /// How many slots are held.
    #[must_use]
    pub fn in_use(&self) -> u64 {
        self.holders.len() as u64
    }

    /// How many resources wait.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// When the oldest resource that waits was created.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        self.waiting.first().map(|order| order.created)
    }
}
