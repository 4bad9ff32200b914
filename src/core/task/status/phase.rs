//! The table of phases and conditions, as the README of the resource states it.
//!
//! | phase | Started | Complete | Failed | Finished | Ready | Reconciling | Stalled |
//! |---|---|---|---|---|---|---|---|
//! | Pending, Queued | False | False | False | False | False | True | False |
//! | Suspended, AwaitingApproval | False | False | False | False | False | False | False |
//! | Running, Canceling | True | False | False | False | False | True | False |
//! | Completed | True, or False (NothingToDo) | True | False | True | True | False | False |
//! | Failed | True | False | True | True | False | False | True |
//! | Canceled | True, or False (CanceledBeforeStart) | False | True | True | False | False | True |
//! | Rejected | False | False | True | True | False | False | True |
//! | Conflict | True | False | True | True | False | False | True |
//! | Unknown | as known | False | False | False | False | False | True |

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::Phase;

/// The conditions of a resource, in the order in which `kubectl describe` shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionType {
    /// The task exists in AWS.
    Started,
    /// Every action was applied.
    Complete,
    /// It ended for the worse.
    Failed,
    /// Nothing more will happen.
    Finished,
    /// The kstatus summary: True only after success.
    Ready,
    /// kstatus: work is in progress.
    Reconciling,
    /// kstatus: it won't get any further by itself.
    Stalled,
}

impl ConditionType {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Started,
        Self::Complete,
        Self::Failed,
        Self::Finished,
        Self::Ready,
        Self::Reconciling,
        Self::Stalled,
    ];

    /// The condition's `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::Complete => "Complete",
            Self::Failed => "Failed",
            Self::Finished => "Finished",
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
        }
    }
}

/// A condition's status in a phase; `None` for Started where the phase alone doesn't tell.
pub fn status_in(phase: Phase, condition: ConditionType) -> Option<bool> {
    use ConditionType::{Complete, Failed, Finished, Ready, Reconciling, Stalled, Started};
    let holds: &[ConditionType] = match phase {
        Phase::Pending | Phase::Queued => &[Reconciling],
        Phase::Suspended | Phase::AwaitingApproval => &[],
        Phase::Running | Phase::Canceling => &[Started, Reconciling],
        Phase::Completed => &[Started, Complete, Finished, Ready],
        Phase::Failed | Phase::Conflict => &[Started, Failed, Finished, Stalled],
        Phase::Canceled | Phase::Rejected => &[Failed, Finished, Stalled],
        Phase::Unknown => &[Stalled],
    };
    if matches!((phase, condition), (Phase::Canceled | Phase::Unknown, Started)) {
        return None;
    }
    Some(holds.contains(&condition))
}

/// Whether the task has come to its end: whatever is edited now, nothing is started or followed.
pub const fn has_ended(phase: Phase) -> bool {
    matches!(phase, Phase::Completed | Phase::Failed | Phase::Canceled)
}

/// Whether nothing more will happen in this phase.
pub fn is_finished(phase: Phase) -> bool {
    status_in(phase, ConditionType::Finished) == Some(true)
}

/// The condition of this type.
pub fn find(conditions: &[Condition], condition: ConditionType) -> Option<&Condition> {
    conditions
        .iter()
        .find(|candidate| candidate.type_ == condition.as_str())
}

/// The condition's type. It stands beside those of the table of phases, and only where `spec.approval` is set.
pub const APPROVED: &str = "Approved";

/// The condition Approved.
pub fn find_approved(conditions: &[Condition]) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == APPROVED)
}
