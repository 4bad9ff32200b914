//! The log of calls, to assert on.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Operation;

/// A call as it was received, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Its number, from 1.
    pub seq: u64,
    /// When it came, by the simulator's clock.
    pub time: Timestamp,
    /// When its client signed it, by the client's clock, in whole seconds.
    pub signed: Option<Timestamp>,
    /// The access key that it was signed with.
    pub access_key: String,
    /// The account of that key.
    pub account: String,
    /// The region that it was signed for.
    pub region: String,
    /// The operation, where the path means one.
    pub operation: Option<Operation>,
    /// The member `taskId` of the input, wherever it stood.
    pub task_id: Option<String>,
    /// The member `actionName`, `scheduledAuditName` or `findingId` of the input.
    pub name: Option<String>,
    /// HTTP method.
    pub method: String,
    /// Path and query as received.
    pub uri: String,
    /// The body's JSON as received; null without one.
    pub body: Value,
    /// Members and parameters that the service's model doesn't have. The service ignores them.
    pub unknown_members: Vec<String>,
    /// Whether the call's work was done: everything but the answer's way to the client.
    pub worked: bool,
    /// Whether its work started a task: a replay starts none.
    pub started: bool,
    /// Status code of the answer.
    pub status: Option<u16>,
    /// The answer's error code.
    pub code: Option<String>,
    /// Whether the answer was handed to a connection that was still open.
    pub delivered: bool,
}

/// The newest calls.
#[derive(Debug)]
pub(crate) struct CallLog {
    limit: usize,
    next: u64,
    calls: VecDeque<Call>,
}

impl CallLog {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            next: 1,
            calls: VecDeque::new(),
        }
    }

    /// Numbers and keeps a call.
    pub(crate) fn push(&mut self, mut call: Call) -> u64 {
        let seq = self.next;
        self.next = seq.saturating_add(1);
        call.seq = seq;
        if self.calls.len() >= self.limit {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
        seq
    }

    /// The number of the next call.
    pub(crate) fn next_seq(&self) -> u64 {
        self.next
    }

    pub(crate) fn get_mut(&mut self, seq: u64) -> Option<&mut Call> {
        let first = self.calls.front()?.seq;
        let index = usize::try_from(seq.checked_sub(first)?).ok()?;
        self.calls.get_mut(index)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Call> {
        self.calls.iter()
    }

    /// Forgets the calls so far; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.calls.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_and_finds_them_by_number() {
        let mut log = CallLog::new(2);
        for account in ["a", "b", "c"] {
            log.push(Call {
                account: account.to_owned(),
                ..Call::default()
            });
        }
        assert_eq!(log.get_mut(1), None);
        assert_eq!(log.get_mut(3).unwrap().account, "c");
        assert_eq!(log.get_mut(4), None);
        log.clear();
        assert_eq!(log.push(Call::default()), 4);
    }
}
