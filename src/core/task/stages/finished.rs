//! Nothing more will happen: the resource is free.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::{Phase, Reason};
use crate::core::task::observation::Observation;
use crate::core::task::plan::Plan;
use crate::core::task::status::draft::StatusDraft;
use crate::core::task::status::phase::{ConditionType, find, has_ended};
use crate::core::task::status::subject::TaskIn;
use crate::core::task::step::Step;
use crate::core::timing;

/// What to do with a resource that ended in this phase.
pub(crate) fn plan(o: &Observation<'_>, phase: Phase) -> Plan {
    let plan = if o.observed.is_observed() {
        Plan::keep_status()
    } else {
        Plan::say_if(acknowledged(o, phase))
    };
    if o.observed.has_finalizer() {
        return plan.first(Step::RemoveFinalizer { abandons_task: false });
    }
    match expiry(o, phase) {
        Some(time) if time <= o.now.wall => plan.first(Step::Delete),
        time => plan.wake_up_at(time.map(|time| o.now.instant_of(time))),
    }
}

/// One write for each new generation: the ending stays what it was.
fn acknowledged(o: &Observation<'_>, phase: Phase) -> Option<StatusDraft> {
    let ready = find(&o.observed.status.as_ref()?.conditions, ConditionType::Ready);
    let reason = o.observed.reason_of(ConditionType::Ready).unwrap_or(Reason::Completed);
    let message = ready.map(|ready| ready.message.clone()).unwrap_or_default();
    Some(StatusDraft::new(phase, reason, message).about(TaskIn::Status))
}

/// When the resource is to be deleted: that long after Finished became True, and not after the task's own end,
/// or a resource that adopts an old task would be deleted and, under GitOps, made again for ever.
fn expiry(o: &Observation<'_>, phase: Phase) -> Option<Timestamp> {
    if !has_ended(phase) {
        return None;
    }
    let ttl = o.observed.desired.as_ref().ok()?.ttl_seconds?;
    let status = o.observed.status.as_ref()?;
    let finished = find(&status.conditions, ConditionType::Finished).filter(|finished| finished.status == "True")?;
    Some(timing::after(
        finished.last_transition_time.0,
        Duration::from_secs(ttl.try_into().unwrap_or_default()),
    ))
}
