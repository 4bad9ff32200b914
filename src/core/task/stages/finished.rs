//! Nothing more will happen: the resource is free.

use std::time::Duration;

use jiff::Timestamp;

use crate::api::{Phase, Reason};
use crate::core::task::observation::Observation;
use crate::core::task::plan::{Plan, Step};
use crate::core::task::status::draft::{StatusDraft, TaskIn, find};
use crate::core::task::status::phase::ConditionType;
use crate::core::timing;

/// What to do with a resource that ended in this phase.
pub(crate) fn assess(o: &Observation<'_>, phase: Phase) -> Plan {
    let step = if o.observed.has_finalizer() {
        Step::RemoveFinalizer { abandons_task: false }
    } else {
        match expiry(o, phase) {
            Some(time) if time <= o.now => Step::Delete,
            time => Step::Wait(time),
        }
    };
    if o.observed.is_observed() {
        Plan::act(step)
    } else {
        acknowledge(o, phase, step)
    }
}

/// One write for each new generation: the ending stays what it was.
fn acknowledge(o: &Observation<'_>, phase: Phase, step: Step) -> Plan {
    let Some(status) = &o.observed.status else {
        return Plan::act(step);
    };
    let ready = find(&status.conditions, ConditionType::Ready);
    let reason = ready.and_then(|ready| {
        Reason::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == ready.reason)
    });
    let message = ready.map(|ready| ready.message.clone()).unwrap_or_default();
    let draft = StatusDraft::new(phase, reason.unwrap_or(Reason::Completed), message, TaskIn::Status);
    Plan::say(draft, step)
}

/// When the resource is to be deleted: that long after Finished became True, and not after the task's own end,
/// or a resource that adopts an old task would be deleted and, under GitOps, made again for ever.
fn expiry(o: &Observation<'_>, phase: Phase) -> Option<Timestamp> {
    if !matches!(phase, Phase::Completed | Phase::Failed | Phase::Canceled) {
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
