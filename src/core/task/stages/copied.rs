//! The start record was written for another resource: this one is a copy, or was restored. It never starts anything.

use crate::api::{Phase, Reason, StartRecord};
use crate::core::answer::Operation;
use crate::core::task::observation::Observation;
use crate::core::task::plan::{Plan, Step, TaskAddress};
use crate::core::task::stages::{already_exists, before_start, following};
use crate::core::task::status::draft::{StatusDraft, TaskIn};

/// What to do with a copy: Describe decides.
pub(crate) fn assess(o: &Observation<'_>, record: &StartRecord) -> Plan {
    if o.observed
        .desired
        .as_ref()
        .is_ok_and(|desired| desired.cancel || desired.suspend)
    {
        return before_start::assess(o, None);
    }
    if o.observed.phase() == Some(Phase::Unknown) && o.observed.is_observed() {
        return Plan::act(Step::Wait(None));
    }
    let describe = Step::Describe(TaskAddress::from(record));
    if let Some(retry) = o.backoff_of(&[Operation::Describe]) {
        let message = format!(
            "this resource is a copy of one that started task {}, which can't be described: {}; it is tried again at nextAttemptTime",
            record.task_id, retry.message
        );
        let mut draft = StatusDraft::new(Phase::Pending, retry.class.reason(), message, TaskIn::Nowhere);
        draft.next_attempt = Some(retry.retry_at);
        return Plan::say(draft, Step::Wait(Some(retry.retry_at)));
    }
    let Some(heard) = o.memory.heard_of(&record.task_id) else {
        return Plan::act(describe);
    };
    if heard.task.is_some() {
        return following::assess(o, &already_exists::identity(record));
    }
    if !o.memory.is_missing_for_good(&record.task_id) {
        let since = o.memory.missing_since.unwrap_or(heard.at);
        let next = o.settings.poll.next(heard.at, since, &o.observed.uid);
        let message = format!(
            "this resource is a copy of one that started task {}; waiting for the service to show it",
            record.task_id
        );
        let draft = StatusDraft::new(Phase::Pending, Reason::AlreadyExists, message, TaskIn::Nowhere);
        return Plan::say(draft, describe.when(next, o.now));
    }
    Plan::say(
        StatusDraft::new(
            Phase::Unknown,
            Reason::TaskExpired,
            forgotten(&record.task_id, ANOTHER_ID),
            TaskIn::Nowhere,
        ),
        Step::Wait(None),
    )
}

/// What a person reads of a request whose task the service doesn't know any more, with the way out.
pub(crate) fn forgotten(task_id: &str, way_out: &str) -> String {
    format!(
        "task {task_id} was started for this request before, and the service doesn't know it any more (it keeps tasks for \
         90 days). It is never started again under this id; to run the mitigation once more, {way_out}"
    )
}

/// The way out while the spec can be edited.
pub(crate) const ANOTHER_ID: &str = "set another spec.taskId";

/// The way out when the spec is frozen.
pub(crate) const ANOTHER_RESOURCE: &str = "create another resource, with another spec.taskId";
