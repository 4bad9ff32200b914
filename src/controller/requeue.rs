//! When a resource is looked at again.

use std::time::{Duration, Instant};

use kube::runtime::controller::Action;

/// What comes after a reconcile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Requeue {
    /// Nothing, until the resource or the queue changes.
    UntilChange,
    /// Another one after this time, or when something changes.
    For(Duration),
}

impl Requeue {
    /// Another one at this time, or when something changes.
    pub(super) fn at(time: Instant) -> Self {
        Self::For(time.saturating_duration_since(Instant::now()))
    }
}

impl From<Requeue> for Action {
    fn from(requeue: Requeue) -> Self {
        match requeue {
            Requeue::UntilChange => Self::await_change(),
            Requeue::For(time) => Self::requeue(time),
        }
    }
}
