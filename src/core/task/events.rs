//! Which events a change of the status is worth: one for each transition and each refusal, none for a poll.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::{AuditMitigationTaskStatus, DeletionPolicy, Phase, Reason};
use crate::core::task::check_names;
use crate::core::task::observed::ObservedTask;
use crate::core::task::status::draft::find;
use crate::core::task::status::phase::ConditionType;

/// An event to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDraft {
    /// Whether somebody should look at it.
    pub is_warning: bool,
    /// What the controller was at: the phase, mostly. Events of the same reason and action are counted together.
    pub action: String,
    /// The reason, from the same closed set as those of conditions.
    pub reason: Reason,
    /// What a person should read.
    pub note: String,
}

/// The phase and the condition Ready, where a status write changes the phase or the reason.
#[must_use]
pub fn transition<'a>(observed: &ObservedTask, after: &'a AuditMitigationTaskStatus) -> Option<(Phase, &'a Condition)> {
    let (phase, ready) = (after.phase?, find(&after.conditions, ConditionType::Ready)?);
    let before = observed.status.as_ref();
    let was = before.and_then(|before| Some((before.phase?, find(&before.conditions, ConditionType::Ready)?)));
    was.is_none_or(|(was_phase, was_ready)| was_phase != phase || was_ready.reason != ready.reason)
        .then_some((phase, ready))
}

/// The events that a status write is worth.
#[must_use]
pub fn event_drafts(observed: &ObservedTask, after: &AuditMitigationTaskStatus) -> Vec<EventDraft> {
    let before = observed.status.as_ref();
    let mut event_drafts = Vec::new();
    if before.and_then(|before| before.observed_generation) != after.observed_generation {
        event_drafts.extend(misspelled_checks(observed));
        event_drafts.extend(ttl_of_a_tracked_resource(observed));
    }
    let started_before = before.and_then(|before| find(&before.conditions, ConditionType::Started));
    let started = find(&after.conditions, ConditionType::Started).filter(|started| started.status == "True");
    if let Some(started) = started.filter(|_| started_before.is_none_or(|before| before.status != "True")) {
        let reason = if started.reason == Reason::Started.as_str() {
            Reason::Started
        } else {
            Reason::AlreadyExists
        };
        event_drafts.push(EventDraft {
            is_warning: false,
            action: "Start".to_owned(),
            reason,
            note: started.message.clone(),
        });
    }
    // That a task runs was said by the event of its start.
    if let Some((phase, ready)) =
        transition(observed, after).filter(|(_, ready)| ready.reason != Reason::InProgress.as_str())
        && let Some(reason) = Reason::ALL
            .iter()
            .copied()
            .find(|reason| reason.as_str() == ready.reason)
    {
        let action = format!("{phase:?}");
        event_drafts.push(EventDraft {
            is_warning: is_warning(phase, reason),
            action,
            reason,
            note: ready.message.clone(),
        });
    }
    event_drafts
}

/// The event that a deletion is worth which lets the task of somebody else run on.
#[must_use]
pub fn farewell(observed: &ObservedTask) -> Option<EventDraft> {
    let status = observed.status.as_ref()?;
    let runs = matches!(status.phase, Some(Phase::Running | Phase::Canceling));
    let was_told = find(&status.conditions, ConditionType::Ready)
        .is_some_and(|ready| ready.reason == Reason::CancelIgnored.as_str());
    let is_meant = observed.deleting_since.is_some() && observed.deletion_policy() == DeletionPolicy::Cancel;
    (runs && is_meant && !observed.owns_task() && !was_told).then(|| EventDraft {
        is_warning: true,
        action: "Delete".to_owned(),
        reason: Reason::CancelIgnored,
        note: format!(
            "task {} was not started by this resource, so it runs on although the resource is deleted",
            status.task_id.as_deref().unwrap_or_default()
        ),
    })
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
