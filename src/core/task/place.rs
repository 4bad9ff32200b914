//! The place of a resource in the queue of its region, by its stage.

use super::observation::Observation;
use super::stage::Stage;
use super::stages::not_started;
use crate::api::Phase;
use crate::core::queue::{Order, Place};

/// What a resource in this stage means to the queue of its region.
pub fn place(o: &Observation<'_>, stage: &Stage) -> Place {
    let order = || Order {
        created: o.observed.created,
        uid: o.observed.uid.clone(),
        namespace: o.observed.namespace.clone(),
    };
    match stage {
        Stage::Finished(_) | Stage::Copied(_) | Stage::AlreadyExists(_) | Stage::UnreadableRecord(_) => Place::None,
        Stage::Following(task) => {
            let runs = match o.memory.described(&task.task_id) {
                Some(described) => !described.state.is_ended(),
                None => o.observed.phase() != Some(Phase::Unknown),
            };
            if runs {
                Place::Holding {
                    region: task.region.clone(),
                    task_id: task.task_id.clone(),
                }
            } else {
                Place::None
            }
        }
        Stage::OpenAttempt(known) => Place::Open {
            region: known.record.region.clone(),
            task_id: known.record.task_id.clone(),
            order: order(),
        },
        Stage::NotStarted(known) => {
            let wants = o.observed.deleting_since.is_none() && not_started::wants_a_slot(o, known.as_ref());
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
