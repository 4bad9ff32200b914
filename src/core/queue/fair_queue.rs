//! Resources in the order in which they are served: round robin over their namespaces, first come first served within
//! one.
//!
//! A namespace that gets its first resource goes to the end of the round, and so does one that was just served. So each
//! is served after at most as many others as had resources when it went there, however many resources they have.
//!
//! The crate `fairqueue` interleaves groups, too, but can neither say how many are ahead of one nor take one out of the
//! middle.

use std::collections::{BTreeMap, HashMap};

use indexset::BTreeSet;
use jiff::Timestamp;

use super::Order;

/// A set of `indexset` allocates room for so many at once. Its own default, 1024, would be 70 kB for each namespace that
/// has one resource.
const NODE_SIZE: usize = 64;

/// When a namespace is served: the lower, the earlier. No two have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Turn(u64);

#[derive(Clone, Debug)]
struct Namespace {
    turn: Turn,
    resources: BTreeSet<Order>,
}

/// Resources in the order in which they are served.
#[derive(Clone, Debug, Default)]
pub(super) struct FairQueue {
    /// Those that have resources here, by name.
    namespaces: HashMap<String, Namespace>,
    /// Their names, in the order in which they are served.
    round: BTreeMap<Turn, String>,
    /// The turn that no namespace has had yet.
    next_turn: Turn,
    len: usize,
}

impl FairQueue {
    pub(super) fn insert(&mut self, order: Order) {
        if !self.namespaces.contains_key(&order.namespace) {
            let turn = self.issue_turn();
            self.round.insert(turn, order.namespace.clone());
            let resources = BTreeSet::with_maximum_node_size(NODE_SIZE);
            self.namespaces
                .insert(order.namespace.clone(), Namespace { turn, resources });
        }
        if let Some(namespace) = self.namespaces.get_mut(&order.namespace) {
            self.len += usize::from(namespace.resources.insert(order));
        }
    }

    /// Takes out a resource that is not served: its namespace keeps its turn for the others.
    pub(super) fn remove(&mut self, order: &Order) {
        let Some(namespace) = self.namespaces.get_mut(&order.namespace) else {
            return;
        };
        self.len -= usize::from(namespace.resources.remove(order));
        if namespace.resources.is_empty() {
            self.round.remove(&namespace.turn);
            self.namespaces.remove(&order.namespace);
        }
    }

    /// Takes out a resource that is served, and puts its namespace to the end of the round. Returns the turn that was
    /// used.
    pub(super) fn serve(&mut self, order: &Order) -> Turn {
        let end = self.issue_turn();
        let used = self.move_to(&order.namespace, end).unwrap_or(end);
        self.remove(order);
        used
    }

    /// Undoes that: the resource waits again, and its namespace has the turn that it used.
    pub(super) fn put_back(&mut self, order: Order, used: Turn) {
        let namespace = order.namespace.clone();
        self.insert(order);
        if self.namespaces.get(&namespace).is_some_and(|it| used < it.turn) {
            self.move_to(&namespace, used);
        }
    }

    fn move_to(&mut self, name: &str, turn: Turn) -> Option<Turn> {
        let namespace = self.namespaces.get_mut(name)?;
        let before = std::mem::replace(&mut namespace.turn, turn);
        let name = self.round.remove(&before)?;
        self.round.insert(turn, name);
        Some(before)
    }

    fn issue_turn(&mut self) -> Turn {
        let turn = self.next_turn;
        self.next_turn = Turn(turn.0.saturating_add(1));
        turn
    }

    /// The next to be served.
    pub(super) fn first(&self) -> Option<&Order> {
        let (_, name) = self.round.first_key_value()?;
        self.namespaces.get(name)?.resources.first()
    }

    /// How many of its namespace are served before a resource.
    pub(super) fn ahead_in_namespace(&self, order: &Order) -> usize {
        self.namespaces
            .get(&order.namespace)
            .map_or(0, |namespace| namespace.resources.rank(order))
    }

    /// How many of all namespaces are served before a resource, if that is less than `limit`. It takes as many steps as
    /// the answer is large, and no more than `limit`.
    pub(super) fn ahead(&self, order: &Order, limit: usize) -> Option<usize> {
        let own = self.namespaces.get(&order.namespace)?;
        let mut ahead = own.resources.rank(order);
        let rounds = ahead;
        for (turn, name) in &self.round {
            if ahead >= limit || (*turn > own.turn && rounds == 0) {
                break;
            }
            if *turn == own.turn {
                continue;
            }
            // A namespace before the own one is served once more until the own one has its last turn.
            let turns = rounds + usize::from(*turn < own.turn);
            let resources = self.namespaces.get(name).map_or(0, |it| it.resources.len());
            ahead += resources.min(turns);
        }
        (ahead < limit).then_some(ahead)
    }

    /// How many namespaces have resources here.
    pub(super) fn namespaces(&self) -> usize {
        self.namespaces.len()
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// When the oldest of all was created.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let oldest = self.namespaces.values().filter_map(|it| it.resources.first());
        oldest.map(|order| order.created).min()
    }
}
