//! The resource `AuditMitigationTask` as people and tools see it: its types, its names, its CRD.
//!
//! Field names and spellings are the service's own, so that the JSON of an AWS CLI call can be pasted.

mod columns;
pub mod crd;
pub mod plan;
mod rules;
pub mod spec;
pub mod start_record;
pub mod status;
pub mod stored;

pub use plan::{MitigationPlan, PlannedAction, PlannedCheck, PlannedFinding};
pub use spec::{AuditMitigationTask, AuditMitigationTaskSpec, Target};
pub use start_record::StartRecord;
pub use status::{Attempt, AuditMitigationTaskStatus, FindingFailure, FindingStatistics, Phase, StartedBy};
pub use stored::StoredTask;

/// The finalizer that holds a resource back until its task needs nothing more.
pub const FINALIZER: &str = "devicedefender.dev/task";

/// The annotation with the [`StartRecord`]: the intent to start, written before the start.
pub const START_RECORD_ANNOTATION: &str = "devicedefender.dev/start-record";

/// The longest name that a resource without a `spec.taskId` may have, as for a `CronJob`.
pub const MAX_NAME_LENGTH_WITHOUT_TASK_ID: usize = 52;
