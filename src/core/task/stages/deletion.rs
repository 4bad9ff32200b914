//! The resource is being deleted: cancel what it started, then let it go.

use crate::core::queue::Admission;
use crate::core::task::finalizer;
use crate::core::task::known_task::KnownTask;
use crate::core::task::memory::CancelOutcome;
use crate::core::task::observation::Observation;
use crate::core::task::plan::Plan;
use crate::core::task::stage::Stage;
use crate::core::task::stages::{following, open_attempt};
use crate::core::task::step::Step;
use crate::core::timing;

/// What to do with a resource that is being deleted. None of it needs a spec that can be understood.
pub(crate) fn plan(o: &Observation<'_>, stage: &Stage, admission: Admission) -> Plan {
    if !o.observed.has_finalizer() {
        return Plan::keep_status();
    }
    let release = |abandons_task| Plan::keep_status().first(Step::RemoveFinalizer { abandons_task });
    if !finalizer::is_wanted(o) {
        return release(false);
    }
    let plan = match stage {
        Stage::Following(task) if !needs_nothing(o, task) => following::plan(o, task),
        Stage::OpenAttempt(known) => open_attempt::plan(o, known, admission),
        // Ended, not this resource's own, or never started.
        Stage::Following(_)
        | Stage::Finished(_)
        | Stage::UnreadableRecord(_)
        | Stage::Copied(_)
        | Stage::AlreadyExists(_)
        | Stage::NotStarted(_) => return release(false),
    };
    // An own task is never let go before a Cancel was tried, however long the operator was away.
    let is_tried = match stage {
        Stage::Following(task) => was_tried(o, task),
        _ => true,
    };
    let deleted = o
        .observed
        .deleting_since
        .map(|since| timing::after(since, o.settings.cancel_timeout));
    // The time counts from the deletion, or from when this process could act.
    let limit = deleted
        .map(|time| o.now.instant_of(time))
        .max(Some(timing::later(o.known_since, o.settings.cancel_timeout)));
    match limit {
        Some(limit) if limit <= o.now.monotonic && is_tried => release(true),
        limit => plan.wake_up_at(limit.filter(|limit| *limit > o.now.monotonic)),
    }
}

/// Whether a Cancel was tried, or may not be.
fn was_tried(o: &Observation<'_>, task: &KnownTask) -> bool {
    o.memory.last_cancel.is_some() || !following::may_cancel(o, task)
}

/// Whether the deletion need not wait for the task any longer.
fn needs_nothing(o: &Observation<'_>, task: &KnownTask) -> bool {
    let described = o.memory.described(&task.task_id);
    let is_canceled = o
        .memory
        .last_cancel
        .is_some_and(|cancel| cancel.outcome == CancelOutcome::Accepted);
    let is_missing = o.memory.is_missing_for_good(&task.task_id) && was_tried(o, task);
    !task.is_own() || described.is_some_and(|described| described.state.is_ended()) || is_canceled || is_missing
}
