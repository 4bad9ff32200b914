//! The resource `AuditMitigationPolicy` as people and tools see it: its types, its names, its CRD.
//!
//! It stands for the tasks of all audits of one schedule. Names and spellings are those of the task.

mod columns;
pub mod crd;
mod rules;
pub mod spec;
pub mod status;
pub mod stored;

pub use spec::{AuditMitigationPolicy, AuditMitigationPolicySpec};
pub use status::{AuditMitigationPolicyStatus, AuditOutcome, AuditRecord, WatchedSchedule, Watching};
pub use stored::StoredPolicy;

/// The label of a task with the name of the policy that made it.
pub const POLICY_LABEL: &str = "devicedefender.dev/policy";

/// The annotation of a policy's task with the start of its audit: what is older than what.
pub const AUDIT_START_TIME_ANNOTATION: &str = "devicedefender.dev/audit-start-time";

/// The longest name of a policy: it becomes part of the names and ids of its tasks.
pub const MAX_POLICY_NAME_LENGTH: usize = 52;
