//! What failed and is tried again: one backoff for each operation.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;

use crate::core::answer::{ErrorClass, Failure, Operation};
use crate::core::timing::{self, Now};

/// What the shell knows when an answer arrives.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The time.
    pub now: Now,
    /// The resource's uid, which spreads the retries of many resources.
    pub uid: &'a str,
    /// The generation that was acted upon.
    pub generation: i64,
}

/// A call that failed and is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The class of the answer.
    pub class: ErrorClass,
    /// What a person should read.
    pub message: String,
    /// How often in a row.
    pub count: u32,
    /// When to try again.
    pub at: Instant,
    /// The same time as the status shows it. It is kept, so that the status doesn't change with the clock.
    pub shown_at: Timestamp,
    /// The generation of the spec at that time: an edit is reason to try again at once.
    pub generation: i64,
}

/// What failed last, for each operation that the decisions call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retries(BTreeMap<Operation, Retry>);

impl Retries {
    /// What failed last with this operation, until it goes well.
    pub fn of(&self, operation: Operation) -> Option<&Retry> {
        self.0.get(&operation)
    }

    /// The operation went well.
    pub fn succeeded(&mut self, operation: Operation) {
        self.0.remove(&operation);
    }

    /// The operation failed: the wait until the next attempt grows.
    pub fn failed(&mut self, operation: Operation, failure: Failure, moment: Moment<'_>) {
        let Failure {
            class,
            effect: _,
            message,
        } = failure;
        let before = self.of(operation).filter(|retry| retry.generation == moment.generation);
        let count = before.map_or(0, |retry| retry.count).saturating_add(1);
        let wait = timing::backoff(moment.now.monotonic, class, count, moment.uid);
        let retry = Retry {
            class,
            message,
            count,
            at: moment.now.monotonic + wait,
            shown_at: timing::after(moment.now.wall, wait),
            generation: moment.generation,
        };
        self.0.insert(operation, retry);
    }
}
