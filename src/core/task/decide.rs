//! The decision: from an observation to what is to be done now.

use super::memory::Memory;
use super::observation::{Observation, Settings};
use super::observed::ObservedTask;
use super::plan::{Decision, Plan};
use super::stage::Stage;
use super::stages::{
    already_exists, copied, deletion, finished, following, not_started, open_attempt, unreadable_record,
};
use super::status::phase::has_ended;
use crate::core::queue::Admission;
use crate::core::timing::Now;

/// What is to be done for a resource in this stage, which the queue has given this answer.
pub fn decide(o: &Observation<'_>, stage: &Stage, admission: Admission) -> Decision {
    let plan = if o.observed.deleting_since.is_some() {
        deletion::plan(o, stage, admission)
    } else {
        plan(o, stage, admission)
    };
    plan.decide(o)
}

fn plan(o: &Observation<'_>, stage: &Stage, admission: Admission) -> Plan {
    match stage {
        Stage::Finished(phase) => finished::plan(o, *phase),
        Stage::Following(task) => following::plan(o, task),
        Stage::UnreadableRecord(problem) => unreadable_record::plan(problem),
        Stage::Copied(record) => copied::plan(o, record),
        Stage::OpenAttempt(known) => open_attempt::plan(o, known, admission),
        Stage::AlreadyExists(known) => already_exists::plan(o, known),
        Stage::NotStarted(known) => not_started::plan(o, known.as_ref(), admission),
    }
}

/// Whether nothing is left to do for a resource, ever, unless it changes: whatever the service has said or may say.
///
/// One that names no task is not looked at: the service may have said to this process that there is one.
pub fn is_done(observed: &ObservedTask, settings: &Settings, now: Now) -> bool {
    let names_its_task = observed.status.as_ref().is_some_and(|status| status.task_id.is_some());
    if !names_its_task || !observed.phase().is_some_and(has_ended) {
        return false;
    }
    let o = Observation {
        now,
        known_since: now.monotonic,
        observed,
        size: 0,
        is_fresh: false,
        memory: &Memory::default(),
        is_claimed_by_older: false,
        altered_status: None,
        plan_of_policy: None,
        settings,
    };
    let decision = decide(&o, &Stage::of(&o), Admission::Free);
    decision.due.is_empty() && decision.wake_up.is_none()
}
