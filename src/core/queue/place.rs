//! What a resource means to the queue of its region.

use jiff::Timestamp;

use crate::api::Phase;
use crate::core::decide::Situation;
use crate::core::memory::AttemptKnown;
use crate::core::observe::Observation;
use crate::core::stage::before_start;

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

/// What a resource means to the queue of its region.
#[must_use]
pub fn place(o: &Observation<'_>) -> Place {
    let holding = |region: &str, task_id: &str| Place::Holding {
        region: region.to_owned(),
        task_id: task_id.to_owned(),
    };
    let order = || Order {
        created: o.facts.created,
        uid: o.facts.uid.clone(),
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
        Situation::Open(AttemptKnown { record, .. }) => Place::Open {
            region: record.region,
            task_id: record.task_id,
            order: order(),
        },
        Situation::NotStarted(known) => {
            let wants = o.facts.deleting_since.is_none() && before_start::wants_a_slot(o, known.as_ref());
            match o.region().filter(|_| wants) {
                Some(region) => Place::Waiting {
                    region: region.to_owned(),
                    order: order(),
                },
                None => Place::None,
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
