//! Everything that a decision is made from.

use std::time::{Duration, Instant};

use super::memory::Memory;
use super::observed::ObservedTask;
use super::retry::Retry;
use super::step::Step;
use crate::api::{AuditMitigationTaskStatus, StartRecord};
use crate::core::answer::Operation;
use crate::core::timing::{Now, PollBounds};

/// How large a resource may be that something is started for. etcd takes 1.5 MiB (`--max-request-bytes`), and record,
/// finalizer and status are still to come.
const LARGEST: usize = 1 << 20;

/// Everything that a decision is made from.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The time.
    pub now: Now,
    /// From when on this process knows every request that was sent for the resource: it began to lead then, or lost
    /// its memory in a panic.
    pub known_since: Instant,
    /// The resource, as the API server stores it.
    pub observed: &'a ObservedTask,
    /// How many bytes the resource has on the API server, about.
    pub size: usize,
    /// Whether the resource was read from the API server in this pass, and not from the watch cache, which may lag.
    pub is_fresh: bool,
    /// What the service has told this process about the resource.
    pub memory: &'a Memory,
    /// Whether an older resource of this cluster names the task of [`ObservedTask::named_task`].
    pub is_claimed_by_older: bool,
    /// A status that was written and that the API server stores otherwise: an older CRD drops a field, a webhook
    /// changes one. It is not written again.
    pub altered_status: Option<&'a AuditMitigationTaskStatus>,
    /// The hash of the plan that the resource's policy approves, if it is a policy's.
    pub plan_of_policy: Option<&'a str>,
    /// What is the same for all resources.
    pub settings: &'a Settings,
}

/// What is the same for all resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The region of resources that name none.
    pub default_region: Option<String>,
    /// Bounds of the wait between two Describe calls of a task.
    pub poll: PollBounds,
    /// How long a deletion waits for the service.
    pub cancel_timeout: Duration,
}

impl<'a> Observation<'a> {
    /// What failed last with this operation, until it goes well or the spec is edited.
    pub(super) fn retry_of(&self, operation: Operation) -> Option<&'a Retry> {
        self.memory.retry_of(operation, self.observed.generation)
    }

    /// Whether a start record or a status might not fit into the resource any more.
    pub(super) const fn is_too_large(&self) -> bool {
        self.size > LARGEST
    }

    /// Sends a Start under this record. Only an object that was just read is proof enough for it, so it is read first.
    pub(super) fn start_step(&self, record: &StartRecord) -> Step {
        if self.is_fresh {
            Step::Start(record.clone())
        } else {
            Step::Read
        }
    }

    /// The region that a start of this resource goes to.
    pub fn region(&self) -> Option<&str> {
        let desired = self.observed.desired.as_ref().ok();
        desired
            .and_then(|desired| desired.region.as_deref())
            .or(self.settings.default_region.as_deref())
    }
}
