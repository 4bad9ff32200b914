//! The tables of docs/gitops.md.

use audit_mitigation_operator::api::{Phase, Reason, Reason as R};

use crate::judge::Judged::{self, Current, Failed, InProgress, Terminating};

/// What kstatus says in a phase, and the reasons that the phase can have.
pub(crate) struct Row(pub(crate) Phase, pub(crate) Judged, pub(crate) &'static [Reason]);

/// Every phase with every reason that it can have.
pub(crate) const TABLE: [Row; 12] = [
    Row(
        Phase::Pending,
        InProgress,
        &[
            R::Starting,
            R::AlreadyExists,
            R::AttemptUnanswered,
            R::AuditInProgress,
            R::RegionMissing,
            R::ResourceTooLarge,
            R::Throttled,
            R::LimitExceeded,
            R::AccessDenied,
            R::CredentialsRejected,
            R::ServiceUnavailable,
            R::UnexpectedAnswer,
        ],
    ),
    Row(
        Phase::Queued,
        InProgress,
        &[
            R::Queued,
            R::LimitExceeded,
            R::RegionMissing,
            R::ResourceTooLarge,
            R::Throttled,
            R::AccessDenied,
            R::CredentialsRejected,
            R::ServiceUnavailable,
            R::UnexpectedAnswer,
        ],
    ),
    Row(Phase::Suspended, InProgress, &[R::Suspended]),
    Row(
        Phase::AwaitingApproval,
        InProgress,
        &[R::ApprovalRequired, R::PlanChanged],
    ),
    Row(
        Phase::Running,
        InProgress,
        &[
            R::InProgress,
            R::CancelIgnored,
            R::UnknownState,
            R::Throttled,
            R::LimitExceeded,
            R::AccessDenied,
            R::CredentialsRejected,
            R::ServiceUnavailable,
            R::UnexpectedAnswer,
        ],
    ),
    Row(
        Phase::Canceling,
        InProgress,
        &[R::CanceledBySpec, R::DeadlineExceeded, R::CanceledByDeletion],
    ),
    Row(Phase::Completed, Current, &[R::Completed, R::NothingToDo]),
    Row(Phase::Failed, Failed, &[R::ActionsFailed]),
    Row(
        Phase::Canceled,
        Failed,
        &[
            R::CanceledBySpec,
            R::CanceledBeforeStart,
            R::DeadlineExceeded,
            R::CanceledByDeletion,
            R::CanceledElsewhere,
        ],
    ),
    Row(
        Phase::Rejected,
        Failed,
        &[
            R::InvalidRequest,
            R::InvalidSpec,
            R::AuditNotFound,
            R::FindingNotFound,
            R::ActionNotFound,
        ],
    ),
    Row(Phase::Conflict, Failed, &[R::TaskDiffers]),
    Row(
        Phase::Unknown,
        Failed,
        &[R::TaskNotFound, R::TaskExpired, R::TokenInUse, R::StartRecordUnreadable],
    ),
];

/// Why a policy is ready or not, and what kstatus says of it. Each with Ready, and with the one of the others that is True.
pub(crate) const POLICIES: [(Judged, &[Reason]); 3] = [
    (Current, &[R::Watching, R::Suspended]),
    (
        InProgress,
        &[
            R::RegionMissing,
            R::Throttled,
            R::AccessDenied,
            R::CredentialsRejected,
            R::ServiceUnavailable,
            R::UnexpectedAnswer,
            R::TaskRefused,
        ],
    ),
    (Failed, &[R::ScheduledAuditNotFound, R::InvalidSpec]),
];

/// Reasons that never stand on Ready: of other conditions, and of events.
pub(crate) const ELSEWHERE: &[Reason] = &[
    R::Started,
    R::CancelAbandoned,
    R::CancelRefused,
    R::TaskOrphaned,
    R::CheckNameMisspelled,
    R::TTLUnderGitOps,
    R::WithinBounds,
    R::PlanApproved,
    R::ApprovedByPolicy,
    R::ActionsDiffer,
    R::NoFindings,
    R::FindingsLeft,
    R::NoAuditYet,
    R::CheckNotAudited,
    R::CheckFailed,
    R::AuditOverdue,
    R::TaskCreated,
    R::TaskSuperseded,
    R::AuditSkipped,
    R::AuditFailed,
    R::Compliant,
];

/// What decides before any condition does: the state, what kstatus says, and its message.
pub(crate) const NEW: (&str, Judged, &str) = (
    "new: `status.observedGeneration` is -1, the CRD's default",
    InProgress,
    "AuditMitigationTask generation is 1, but latest observed generation is -1",
);
pub(crate) const EDITED: (&str, Judged, &str) = (
    "edited, and the operator has not seen it yet",
    InProgress,
    "AuditMitigationTask generation is 2, but latest observed generation is 1",
);
pub(crate) const DELETED: (&str, Judged, &str) = ("being deleted", Terminating, "Resource scheduled for deletion");
