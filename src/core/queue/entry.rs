//! Where the queue has a resource.

use super::fair_queue::Turn;
use super::{Order, Place};

/// Where the queue has a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Waiting {
        region: String,
        order: Order,
    },
    /// It was admitted and holds a slot, and Start was not answered yet.
    Admitted {
        region: String,
        task_id: String,
        order: Order,
        /// What its namespace has used for it.
        turn: Turn,
    },
    /// It holds a slot, and its attempt was not admitted again.
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
    pub(super) fn of(place: Place) -> Option<Self> {
        Some(match place {
            Place::None => return None,
            Place::Waiting { region, order } => Self::Waiting { region, order },
            Place::Open { region, task_id, order } => Self::Open { region, task_id, order },
            Place::Holding { region, task_id } => Self::Holding { region, task_id },
        })
    }

    pub(super) fn region(&self) -> &str {
        match self {
            Self::Waiting { region, .. }
            | Self::Admitted { region, .. }
            | Self::Open { region, .. }
            | Self::Holding { region, .. } => region,
        }
    }

    /// Whether it was admitted for this place, and so needs not be admitted again.
    pub(super) fn is_admitted_for(&self, place: &Place, task_id: &str) -> bool {
        match (self, place) {
            (
                Self::Admitted {
                    region, task_id: task, ..
                },
                Place::Waiting { region: to, .. },
            ) => region == to && task == task_id,
            (
                Self::Admitted { region, task_id, .. } | Self::Holding { region, task_id },
                Place::Open {
                    region: to,
                    task_id: task,
                    ..
                },
            ) => region == to && task_id == task,
            _ => false,
        }
    }
}
