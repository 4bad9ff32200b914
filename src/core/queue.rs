//! The queue of each region: who holds a slot, who waits, who is next.
//!
//! The service runs at most ten tasks at a time for an account and region ("AWS IoT Device Defender quotas").
//! First come, first served by creation time, then uid. The state is a function of the resources: it is rebuilt
//! from them after a restart, and nothing of it is stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::decide::Situation;
use super::observe::Observation;
use super::stage::before_start;
use super::timing;
use crate::api::Phase;

/// Whether a resource may start its task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It holds a slot.
    Free,
    /// All slots are taken, or this many are ahead of it.
    Behind(usize),
    /// The service has no slot although there is one here: somebody else uses it. Probed again then.
    LimitedUntil(Timestamp),
}

/// What a resource means to the queue of its region.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Place {
    /// Nothing: not started yet and held back by itself, or ended.
    #[default]
    None,
    /// It waits for a slot.
    Waiting {
        /// The region.
        region: String,
        /// Its place in the order.
        order: Order,
    },
    /// Its task is known to run, or an attempt is open.
    Holding {
        /// The region.
        region: String,
        /// Two resources of one task hold one slot.
        task_id: String,
    },
}

/// What a resource means to the queue of its region.
#[must_use]
pub fn place(o: &Observation<'_>) -> Place {
    let holding = |region: &str, task_id: &str| Place::Holding {
        region: region.to_owned(),
        task_id: task_id.to_owned(),
    };
    match Situation::of(o) {
        Situation::Finished(_) | Situation::Copied(_) | Situation::AlreadyExists(_) => Place::None,
        Situation::Following(identity) => {
            let heard = o
                .memory
                .heard_of(&identity.task_id)
                .and_then(|heard| heard.task.as_ref());
            let runs = heard.map_or(o.facts.phase() != Some(Phase::Unknown), |task| !task.state.is_ended());
            if runs {
                holding(&identity.region, &identity.task_id)
            } else {
                Place::None
            }
        }
        Situation::Open(known) => holding(&known.record.region, &known.record.task_id),
        Situation::NotStarted(known) => {
            let wants = o.facts.deleting_since.is_none() && before_start::wants_a_slot(o, known.as_ref());
            match (wants, known, o.region()) {
                // The record stands, and the request is about to be sent.
                (true, Some(known), _) if known.answer.is_none() && !known.unanswered => {
                    holding(&known.record.region, &known.record.task_id)
                }
                (true, _, Some(region)) => Place::Waiting {
                    region: region.to_owned(),
                    order: Order {
                        created: o.facts.created,
                        uid: o.facts.uid.clone(),
                    },
                },
                _ => Place::None,
            }
        }
    }
}

/// First come, first served.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// `metadata.creationTimestamp`
    pub created: Timestamp,
    /// `metadata.uid`
    pub uid: String,
}

/// The queues of all regions of one account.
#[derive(Debug)]
pub struct Queue {
    slots: usize,
    lanes: BTreeMap<String, Lane>,
    places: HashMap<String, Place>,
}

/// The queue of one region.
#[derive(Debug, Default)]
pub struct Lane {
    /// Task id → the uids of the resources that hold its slot.
    holders: HashMap<String, BTreeSet<String>>,
    waiting: BTreeSet<Order>,
    limit: Option<Limit>,
}

/// The service said LimitExceeded.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Limit {
    count: u32,
    until: Timestamp,
    /// Who tries next: until its answer comes, nobody else does.
    probe: Option<String>,
}

