//! The closed set of reasons, used by conditions and events alike.

use std::fmt;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Why a condition is as it is, or why an event was written.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// Every reason there is, for tables in docs and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The reason as it stands in conditions and events.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// The reason of this name, if this version knows it.
            pub fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == name)
            }
        }
    };
}

reasons! {
    /// The start is being prepared or sent.
    Starting,
    /// A start was sent and nobody knows yet whether it took effect.
    AttemptUnanswered,
    /// All slots of the account and region are in use by tasks that this operator knows.
    Queued,
    /// The service runs its limit of tasks already, some of them not known to this operator.
    LimitExceeded,
    /// The service takes fewer calls a second than were sent.
    Throttled,
    /// IAM refuses an action that the operator needs.
    AccessDenied,
    /// The operator's AWS credentials are missing, expired or wrong.
    CredentialsRejected,
    /// The service answered with an error of its own, too late, or not at all.
    ServiceUnavailable,
    /// The answer is not one that the service documents.
    UnexpectedAnswer,
    /// The service doesn't take a cancellation, though it may still show the task running.
    CancelRefused,
    /// Neither the resource nor the operator names an AWS region.
    RegionMissing,
    /// So much is in the resource that a status would not fit into it.
    ResourceTooLarge,
    /// `spec.suspend` is true.
    Suspended,
    /// The plan is beyond the bounds of `spec.approval`, and nobody has approved it.
    ApprovalRequired,
    /// The plan is not the one that was approved any more.
    PlanChanged,
    /// The plan is within the bounds of `spec.approval`.
    WithinBounds,
    /// `spec.approval.plan` names the plan.
    PlanApproved,
    /// `spec.approval.plan` of the task's policy names the plan.
    ApprovedByPolicy,
    /// The audit is still in progress, so its findings aren't all there.
    AuditInProgress,
    /// There is no such audit.
    AuditNotFound,
    /// There is no such finding.
    FindingNotFound,
    /// There is no such mitigation action.
    ActionNotFound,
    /// There is no finding that an action could be applied to.
    NothingToDo,
    /// The actions that were applied are not those of the plan.
    ActionsDiffer,
    /// The task was started by this resource.
    Started,
    /// The task existed already.
    AlreadyExists,
    /// The task runs.
    InProgress,
    /// The service reports a state that this version does not know.
    UnknownState,
    /// The task was not started by this resource, so it is not cancelled.
    CancelIgnored,
    /// `spec.cancel` is true.
    CanceledBySpec,
    /// The task ran longer than `spec.activeDeadlineSeconds`.
    DeadlineExceeded,
    /// The resource was deleted while its task ran.
    CanceledByDeletion,
    /// Somebody cancelled the task without this resource.
    CanceledElsewhere,
    /// `spec.cancel` was set before anything was started.
    CanceledBeforeStart,
    /// Every action was applied.
    Completed,
    /// At least one action failed on at least one finding.
    ActionsFailed,
    /// The service refused the request.
    InvalidRequest,
    /// The stored spec can't be understood.
    InvalidSpec,
    /// There is a start record that can't be understood, so nobody knows whether something was started.
    StartRecordUnreadable,
    /// The task under this id does something else than the spec asks.
    TaskDiffers,
    /// The service doesn't know a task that was started.
    TaskNotFound,
    /// The service has forgotten the task, or is about to.
    TaskExpired,
    /// The client request token belongs to another task.
    TokenInUse,
    /// A deletion went on although the task could not be cancelled.
    CancelAbandoned,
    /// The resource was deleted past its finalizer while its task ran.
    TaskOrphaned,
    /// A check name is a known misspelling.
    CheckNameMisspelled,
    /// The resource is deleted by its TTL, and made again by Argo CD or Flux.
    TTLUnderGitOps,
    /// The audits of the policy are read, and nothing is in its way.
    Watching,
    /// There is no such scheduled audit.
    ScheduledAuditNotFound,
    /// The API server refuses the task of an audit.
    TaskRefused,
    /// The newest completed audit found every mapped check compliant.
    NoFindings,
    /// The newest completed audit has findings of mapped checks.
    FindingsLeft,
    /// No audit has completed since the policy watches.
    NoAuditYet,
    /// A mapped check is not one that the audit runs.
    CheckNotAudited,
    /// A mapped check failed in the audit.
    CheckFailed,
    /// No audit has completed for twice the period of the schedule.
    AuditOverdue,
    /// A task was made for an audit.
    TaskCreated,
    /// A task was deleted before it had started, because a newer audit completed.
    TaskSuperseded,
    /// No task was made for an audit.
    AuditSkipped,
    /// The audit failed, or was cancelled, in AWS.
    AuditFailed,
    /// The newest audit found every mapped check compliant, and the one before didn't.
    Compliant,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
