//! The conditions of a status.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::phase::{ConditionType, find, status_in};
use super::subject::TaskIn;
use crate::api::{Phase, Reason};
use crate::core::timing;

pub(super) fn conditions(
    before: &[Condition],
    task: &TaskIn,
    phase: Phase,
    reason: Reason,
    message: &str,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    ConditionType::ALL
        .into_iter()
        .map(|condition| {
            let old = find(before, condition);
            let (holds, reason, message) = if condition == ConditionType::Started {
                started(old, task, reason)
            } else {
                let holds = status_in(phase, condition).unwrap_or_default();
                // The message stands where people and tools look: on Ready, and on whatever is true.
                let tells = holds || condition == ConditionType::Ready;
                (
                    holds,
                    reason.as_str().to_owned(),
                    if tells { message.to_owned() } else { String::new() },
                )
            };
            let status = if holds { "True" } else { "False" };
            Condition {
                type_: condition.as_str().to_owned(),
                status: status.to_owned(),
                reason,
                message,
                observed_generation: Some(generation),
                last_transition_time: old.filter(|old| old.status == status).map_or_else(
                    || Time(timing::whole_seconds(now)),
                    |old| old.last_transition_time.clone(),
                ),
            }
        })
        .collect()
}

fn started(old: Option<&Condition>, task: &TaskIn, reason: Reason) -> (bool, String, String) {
    match (task, old) {
        (TaskIn::Known(task), _) => (true, task.reason.as_str().to_owned(), task.sentence()),
        (TaskIn::Status, Some(old)) => (old.status == "True", old.reason.clone(), old.message.clone()),
        (TaskIn::Status, None) => (true, Reason::AlreadyExists.as_str().to_owned(), String::new()),
        (TaskIn::Nowhere, _) => (false, reason.as_str().to_owned(), String::new()),
    }
}
