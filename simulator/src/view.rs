//! What tests see of the state.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::outcome::CheckStatistics;
use crate::scope::Scope;
use crate::state::State;
use crate::task::TaskState;

/// A mitigation task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// The account that it runs in.
    pub account: String,
    /// The region that it runs in.
    pub region: String,
    /// Its id.
    pub task_id: String,
    /// The token that it was started with.
    pub token: String,
    /// The body of the request that started it, exactly as received.
    pub request: Value,
    /// Its status by now, as Describe tells it.
    pub status: String,
    /// Its start.
    pub start: Timestamp,
    /// Its end, if it has ended.
    pub end: Option<Timestamp>,
    /// What became of its findings so far.
    pub statistics: BTreeMap<String, CheckStatistics>,
    /// The findings that it mitigates, in order: those that are suppressed or skipped are not among them.
    pub mitigates: Vec<String>,
}

impl Task {
    /// The audit that its request names.
    pub fn audit(&self) -> Option<&str> {
        self.request.pointer("/target/auditTaskId")?.as_str()
    }
}

/// Numbers that never go down.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Tasks that were ever started, also those that are forgotten by now.
    pub tasks_started: u64,
    /// The most tasks that ran at the same time in one account and region.
    pub max_running: usize,
    /// How often a task of this id was started, in any account and region.
    pub starts: BTreeMap<String, u64>,
    /// How many Start requests of this id got as far as to be looked at, whatever they were answered.
    pub start_requests: BTreeMap<String, u64>,
}

impl Counters {
    pub(crate) fn start_requested(&mut self, task_id: &str) {
        let count = self.start_requests.entry(task_id.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn started(&mut self, task_id: &str, running: usize) {
        let count = self.starts.entry(task_id.to_owned()).or_default();
        *count = count.saturating_add(1);
        self.tasks_started = self.tasks_started.saturating_add(1);
        self.max_running = self.max_running.max(running);
    }
}

impl State {
    /// Every task that isn't forgotten, by account and region, oldest first.
    pub(crate) fn tasks(&mut self, wall: Timestamp) -> Vec<Task> {
        let now = self.clock.now(wall);
        let retention = self.config.settings.readings.retention;
        let mut all = Vec::new();
        for (scope, tasks) in &mut self.scopes {
            tasks.settle(now, retention);
            let found = tasks.by_start.iter().filter_map(|(_, id)| tasks.by_id.get(id));
            all.extend(found.map(|task| view(scope, task, now)));
        }
        all
    }
}

fn view(scope: &Scope, task: &TaskState, now: Timestamp) -> Task {
    Task {
        account: scope.account.clone(),
        region: scope.region.clone(),
        task_id: task.id.clone(),
        token: task.token.clone(),
        request: task.request.clone(),
        status: task.status(now).to_owned(),
        start: task.start,
        end: (!task.is_running(now)).then(|| task.end()),
        statistics: task.statistics(now),
        mitigates: task.mitigates().map(str::to_owned).collect(),
    }
}
