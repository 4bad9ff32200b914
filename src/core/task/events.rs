//! Which events a change of the status makes: one for each transition and each refusal, none for a poll.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::memory::Memory;
use super::observed::ObservedTask;
use crate::api::{AuditMitigationTaskStatus, DeletionPolicy, Phase, Reason};
use crate::core::answer::Operation;
use crate::core::event::EventDraft;
use crate::core::task::check_names;
use crate::core::task::compare::redefined_actions;
use crate::core::task::status::phase::find_approved;
use crate::core::task::status::phase::{ConditionType, find, has_ended};

/// The phase and the condition Ready, where a status write changes the phase or the reason.
pub fn transition<'a>(observed: &ObservedTask, after: &'a AuditMitigationTaskStatus) -> Option<(Phase, &'a Condition)> {
    let (phase, ready) = (after.phase?, find(&after.conditions, ConditionType::Ready)?);
    let before = observed.status.as_ref();
    let was = before.and_then(|before| Some((before.phase?, find(&before.conditions, ConditionType::Ready)?)));
    was.is_none_or(|(was_phase, was_ready)| was_phase != phase || was_ready.reason != ready.reason)
        .then_some((phase, ready))
}

/// The events of a status write. `memory` says what the service has refused.
pub fn event_drafts(observed: &ObservedTask, after: &AuditMitigationTaskStatus, memory: &Memory) -> Vec<EventDraft> {
    let before = observed.status.as_ref();
    let mut events = Vec::new();
    if before.and_then(|before| before.observed_generation) != after.observed_generation {
        events.extend(misspelled_checks(observed));
        events.extend(ttl_of_a_tracked_resource(observed));
    }
    events.extend(plan_approved(observed, after));
    events.extend(started(observed, after));
    // That a task runs was said by the event of its start; that it is about to be started under its plan, is said by that.
    let is_said_otherwise = |reason: &str| {
        reason == Reason::InProgress.as_str() || reason == Reason::Starting.as_str() && after.plan.is_some()
    };
    let changed = transition(observed, after).filter(|(_, ready)| !is_said_otherwise(&ready.reason));
    if let Some((phase, ready)) = changed
        && let Some(reason) = Reason::parse(&ready.reason)
    {
        events.push(EventDraft {
            is_warning: is_warning(phase, reason),
            action: format!("{phase:?}"),
            reason,
            note: ready.message.clone(),
        });
    } else {
        events.extend(refused_cancel(observed, after, memory));
        events.extend(another_plan(observed, after));
    }
    events.extend(actions_differ(observed, after, memory));
    events
}

fn started(observed: &ObservedTask, after: &AuditMitigationTaskStatus) -> Option<EventDraft> {
    let before = observed.status.as_ref();
    let was_started = before
        .and_then(|before| find(&before.conditions, ConditionType::Started))
        .is_some_and(|before| before.status == "True");
    let started = find(&after.conditions, ConditionType::Started).filter(|started| started.status == "True")?;
    (!was_started).then(|| EventDraft {
        is_warning: false,
        action: "Start".to_owned(),
        reason: if started.reason == Reason::Started.as_str() {
            Reason::Started
        } else {
            Reason::AlreadyExists
        },
        note: started.message.clone(),
    })
}

/// Somebody has approved the plan.
fn plan_approved(observed: &ObservedTask, after: &AuditMitigationTaskStatus) -> Option<EventDraft> {
    let by_anybody = [Reason::PlanApproved, Reason::ApprovedByPolicy].map(Reason::as_str);
    let is_approved = |approved: &&Condition| by_anybody.contains(&approved.reason.as_str());
    let approved = find_approved(&after.conditions).filter(is_approved)?;
    let before = observed.status.as_ref();
    let was_approved = before
        .and_then(|before| find_approved(&before.conditions))
        .is_some_and(|before| is_approved(&before));
    (!was_approved).then(|| EventDraft {
        is_warning: false,
        action: "Approve".to_owned(),
        reason: Reason::PlanApproved,
        note: approved.message.clone(),
    })
}

/// The plan that waits for approval is another one now.
fn another_plan(observed: &ObservedTask, after: &AuditMitigationTaskStatus) -> Option<EventDraft> {
    let ready =
        find(&after.conditions, ConditionType::Ready).filter(|_| after.phase == Some(Phase::AwaitingApproval))?;
    let before = observed.status.as_ref()?.plan.as_ref()?;
    let is_another = after.plan.as_ref()?.hash != before.hash;
    let reason = Reason::parse(&ready.reason).filter(|_| is_another)?;
    Some(EventDraft {
        is_warning: is_warning(Phase::AwaitingApproval, reason),
        action: "AwaitingApproval".to_owned(),
        reason,
        note: ready.message.clone(),
    })
}

/// What was applied is not what was planned.
fn actions_differ(observed: &ObservedTask, after: &AuditMitigationTaskStatus, memory: &Memory) -> Option<EventDraft> {
    if observed.phase().is_some_and(has_ended) || !after.phase.is_some_and(has_ended) {
        return None;
    }
    let (task_id, plan) = (after.task_id.as_deref()?, after.plan.as_ref()?);
    let redefined = redefined_actions(plan, memory.described(task_id)?);
    (!redefined.is_empty()).then(|| EventDraft {
        is_warning: true,
        action: "Compare".to_owned(),
        reason: Reason::ActionsDiffer,
        note: format!(
            "task {task_id} applied {} otherwise than status.plan shows: the action was redefined between the last look at \
             the plan and the start",
            redefined.join(", ")
        ),
    })
}

