//! Everything that a decision is made from.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::core::answer::Operation;
use crate::core::queue::Admission;
use crate::core::task::memory::{Memory, Retry};
use crate::core::task::observed::ObservedTask;
use crate::core::timing::PollBounds;

/// Everything that a decision is made from.
#[derive(Clone, Copy, Debug)]
pub struct Observation<'a> {
    /// The time, by the operator's clock.
    pub now: Timestamp,
    /// The same moment by the clock that nobody sets.
    pub instant: Instant,
    /// From when on only this process may send requests. It moves with the clock when that is set.
    pub since: Timestamp,
    /// The resource, as the API server stores it.
    pub observed: &'a ObservedTask,
    /// Whether the resource was read from the API server in this pass, and not from the watch cache, which may lag.
    pub is_fresh: bool,
    /// What this process heard from the service about it.
    pub memory: &'a Memory,
    /// Whether there is a slot for it.
    pub admission: Admission,
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
    /// The region that a start of this resource goes to.
    #[must_use]
    pub fn region(&self) -> Option<&str> {
        let wished = self
            .observed
            .desired
            .as_ref()
            .ok()
            .and_then(|desired| desired.region.as_deref());
        wished.or(self.settings.default_region.as_deref())
    }

    /// What went wrong with one of these operations and is not to be tried again yet.
    #[must_use]
    pub fn backoff_of(&self, operations: &[Operation]) -> Option<&'a Retry> {
        self.memory.backoff_of(operations, self.observed.generation, self.now)
    }
}
