//! The resources as people and tools see them. Each kind has a room of its own.

pub mod approval;
mod cel;
mod columns;
pub mod crds;
mod deletion_policy;
mod metadata;
mod parsed;
pub mod policy;
pub mod reason;
mod schema;
pub mod task;

pub use approval::{Approval, ApprovalBounds};
pub use deletion_policy::DeletionPolicy;
pub use parsed::Parsed;
pub use policy::{
    AUDIT_START_TIME_ANNOTATION, AuditMitigationPolicy, AuditMitigationPolicySpec, AuditMitigationPolicyStatus,
    AuditOutcome, AuditRecord, POLICY_LABEL, StoredPolicy, WatchedSchedule, Watching,
};
pub use reason::Reason;
pub use task::*;

/// The name under which the controller writes (field manager, reporting controller of events).
pub const CONTROLLER_NAME: &str = "audit-mitigation-operator";
