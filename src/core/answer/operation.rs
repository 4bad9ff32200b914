//! The operations of AWS IoT that the operator calls.

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
