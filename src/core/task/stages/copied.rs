//! The start record was written for another resource: this one is a copy, or was restored. It never starts anything.

use super::already_exists::next_look;
use super::not_started::held_by_spec;
use crate::api::{Phase, Reason, StartRecord};
use crate::core::answer::Operation;
use crate::core::task::known_task::KnownTask;
use crate::core::task::observation::Observation;
use crate::core::task::plan::Plan;
use crate::core::task::stages::following;
use crate::core::task::status::draft::StatusDraft;
use crate::core::task::status::messages::{ANOTHER_ID, forgotten};
use crate::core::task::step::{Step, TaskAddress};

/// What to do with a copy: Describe decides.
pub(crate) fn plan(o: &Observation<'_>, record: &StartRecord) -> Plan {
    if let Some(draft) = o.observed.desired.as_ref().ok().and_then(held_by_spec) {
        return Plan::say(draft);
    }
    if o.observed.phase() == Some(Phase::Unknown) && o.observed.is_observed() {
        return Plan::keep_status();
    }
    let task_id = &record.task_id;
    let describe = Step::Describe(TaskAddress::from(record));
    let last = o.memory.last_describe_of(task_id);
    if last.is_some_and(|last| last.task.is_some()) {
        return following::plan(o, &KnownTask::of_somebody_else(record));
    }
    if let Some(retry) = o.retry_of(Operation::Describe) {
        let message = format!(
            "this resource is a copy of one that started task {task_id}, which can't be described: {}; it is tried again at \
             nextAttemptTime",
            retry.message
        );
        let draft = StatusDraft::new(Phase::Pending, retry.class.reason(), message).trying_again(Some(retry));
        return Plan::say(draft).observe(describe, Some(retry.at));
    }
    let Some(last) = last else {
        return Plan::keep_status().observe(describe, None);
    };
    if !o.memory.is_missing_for_good(task_id) {
        let message =
            format!("this resource is a copy of one that started task {task_id}; waiting for the service to show it");
        let draft = StatusDraft::new(Phase::Pending, Reason::AlreadyExists, message);
        return Plan::say(draft).observe(describe, Some(next_look(o, last)));
    }
    let message = forgotten(task_id, ANOTHER_ID);
    Plan::say(StatusDraft::new(Phase::Unknown, Reason::TaskExpired, message))
}
