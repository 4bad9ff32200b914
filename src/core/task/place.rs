//! The place of a task's resource in the queue of its region.

use super::decide::Stage;
use super::memory::AttemptKnown;
use super::observation::Observation;
use super::stages::before_start;
use crate::api::Phase;
use crate::core::queue::{Order, Place};

/// What a resource means to the queue of its region.
#[must_use]
pub fn place(o: &Observation<'_>) -> Place {
    let holding = |region: &str, task_id: &str| Place::Holding {
        region: region.to_owned(),
        task_id: task_id.to_owned(),
    };
    let order = || Order {
        created: o.observed.created,
        uid: o.observed.uid.clone(),
        namespace: o.observed.namespace.clone(),
    };
    match Stage::of(o) {
        Stage::Finished(_) | Stage::Copied(_) | Stage::AlreadyExists(_) => Place::None,
        Stage::Following(identity) => {
            let heard = o
                .memory
                .heard_of(&identity.task_id)
                .and_then(|heard| heard.task.as_ref());
            let runs = heard.map_or(o.observed.phase() != Some(Phase::Unknown), |task| {
                !task.state.is_ended()
            });
            if runs {
                holding(&identity.region, &identity.task_id)
            } else {
                Place::None
            }
        }
        Stage::Open(AttemptKnown { record, .. }) => Place::Open {
            region: record.region,
            task_id: record.task_id,
            order: order(),
        },
        Stage::NotStarted(known) => {
            let wants = o.observed.deleting_since.is_none() && before_start::wants_a_slot(o, known.as_ref());
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