impl Lane {
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

impl Queue {
    /// Queues with this many slots for each region.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        Self {
            slots,
            lanes: BTreeMap::new(),
            places: HashMap::new(),
        }
    }

    /// The queue of each region that was ever used.
    pub fn lanes(&self) -> impl Iterator<Item = (&str, &Lane)> {
        self.lanes.iter().map(|(region, lane)| (region.as_str(), lane))
    }

    /// Puts a resource into its place.
    pub fn set(&mut self, uid: &str, place: Place) {
        if self.places.get(uid).unwrap_or(&Place::None) == &place {
            return;
        }
        self.leave(uid, &place);
        match &place {
            Place::None => return,
            Place::Waiting { region, order } => {
                self.lanes
                    .entry(region.clone())
                    .or_default()
                    .waiting
                    .insert(order.clone());
            }
            Place::Holding { region, task_id } => {
                let lane = self.lanes.entry(region.clone()).or_default();
                lane.holders.entry(task_id.clone()).or_default().insert(uid.to_owned());
            }
        }
        self.places.insert(uid.to_owned(), place);
    }

    fn leave(&mut self, uid: &str, next: &Place) {
        match self.places.remove(uid) {
            None | Some(Place::None) => {}
            Some(Place::Waiting { region, order }) => {
                if let Some(lane) = self.lanes.get_mut(&region) {
                    lane.waiting.remove(&order);
                }
            }
            Some(Place::Holding { region, task_id }) => {
                let Some(lane) = self.lanes.get_mut(&region) else {
                    return;
                };
                let is_free = lane.holders.get_mut(&task_id).is_some_and(|uids| {
                    uids.remove(uid);
                    uids.is_empty()
                });
                if is_free {
                    lane.holders.remove(&task_id);
                    if let Some(limit) = lane.limit.as_mut().filter(|_| *next == Place::None) {
                        // A slot of the service's may be free again: no reason to wait with the next probe.
                        limit.until = Timestamp::MIN;
                    }
                }
            }
        }
    }

    /// Puts a resource into its place, and says whether it may start if it waits. One that may holds its slot from
    /// now on, until it is put elsewhere.
    pub fn enter(&mut self, uid: &str, place: Place, task_id: &str, now: Timestamp) -> Admission {
        let waits = matches!(place, Place::Waiting { .. });
        self.set(uid, place);
        if waits {
            self.admit(uid, task_id, now)
        } else {
            Admission::Free
        }
    }

    fn admit(&mut self, uid: &str, task_id: &str, now: Timestamp) -> Admission {
        let (region, order) = match self.places.get(uid) {
            Some(Place::Waiting { region, order }) => (region.clone(), order.clone()),
            Some(Place::Holding { .. }) => return Admission::Free,
            Some(Place::None) | None => return Admission::Behind(0),
        };
        let Some(lane) = self.lanes.get_mut(&region) else {
            return Admission::Behind(0);
        };
        let ahead = lane.waiting.range(..&order).count();
        let free = self.slots.saturating_sub(lane.holders.len());
        if ahead >= free {
            return Admission::Behind(ahead);
        }
        match &mut lane.limit {
            Some(limit) if limit.probe.as_deref() == Some(uid) => {}
            Some(_) if ahead > 0 => return Admission::Behind(ahead),
            Some(limit) if limit.until > now => return Admission::LimitedUntil(limit.until),
            Some(limit) => {
                // Should the answer never come, the next may try after as long a wait.
                limit.until = timing::probe_at(now, limit.count, &region);
                limit.probe = Some(uid.to_owned());
            }
            None => {}
        }
        self.set(
            uid,
            Place::Holding {
                region,
                task_id: task_id.to_owned(),
            },
        );
        Admission::Free
    }

    /// The service said LimitExceeded: from now on one probe at a time, with growing waits.
    pub fn limited(&mut self, region: &str, now: Timestamp) {
        let lane = self.lanes.entry(region.to_owned()).or_default();
        let count = lane.limit.as_ref().map_or(1, |limit| limit.count.saturating_add(1));
        lane.limit = Some(Limit {
            count,
            until: timing::probe_at(now, count, region),
            probe: None,
        });
    }

    /// A start was taken: the pace comes back.
    pub fn started(&mut self, region: &str) {
        if let Some(lane) = self.lanes.get_mut(region) {
            lane.limit = None;
        }
    }

    /// How many slots are held in all regions.
    #[cfg(test)]
    pub(super) fn holders(&self) -> usize {
        self.lanes.values().map(|lane| lane.holders.len()).sum()
    }

    /// Forgets all resources but these.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let gone: Vec<String> = self.places.keys().filter(|uid| !keep(uid)).cloned().collect();
        for uid in gone {
            self.set(&uid, Place::None);
        }
    }

    /// Who may start now, in order: to be woken.
    #[must_use]
    pub fn next(&self) -> Vec<String> {
        self.lanes
            .values()
            .flat_map(|lane| {
                let free = self.slots.saturating_sub(lane.holders.len());
                let probes = if lane.limit.is_some() { 1 } else { free };
                lane.waiting
                    .iter()
                    .take(free.min(probes))
                    .map(|order| order.uid.clone())
            })
            .collect()
    }
}
