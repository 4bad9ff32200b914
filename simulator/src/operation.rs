//! The operations that are simulated.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An operation of the service, written by its name in the service's model.
#[allow(missing_docs, reason = "the service's own names")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operation {
    StartAuditMitigationActionsTask,
    DescribeAuditMitigationActionsTask,
    CancelAuditMitigationActionsTask,
    ListAuditMitigationActionsTasks,
    ListAuditMitigationActionsExecutions,
    ListAuditFindings,
    DescribeAuditFinding,
    ListAuditTasks,
    DescribeAuditTask,
    ListMitigationActions,
    DescribeMitigationAction,
    CreateMitigationAction,
    UpdateMitigationAction,
    DeleteMitigationAction,
    StartOnDemandAuditTask,
    CancelAuditTask,
    ListScheduledAudits,
    DescribeScheduledAudit,
    CreateScheduledAudit,
    UpdateScheduledAudit,
    DeleteScheduledAudit,
}

impl Operation {
    /// The operation that the tests speak of most.
    pub const START: Self = Self::StartAuditMitigationActionsTask;
    /// Describe of a mitigation task.
    pub const DESCRIBE: Self = Self::DescribeAuditMitigationActionsTask;
    /// Cancel of a mitigation task.
    pub const CANCEL: Self = Self::CancelAuditMitigationActionsTask;
    /// The executions of a finding's actions.
    pub const EXECUTIONS: Self = Self::ListAuditMitigationActionsExecutions;

    /// The operation of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        serde_json::from_value(serde_json::Value::String(name.to_owned())).ok()
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self:?}")
    }
}
