//! The next step: what the shell is to do, one effect at a time.

use super::own_task::OwnTask;
use crate::api::{AuditMitigationPolicyStatus, AuditMitigationTask};

/// One effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Read the policy from the API server: the next effect must not rest on a stale cache.
    Read,
    /// Write this status.
    WriteStatus(Box<AuditMitigationPolicyStatus>),
    /// Describe the schedule.
    DescribeSchedule {
        /// Its name.
        name: String,
        /// Its region.
        region: String,
    },
    /// Make this task.
    CreateTask {
        /// The audit that it is for.
        audit_id: String,
        /// The task.
        task: Box<AuditMitigationTask>,
    },
    /// Delete this task, exactly as it was seen.
    DeleteTask {
        /// The task.
        task: Box<OwnTask>,
        /// Whether it has not started and never will; else it is one of the ended that are too many.
        is_superseded: bool,
    },
}

impl Step {
    /// Whether only the leader may do it, and only while it surely is.
    pub const fn is_the_leaders(&self) -> bool {
        match self {
            Self::WriteStatus(_) | Self::CreateTask { .. } | Self::DeleteTask { .. } => true,
            Self::Read | Self::DescribeSchedule { .. } => false,
        }
    }

    /// Its name, for the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::WriteStatus(_) => "WriteStatus",
            Self::DescribeSchedule { .. } => "DescribeSchedule",
            Self::CreateTask { .. } => "CreateTask",
            Self::DeleteTask { .. } => "DeleteTask",
        }
    }
}
