//! The tasks of a policy, as far as it needs to know them.

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::api::{AUDIT_START_TIME_ANNOTATION, Phase, StoredTask};
use crate::core::task::observed::ObservedTask;
use crate::core::task::status::phase::is_finished;

/// A task of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnTask {
    /// `metadata.name`
    pub name: String,
    /// `metadata.uid`
    pub uid: String,
    /// `metadata.resourceVersion`, for the precondition of a deletion.
    pub version: Option<String>,
    /// `metadata.creationTimestamp`
    pub created: Timestamp,
    /// `status.phase`
    pub phase: Option<Phase>,
    /// The audit that it is for.
    pub audit_id: Option<String>,
    /// When that audit began.
    pub audit_start: Option<Timestamp>,
    /// Whether it is being deleted, or was by this process.
    pub is_deleting: bool,
    /// Whether a start of it may be on its way, and nothing would hold the resource until that is known.
    pub may_be_starting: bool,
}

/// What a task means to the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has not started, and can be deleted.
    NotStarted,
    /// It runs, or may be about to, or goes away.
    MayRun,
    /// Nobody knows whether it runs.
    Unknown,
    /// It has ended; whether as Completed.
    Ended {
        /// Whether every action was applied, or there was nothing to do.
        completed: bool,
    },
}

impl OwnTask {
    /// What is known of a task.
    pub fn of(task: &StoredTask) -> Self {
        let observed = ObservedTask::parse(task);
        let status = observed.status.as_ref();
        let has_attempt = status.is_some_and(|status| status.attempt.is_some());
        // A finalizer holds a resource that is deleted while its Start is on its way, until it is known what came of it.
        // Without one (Orphan) the task would run on beside the next.
        let has_intent = observed.record.is_some() || observed.unreadable_record.is_some();
        let is_unguarded = has_intent && !observed.no_request_in_flight() && !observed.has_finalizer();
        let target = observed.desired.as_ref().ok().map(|desired| &desired.target);
        let start = task.annotations().get(AUDIT_START_TIME_ANNOTATION);
        Self {
            name: task.name_any(),
            version: task.resource_version(),
            created: observed.created,
            phase: observed.phase(),
            audit_id: target.and_then(|target| target.audit_task_id.clone()),
            audit_start: start.and_then(|text| text.parse().ok()),
            is_deleting: observed.deleting_since.is_some(),
            may_be_starting: has_attempt || is_unguarded,
            uid: observed.uid,
        }
    }

    /// The order of tasks, the oldest first: that of their audits. Kubernetes' times have whole seconds, and a backup that
    /// is restored makes all tasks at once.
    pub fn age(&self) -> (Timestamp, &str) {
        (self.audit_start.unwrap_or(self.created), &self.uid)
    }

    /// What it means to the next task.
    pub fn standing(&self) -> Standing {
        match self.phase {
            Some(phase) if is_finished(phase) => Standing::Ended {
                completed: phase == Phase::Completed,
            },
            Some(Phase::Unknown) => Standing::Unknown,
            Some(Phase::Running | Phase::Canceling) => Standing::MayRun,
            _ if self.is_deleting || self.may_be_starting => Standing::MayRun,
            _ => Standing::NotStarted,
        }
    }

    /// Whether it is known to have been started.
    pub fn has_started(&self) -> bool {
        matches!(
            self.phase,
            Some(Phase::Running | Phase::Canceling | Phase::Completed | Phase::Failed | Phase::Conflict)
        )
    }
}
