//! What failed and is tried again: one backoff for each operation.

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
pub struct Retries {
    start: Option<Retry>,
    describe: Option<Retry>,
    cancel: Option<Retry>,
}

impl Retries {
    /// What failed last with this operation, until it goes well.
    pub const fn of(&self, operation: Operation) -> Option<&Retry> {
        match operation {
            Operation::Start => self.start.as_ref(),
            Operation::Describe => self.describe.as_ref(),
            Operation::Cancel => self.cancel.as_ref(),
            // The look for failed actions is made once.
            Operation::ListExecutions | Operation::ListFindings => None,
        }
    }

    /// The operation went well.
    pub fn succeeded(&mut self, operation: Operation) {
        if let Some(retry) = self.slot(operation) {
            *retry = None;
        }
    }

    /// The operation failed: the wait until the next attempt grows.
    pub fn failed(&mut self, operation: Operation, failure: Failure, moment: Moment<'_>) {
        let Failure {
            class,
            effect: _,
            message,
        } = failure;
        let Some(retry) = self.slot(operation) else { return };
        let before = retry.as_ref().filter(|retry| retry.generation == moment.generation);
        let count = before.map_or(0, |retry| retry.count).saturating_add(1);
        let wait = timing::backoff(moment.now.monotonic, class, count, moment.uid);
        *retry = Some(Retry {
            class,
            message,
            count,
            at: moment.now.monotonic + wait,
            shown_at: timing::after(moment.now.wall, wait),
            generation: moment.generation,
        });
    }

    const fn slot(&mut self, operation: Operation) -> Option<&mut Option<Retry>> {
        match operation {
            Operation::Start => Some(&mut self.start),
            Operation::Describe => Some(&mut self.describe),
            Operation::Cancel => Some(&mut self.cancel),
            Operation::ListExecutions | Operation::ListFindings => None,
        }
    }
}
