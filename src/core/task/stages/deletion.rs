//! The resource is being deleted: cancel what it started, then let it go.

use jiff::Timestamp;

use crate::api::{DeletionPolicy, StartedBy};
use crate::core::task::decide::Stage;
use crate::core::task::observation::Observation;
use crate::core::task::plan::{Plan, Step};
use crate::core::task::stages::{following, open_attempt};
use crate::core::task::status::draft::Identity;
use crate::core::timing;

/// What to do with a resource that is being deleted. None of it needs a spec that can be understood.
pub(crate) fn assess(o: &Observation<'_>) -> Plan {
    if !o.observed.has_finalizer() {
        return Plan::act(Step::Wait(None));
    }
    let release = Plan::act(Step::RemoveFinalizer { abandons_task: false });
    if o.observed.deletion_policy() == DeletionPolicy::Orphan {
        return release;
    }
    let plan = match Stage::of(o) {
        Stage::Following(identity) if !needs_nothing(o, &identity) => following::assess(o, &identity),
        Stage::Open(known) => open_attempt::assess(o, &known),
        // Ended, not this resource's own, or never started.
        Stage::Following(_)
        | Stage::Finished(_)
        | Stage::Copied(_)
        | Stage::AlreadyExists(_)
        | Stage::NotStarted(_) => return release,
    };
    let deadline = o
        .observed
        .deleting_since
        .map(|since| timing::after(since, o.settings.cancel_timeout));
    match deadline {
        Some(deadline) if deadline <= o.now => Plan::act(Step::RemoveFinalizer { abandons_task: true }),
        _ => Plan {
            step: no_later_than(plan.step, deadline),
            ..plan
        },
    }
}

/// Whether the deletion need not wait for the task any longer.
fn needs_nothing(o: &Observation<'_>, identity: &Identity) -> bool {
    let task = o
        .memory
        .heard_of(&identity.task_id)
        .and_then(|heard| heard.task.as_ref());
    identity.started_by == StartedBy::Other
        || task.is_some_and(|task| task.state.is_ended())
        || o.memory.cancel.is_some_and(|cancel| cancel.accepted)
        || o.memory.is_missing_for_good(&identity.task_id)
}

fn no_later_than(step: Step, deadline: Option<Timestamp>) -> Step {
    match (step, deadline) {
        (Step::Wait(until), Some(deadline)) => Step::Wait(Some(until.map_or(deadline, |until| until.min(deadline)))),
        (step, _) => step,
    }
}
