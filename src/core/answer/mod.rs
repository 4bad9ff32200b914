//! What the service can answer, classified once where the answers enter (`crate::aws::classify`).

mod failure;
mod operation;
mod reads;
mod task;

pub use failure::{Effect, ErrorClass, Failure};
pub use operation::Operation;
pub use reads::{
    ActionDefinition, Audit, AuditState, AuditedCheck, AuditsPage, CheckState, Finding, FindingsPage, Frequency,
    ListedAudit, ReadAnswer, ScheduledAudit,
};
pub use task::{CancelAnswer, DescribeAnswer, Described, FailedActions, StartAnswer, TaskState};
