//! An account in a region, and its tasks.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;

use crate::Operation;
use crate::clock::plus;
use crate::rate::Bucket;
use crate::task::TaskState;

/// An account in a region: what a task id is unique in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Scope {
    pub account: String,
    pub region: String,
}

impl Scope {
    /// The ARN of a resource. An account that isn't twelve digits gets twelve that are its own.
    pub(crate) fn arn(&self, kind: &str, name: &str) -> String {
        let account = &self.account;
        let digits = if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) {
            account.clone()
        } else {
            let sum = account
                .bytes()
                .fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
            format!("{:012}", sum % 1_000_000_000_000)
        };
        format!("arn:aws:iot:{}:{digits}:{kind}/{name}", self.region)
    }
}

/// The tasks of a scope, with the indexes that keep each call from looking at all of them.
#[derive(Debug, Default)]
pub(crate) struct Tasks {
    pub by_id: HashMap<String, TaskState>,
    /// Token to task id.
    pub tokens: HashMap<String, String>,
    /// Running tasks by their end.
    pub running: BTreeSet<(Timestamp, String)>,
    /// Tasks by their start.
    pub by_start: BTreeSet<(Timestamp, String)>,
    pub rates: HashMap<Operation, Bucket>,
}

impl Tasks {
    /// Lets time do its work: tasks end, and are forgotten after the retention.
    pub(crate) fn settle(&mut self, now: Timestamp, retention: Duration) {
        while self.running.first().is_some_and(|(end, _)| *end <= now) {
            self.running.pop_first();
        }
        while self
            .by_start
            .first()
            .is_some_and(|(start, _)| plus(*start, retention) <= now)
        {
            if let Some((_, id)) = self.by_start.pop_first()
                && let Some(task) = self.by_id.remove(&id)
            {
                self.running.remove(&(task.end(), id.clone()));
                if self.tokens.get(&task.token) == Some(&id) {
                    self.tokens.remove(&task.token);
                }
            }
        }
    }

    /// Changes a task, and keeps the index of running tasks right.
    pub(crate) fn change<T>(
        &mut self,
        id: &str,
        now: Timestamp,
        change: impl FnOnce(&mut TaskState) -> T,
    ) -> Option<T> {
        let task = self.by_id.get_mut(id)?;
        let was_running = self.running.remove(&(task.end(), id.to_owned()));
        let result = change(task);
        if was_running && task.is_running(now) {
            self.running.insert((task.end(), id.to_owned()));
        }
        Some(result)
    }
}
