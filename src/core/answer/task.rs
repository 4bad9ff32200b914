//! What the service answers about a mitigation actions task: to Start, Describe, Cancel and the look for failed actions.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::failure::Failure;
use super::reads::ActionDefinition;
use crate::api::{FindingFailure, FindingStatistics, Target};

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