/// A refused Cancel changes neither the phase nor its reason, only the message.
fn refused_cancel(observed: &ObservedTask, after: &AuditMitigationTaskStatus, memory: &Memory) -> Option<EventDraft> {
    let retry = memory.retry_of(Operation::Cancel, observed.generation)?;
    let ready = find(&after.conditions, ConditionType::Ready).filter(|_| after.phase == Some(Phase::Canceling))?;
    let before = find(&observed.status.as_ref()?.conditions, ConditionType::Ready)?;
    (ready.message != before.message && ready.message.contains(&retry.message)).then(|| EventDraft {
        is_warning: true,
        action: "Cancel".to_owned(),
        reason: retry.class.reason(),
        note: ready.message.clone(),
    })
}

/// The event of a deletion that lets a task run on, or may do so.
pub fn farewell(observed: &ObservedTask) -> Option<EventDraft> {
    let status = observed.status.as_ref()?;
    let is_meant = observed.deleting_since.is_some() && observed.deletion_policy() == DeletionPolicy::Cancel;
    let task_id = status.task_id.as_deref().filter(|_| is_meant)?;
    let region = status.region.as_deref().unwrap_or_default();
    let reason = observed.reason_of(ConditionType::Ready);
    let runs = matches!(status.phase, Some(Phase::Running | Phase::Canceling));
    if runs && !observed.says_own_task() && reason != Some(Reason::CancelIgnored) {
        return Some(EventDraft {
            is_warning: true,
            action: "Delete".to_owned(),
            reason: Reason::CancelIgnored,
            note: format!(
                "task {task_id} was not started by this resource, so it runs on although the resource is deleted"
            ),
        });
    }
    (status.phase == Some(Phase::Unknown) && reason == Some(Reason::TaskNotFound)).then(|| EventDraft {
        is_warning: true,
        action: "Delete".to_owned(),
        reason: Reason::TaskNotFound,
        note: format!(
            "the resource is let go, and its task {task_id} in {region} was not found: if the operator's credentials or \
             endpoint are not those of the account it was started in, it may still run there"
        ),
    })
}

/// The event of a deletion that gave up on its task: after it, nothing in the cluster names the task any more.
pub fn abandoned(observed: &ObservedTask, memory: &Memory) -> EventDraft {
    let (region, task_id) = observed.named_task().unwrap_or_default();
    let retry = [Operation::Cancel, Operation::Describe, Operation::Start]
        .into_iter()
        .find_map(|operation| memory.retries.of(operation));
    let last = retry.map_or_else(String::new, |retry| {
        format!(" The service answered last: {}.", retry.message)
    });
    EventDraft {
        is_warning: true,
        action: "Delete".to_owned(),
        reason: Reason::CancelAbandoned,
        note: format!(
            "task {task_id} in {region} could not be cancelled in time, so the resource was let go; the task may still run \
             in AWS.{last} Look with: aws iot describe-audit-mitigation-actions-task --region {region} --task-id {task_id}"
        ),
    }
}

fn is_warning(phase: Phase, reason: Reason) -> bool {
    let for_the_worse = matches!(
        phase,
        Phase::Failed | Phase::Rejected | Phase::Conflict | Phase::Unknown
    );
    for_the_worse
        || matches!(
            reason,
            Reason::AttemptUnanswered
                | Reason::LimitExceeded
                | Reason::Throttled
                | Reason::AccessDenied
                | Reason::CredentialsRejected
                | Reason::ServiceUnavailable
                | Reason::UnexpectedAnswer
                | Reason::RegionMissing
                | Reason::PlanChanged
                | Reason::ResourceTooLarge
                | Reason::UnknownState
                | Reason::CancelIgnored
                | Reason::DeadlineExceeded
                | Reason::CanceledElsewhere
        )
}

fn misspelled_checks(observed: &ObservedTask) -> Option<EventDraft> {
    let desired = observed.desired.as_ref().ok()?;
    let filtered = desired
        .target
        .audit_check_to_reason_code_filter
        .iter()
        .flatten()
        .map(|(check, _)| check);
    let names: BTreeSet<&String> = desired.mapping.keys().chain(filtered).collect();
    let corrections: Vec<String> = names
        .into_iter()
        .filter_map(|check| Some(format!("{check} is most likely {}", check_names::misspelled(check)?)))
        .collect();
    (!corrections.is_empty()).then(|| EventDraft {
        is_warning: true,
        action: "Validate".to_owned(),
        reason: Reason::CheckNameMisspelled,
        note: format!(
            "the service knows no such checks: {}. The task is started as the spec says",
            corrections.join(", ")
        ),
    })
}

/// A deletion by the TTL is undone by whoever keeps the resource as a repository says.
fn ttl_of_a_tracked_resource(observed: &ObservedTask) -> Option<EventDraft> {
    observed.desired.as_ref().ok()?.ttl_seconds?;
    let tracker = &observed.tracker.as_ref()?.name;
    Some(EventDraft {
        is_warning: true,
        action: "Validate".to_owned(),
        reason: Reason::TTLUnderGitOps,
        note: format!(
            "{tracker} makes this resource again each time spec.ttlSecondsAfterFinished has deleted it, or reports it as \
             missing. While AWS remembers the task (90 days) that starts nothing; after that it would run the mitigation \
             once more. Remove spec.ttlSecondsAfterFinished, and the manifest from its repository when it is done"
        ),
    })
}
