//! What the service can answer, classified once where the answers enter (`crate::aws::classify`).

mod reads;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::api::{FindingFailure, FindingStatistics, Reason, Target};
pub use reads::{
    ActionDefinition, Audit, AuditState, AuditedCheck, AuditsPage, CheckState, Finding, FindingsPage, Frequency,
    ListedAudit, ReadAnswer, ScheduledAudit,
};

/// The operations of AWS IoT that the operator calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// `StartAuditMitigationActionsTask`
    Start,
    /// `DescribeAuditMitigationActionsTask`
    Describe,
    /// `CancelAuditMitigationActionsTask`
    Cancel,
    /// `ListAuditMitigationActionsExecutions`
    ListExecutions,
    /// `ListAuditFindings`
    ListFindings,
    /// `DescribeAuditTask`
    DescribeAudit,
    /// `DescribeAuditFinding`
    DescribeFinding,
    /// `DescribeMitigationAction`
    DescribeAction,
    /// `ListAuditTasks`
    ListAudits,
    /// `DescribeScheduledAudit`
    DescribeSchedule,
}

impl Operation {
    /// Every operation, for the IAM policy and metrics.
    pub const ALL: &'static [Self] = &[
        Self::Start,
        Self::Describe,
        Self::Cancel,
        Self::ListExecutions,
        Self::ListFindings,
        Self::DescribeAudit,
        Self::DescribeFinding,
        Self::DescribeAction,
        Self::ListAudits,
        Self::DescribeSchedule,
    ];

    /// The operation's name, which is also its IAM action without the prefix `iot:`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "StartAuditMitigationActionsTask",
            Self::Describe => "DescribeAuditMitigationActionsTask",
            Self::Cancel => "CancelAuditMitigationActionsTask",
            Self::ListExecutions => "ListAuditMitigationActionsExecutions",
            Self::ListFindings => "ListAuditFindings",
            Self::DescribeAudit => "DescribeAuditTask",
            Self::DescribeFinding => "DescribeAuditFinding",
            Self::DescribeAction => "DescribeMitigationAction",
            Self::ListAudits => "ListAuditTasks",
            Self::DescribeSchedule => "DescribeScheduledAudit",
        }
    }
}

/// The class of an answer that is neither success nor specific to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Too many calls a second.
    Throttled,
    /// Too many running tasks.
    LimitExceeded,
    /// IAM refuses the action.
    AccessDenied,
    /// No credentials, or the service doesn't accept them.
    CredentialsRejected,
    /// An error of the service's own (5xx), a time-out, no connection.
    ServiceUnavailable,
    /// A Cancel found the task not in progress, though Describe may still show it running.
    NotInProgress,
    /// Anything that the service doesn't document.
    UnexpectedAnswer,
}

impl ErrorClass {
    /// Every class, for metrics.
    pub const ALL: [Self; 7] = [
        Self::Throttled,
        Self::LimitExceeded,
        Self::AccessDenied,
        Self::CredentialsRejected,
        Self::ServiceUnavailable,
        Self::NotInProgress,
        Self::UnexpectedAnswer,
    ];

    /// The reason that conditions and events carry.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Throttled => Reason::Throttled,
            Self::LimitExceeded => Reason::LimitExceeded,
            Self::AccessDenied => Reason::AccessDenied,
            Self::CredentialsRejected => Reason::CredentialsRejected,
            Self::ServiceUnavailable => Reason::ServiceUnavailable,
            Self::NotInProgress => Reason::CancelRefused,
            Self::UnexpectedAnswer => Reason::UnexpectedAnswer,
        }
    }
}

/// Whether a request that failed may have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was never sent, or the service refused it: it had no effect.
    None,
    /// It may have been sent, and no answer says what came of it.
    Unknown,
}

/// A call that brought no answer to its question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its class.
    pub class: ErrorClass,
    /// Whether it may have taken effect all the same.
    pub effect: Effect,
    /// What a person should read: without request ids, cut to a bounded length.
    pub message: String,
}

/// The answer to a Start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartAnswer {
    /// The task runs under this id.
    Success {
        /// The id that the service returned.
        task_id: String,
    },
    /// `TaskAlreadyExistsException`.
    AlreadyExists,
    /// `InvalidRequestException`, with the service's message.
    InvalidRequest(String),
    /// Anything else.
    Failed(Failure),
}

/// The answer to a Describe.
#[derive(Clone, Debug, PartialEq)]
pub enum DescribeAnswer {
    /// The task exists.
    Found(Box<Described>),
    /// `ResourceNotFoundException`.
    NotFound,
    /// Anything else.
    Failed(Failure),
}

/// The answer to a Cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelAnswer {
    /// The service has taken it.
    Accepted,
    /// `InvalidRequestException` or `ResourceNotFoundException`: most likely the task is not in progress. Describe
    /// decides.
    NotRunning(Failure),
    /// Anything else.
    Failed(Failure),
}

/// The failed actions of a task that ended, as far as they could be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedActions {
    /// At most 25.
    pub failures: Vec<FindingFailure>,
    /// There may be more than these.
    pub truncated: bool,
    /// Why the look was given up: a List that was denied or failed, with its IAM action or its cause.
    pub problem: Option<String>,
}

/// A task as the service describes it. Every member is optional in the service's model.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// `taskStatus`
    pub state: TaskState,
    /// `startTime`
    pub start_time: Option<Timestamp>,
    /// `endTime`
    pub end_time: Option<Timestamp>,
    /// `taskStatistics`
    pub statistics: BTreeMap<String, FindingStatistics>,
    /// `target`
    pub target: Option<Target>,
    /// `auditCheckToActionsMapping`
    pub mapping: Option<BTreeMap<String, Vec<String>>>,
    /// `actionsDefinition`: the actions as they were applied; `None` where the service doesn't tell.
    pub actions: Option<Vec<ActionDefinition>>,
}

/// `taskStatus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// `IN_PROGRESS`
    InProgress,
    /// `COMPLETED`
    Completed,
    /// `FAILED`
    Failed,
    /// `CANCELED`
    Canceled,
    /// One that this version doesn't know, or none at all.
    Other(String),
}

impl TaskState {
    /// Whether the task has come to its end.
    pub const fn is_ended(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled)
    }
}
