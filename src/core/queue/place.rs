//! What a resource means to the queue of its region.

use jiff::Timestamp;

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
    /// An attempt is open: it counts as running, and may be sent again before anything that waits is started.
    Open {
        /// The region.
        region: String,
        /// Two resources of one task hold one slot.
        task_id: String,
        /// Its place in the order.
        order: Order,
    },
    /// Its task is known to run.
    Holding {
        /// The region.
        region: String,
        /// Two resources of one task hold one slot.
        task_id: String,
    },
}

impl Place {
    /// Its place in the order of those who wait or whose attempt is open.
    pub(crate) const fn order(&self) -> Option<&Order> {
        match self {
            Self::Waiting { order, .. } | Self::Open { order, .. } => Some(order),
            Self::None | Self::Holding { .. } => None,
        }
    }
}

/// The namespaces take turns; within one it is first come, first served: by creation time, then uid.
// Compared in the order of the fields.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    /// `metadata.creationTimestamp`
    pub created: Timestamp,
    /// `metadata.uid`
    pub uid: String,
    /// `metadata.namespace`
    pub namespace: String,
}
