//! The resource is being deleted: cancel what it started, then let it go.

use jiff::Timestamp;

use crate::api::{DeletionPolicy, StartedBy};
use crate::core::decide::Situation;
use crate::core::observe::Observation;
use crate::core::sketch::Identity;
use crate::core::stage::{following, open_attempt};
use crate::core::step::{Step, Verdict};
use crate::core::timing;

/// What to do with a resource that is being deleted. None of it needs a spec that can be understood.
pub(crate) fn assess(o: &Observation<'_>) -> Verdict {
    if !o.facts.has_finalizer() {
        return Verdict::act(Step::Wait(None));
    }
    let release = Verdict::act(Step::RemoveFinalizer { abandons_task: false });
    if o.facts.deletion_policy() == DeletionPolicy::Orphan {
        return release;
    }
    let verdict = match Situation::of(o) {
        Situation::Following(identity) if !needs_nothing(o, &identity) => following::assess(o, &identity),
        Situation::Open(known) => open_attempt::assess(o, &known),
        // Ended, not this resource's own, or never started.
        Situation::Following(_)
        | Situation::Finished(_)
        | Situation::Copied(_)
        | Situation::AlreadyExists(_)
        | Situation::NotStarted(_) => return release,
    };
    let deadline = o
        .facts
        .deleting_since
        .map(|since| timing::after(since, o.settings.cancel_timeout));
    match deadline {
        Some(deadline) if deadline <= o.now => Verdict::act(Step::RemoveFinalizer { abandons_task: true }),
        _ => Verdict {
            step: no_later_than(verdict.step, deadline),
            ..verdict
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
