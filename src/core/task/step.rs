//! The next step: what the shell is to do, one effect at a time.

use std::time::Instant;

use crate::api::{AuditMitigationTaskStatus, StartRecord};
use crate::core::answer::Operation;
use crate::core::mitigation_plan::PlanRead;

/// One effect, or a wait.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Read the resource from the API server: the next effect must not rest on a stale cache.
    Read,
    /// Write this status.
    WriteStatus(Box<AuditMitigationTaskStatus>),
    /// Write the start record, and the finalizer where asked, in one patch.
    WriteRecord {
        /// The record.
        record: StartRecord,
        /// Whether the finalizer goes with it.
        with_finalizer: bool,
    },
    /// Put the finalizer (back) on.
    AddFinalizer,
    /// Take the finalizer off.
    RemoveFinalizer {
        /// A deletion gives up on a task that could not be cancelled.
        abandons_task: bool,
    },
    /// Call Start with what this record says and the spec asks.
    Start(StartRecord),
    /// Call Describe.
    Describe(TaskAddress),
    /// Call Cancel.
    Cancel(TaskAddress),
    /// Make the next call for the plan.
    ReadForPlan {
        /// In this AWS region.
        region: String,
        /// What is asked.
        read: PlanRead,
    },
    /// Look for the failed actions of a task that ended.
    ListFailedActions(TaskAddress),
    /// Delete the resource: its time to live is over.
    Delete,
    /// Nothing to do until the resource or the queue changes, or until this time.
    Wait(Option<Instant>),
}

impl Step {
    /// The one call of AWS that the step is; `None` for all else (and for the look at failed actions, which is many).
    pub const fn operation(&self) -> Option<Operation> {
        match self {
            Self::Start(_) => Some(Operation::Start),
            Self::Describe(_) => Some(Operation::Describe),
            Self::Cancel(_) => Some(Operation::Cancel),
            Self::ReadForPlan { read, .. } => Some(read.operation()),
            Self::Read
            | Self::WriteStatus(_)
            | Self::WriteRecord { .. }
            | Self::AddFinalizer
            | Self::RemoveFinalizer { .. }
            | Self::ListFailedActions(_)
            | Self::Delete
            | Self::Wait(_) => None,
        }
    }

    /// Whether it calls AWS, or is there to prepare a call: none is begun any more once the process is stopping.
    pub const fn begins_call(&self) -> bool {
        match self {
            Self::WriteRecord { .. }
            | Self::Start(_)
            | Self::Describe(_)
            | Self::Cancel(_)
            | Self::ReadForPlan { .. }
            | Self::ListFailedActions(_) => true,
            Self::Read
            | Self::WriteStatus(_)
            | Self::AddFinalizer
            | Self::RemoveFinalizer { .. }
            | Self::Delete
            | Self::Wait(_) => false,
        }
    }

    /// Whether it may be done although a write before it was refused. A Start may not: the record and the status are
    /// the proof that it rests on. What is done for a task that runs may, or a refused write would hide its end.
    pub const fn survives_a_refused_write(&self) -> bool {
        match self {
            Self::Describe(_) | Self::Cancel(_) | Self::ListFailedActions(_) => true,
            Self::Read
            | Self::WriteStatus(_)
            | Self::WriteRecord { .. }
            | Self::AddFinalizer
            | Self::RemoveFinalizer { .. }
            | Self::Start(_)
            | Self::ReadForPlan { .. }
            | Self::Delete
            | Self::Wait(_) => false,
        }
    }

    /// Its name, for the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::WriteStatus(_) => "WriteStatus",
            Self::WriteRecord { .. } => "WriteRecord",
            Self::AddFinalizer => "AddFinalizer",
            Self::RemoveFinalizer { .. } => "RemoveFinalizer",
            Self::Start(_) => "Start",
            Self::Describe(_) => "Describe",
            Self::Cancel(_) => "Cancel",
            Self::ReadForPlan { .. } => "ReadForPlan",
            Self::ListFailedActions(_) => "ListFailedActions",
            Self::Delete => "Delete",
            Self::Wait(_) => "Wait",
        }
    }
}

/// Where a task is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskAddress {
    /// Its id.
    pub task_id: String,
    /// Its AWS region.
    pub region: String,
}

impl From<&StartRecord> for TaskAddress {
    fn from(record: &StartRecord) -> Self {
        Self {
            task_id: record.task_id.clone(),
            region: record.region.clone(),
        }
    }
}
