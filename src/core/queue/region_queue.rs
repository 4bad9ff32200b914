//! The queue of one region: the slots that are held, and the resources that wait for one.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Instant;

use jiff::Timestamp;

use super::Order;
use super::fair_queue::{FairQueue, Turn};
use super::limit::{Capacity, Limit};

/// The queue of one region.
#[derive(Debug, Default)]
pub struct RegionQueue {
    /// Task id → the resources that hold its slot: two of one task hold one.
    holders: HashMap<String, Holders>,
    /// How many of these tasks have an admitted holder.
    admitted: usize,
    /// The open attempts that are not admitted.
    pub(super) open: FairQueue,
    pub(super) waiting: FairQueue,
    limit: Option<Limit>,
    /// The head that was woken last.
    woken: Option<Wakeup>,
}

/// The uids of the resources that hold the slot of one task.
#[derive(Debug, Default)]
struct Holders {
    /// Their task is known to run, or their Start may be sent.
    admitted: BTreeSet<String>,
    /// Their attempt is open and not admitted: the task may run, or not.
    open: BTreeSet<String>,
}

/// Who is woken, and for what: a slot is used at once, a probe waits for its time.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wakeup {
    uid: String,
    is_for_slot: bool,
}

impl RegionQueue {
    pub(super) fn hold(&mut self, task_id: &str, uid: &str) {
        self.change_holders(task_id, |holders| holders.admitted.insert(uid.to_owned()));
    }

    pub(super) fn hold_open(&mut self, task_id: &str, order: Order) {
        self.change_holders(task_id, |holders| holders.open.insert(order.uid.clone()));
        self.open.insert(order);
    }

    /// The resource holds nothing of this task any more.
    pub(super) fn release(&mut self, task_id: &str, uid: &str) {
        self.change_holders(task_id, |holders| {
            holders.admitted.remove(uid) || holders.open.remove(uid)
        });
        self.end_probe_of(uid);
    }

    fn change_holders(&mut self, task_id: &str, change: impl FnOnce(&mut Holders) -> bool) {
        let holders = self.holders.entry(task_id.to_owned()).or_default();
        let was_admitted = !holders.admitted.is_empty();
        change(holders);
        let is_admitted = !holders.admitted.is_empty();
        if !is_admitted && holders.open.is_empty() {
            self.holders.remove(task_id);
        }
        self.admitted += usize::from(is_admitted);
        self.admitted -= usize::from(was_admitted);
    }

    /// How many open attempts may be sent again: none makes more tasks run than there are slots.
    pub(super) const fn capacity_for_open(&self, slots: usize) -> usize {
        slots.saturating_sub(self.admitted)
    }

    /// Who of those that wait may be admitted.
    pub(super) fn capacity(&self, slots: usize) -> Capacity {
        let held = self.holders.len();
        match (&self.limit, slots.saturating_sub(held)) {
            (_, 0) => Capacity::None,
            (None, free) => Capacity::Slots(free),
            (Some(limit), free) => limit.capacity(held, free),
        }
    }

    /// Admits the head of those that wait. Returns the turn that its namespace has used.
    pub(super) fn admit(&mut self, order: &Order, slots: usize) -> Turn {
        if let Capacity::Probe(_) = self.capacity(slots)
            && let Some(limit) = &mut self.limit
        {
            limit.begin_probe(&order.uid);
        }
        self.waiting.serve(order)
    }

    /// The service took the start of this resource.
    pub(super) fn start_succeeded(&mut self, uid: &str, slots: usize, now: Instant) {
        if let Some(limit) = self.limit.as_mut().filter(|limit| limit.is_probe(uid)) {
            limit.raise(now);
            self.limit = self.limit.take().filter(|limit| limit.ours < slots);
        }
    }

    /// The service had no slot for this resource: only as many as the others hold are this operator's. The seed tells
    /// the waits of one operator and region from those of another.
    pub(super) fn start_refused(&mut self, uid: &str, seed: impl Hash, now: Instant) {
        let held_by_others = |holders: &&Holders| holders.admitted.iter().chain(&holders.open).any(|it| it != uid);
        let ours = self.holders.values().filter(held_by_others).count();
        self.limit = Some(Limit::found(self.limit.take(), ours, uid, seed, now));
    }

    /// The start of this resource says nothing about slots, or is not made.
    pub(super) fn end_probe_of(&mut self, uid: &str) {
        if let Some(limit) = self.limit.as_mut().filter(|limit| limit.is_probe(uid)) {
            limit.end_probe();
        }
    }

    /// The head, if it may be admitted and was not woken for that yet.
    pub(super) fn wake(&mut self, slots: usize) -> Option<String> {
        let capacity = self.capacity(slots);
        let open = self.open.first().filter(|_| self.capacity_for_open(slots) > 0);
        let waiting = || self.waiting.first().filter(|_| capacity != Capacity::None);
        let is_for_slot = open.is_some() || matches!(capacity, Capacity::Slots(_));
        let wakeup = open.or_else(waiting).map(|order| Wakeup {
            uid: order.uid.clone(),
            is_for_slot,
        });
        let is_new = wakeup != self.woken;
        self.woken = wakeup;
        self.woken.as_ref().filter(|_| is_new).map(|wakeup| wakeup.uid.clone())
    }

    /// Whether no resource holds a slot or waits for one.
    pub(super) fn is_idle(&self) -> bool {
        self.holders.is_empty() && self.waiting.is_empty()
    }

    /// How many slots are held.
    pub(crate) fn in_use(&self) -> u64 {
        self.holders.len() as u64
    }

    /// How many resources wait.
    pub(crate) const fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// When the oldest resource that waits was created.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.waiting.oldest()
    }
}
