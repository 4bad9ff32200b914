//! What the service does with starts, descriptions and cancellations, as far as the world needs it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::bench::{failure, refused};
use crate::api::{StartRecord, Target};
use crate::core::answer::{CancelAnswer, DescribeAnswer, Described, Effect, StartAnswer, TaskState, Trouble};
use crate::core::facts::Wish;

/// How long a task runs.
pub(super) const DURATION: SignedDuration = SignedDuration::from_secs(120);
/// How long the service remembers a task.
const RETENTION: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What no document settles: the world is tried under each reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// The same id with the same token succeeds again, or is told that it exists.
    pub(super) replay_succeeds: bool,
    /// A token of another task gives TaskAlreadyExists, or InvalidRequest.
    pub(super) used_token_exists: bool,
    /// How long Describe lags behind Start.
    pub(super) lag_seconds: i64,
}

/// What goes wrong with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Refused for this reason.
    Refused(Trouble),
    /// The request is lost on its way.
    LostBefore,
    /// The answer is lost.
    LostAfter,
    /// The client gives up, and the request arrives that much later.
    Late(i64),
}

#[derive(Clone, Debug)]
struct Task {
    token: String,
    target: Target,
    mapping: BTreeMap<String, Vec<String>>,
    started: Timestamp,
    canceled: Option<Timestamp>,
}

/// One account and region.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) reading: Reading,
    tasks: BTreeMap<String, Task>,
    late: Vec<(Timestamp, StartRecord, Wish)>,
    /// The request hashes of what this operator's starts have started, and when.
    pub(super) started: Vec<(String, Timestamp)>,
    /// The tokens of what was cancelled.
    pub(super) canceled: Vec<String>,
    pub(super) calls: usize,
}

impl Service {
    pub(super) fn new(reading: Reading) -> Self {
        Self {
            reading,
            tasks: BTreeMap::new(),
            late: Vec::new(),
            started: Vec::new(),
            canceled: Vec::new(),
            calls: 0,
        }
    }

    /// Somebody else starts a task.
    pub(super) fn start_elsewhere(&mut self, wish: &Wish, mapping: &BTreeMap<String, Vec<String>>, now: Timestamp) {
        self.forget(now);
        self.tasks.entry(wish.task_id.clone()).or_insert_with(|| Task {
            token: "somebody-else".to_owned(),
            target: wish.target.clone(),
            mapping: mapping.clone(),
            started: now,
            canceled: None,
        });
    }

    /// Requests that were given up on arrive.
    pub(super) fn deliver(&mut self, now: Timestamp) {
        let (due, later) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        self.late = later;
        let mut due: Vec<_> = due;
        due.sort_by_key(|(at, ..)| *at);
        for (at, record, wish) in due {
            self.do_start(&record, &wish, at);
        }
    }

    pub(super) fn start(
        &mut self,
        record: &StartRecord,
        wish: &Wish,
        now: Timestamp,
        fault: Option<Fault>,
    ) -> StartAnswer {
        self.calls += 1;
        let lost = || StartAnswer::Failed(failure(Trouble::ServiceUnavailable, Effect::Unknown));
        match fault {
            Some(Fault::Refused(trouble)) => refused(trouble),
            Some(Fault::LostBefore) => lost(),
            Some(Fault::LostAfter) => {
                self.do_start(record, wish, now);
                lost()
            }
            Some(Fault::Late(seconds)) => {
                self.late
                    .push((now + SignedDuration::from_secs(seconds), record.clone(), wish.clone()));
                lost()
            }
            None => self.do_start(record, wish, now),
        }
    }

    fn do_start(&mut self, record: &StartRecord, wish: &Wish, now: Timestamp) -> StartAnswer {
        self.forget(now);
        if let Some(task) = self.tasks.get(&record.task_id) {
            let is_replay = task.token == record.token && self.reading.replay_succeeds;
            return if is_replay {
                StartAnswer::Success {
                    task_id: record.task_id.clone(),
                }
            } else {
                StartAnswer::AlreadyExists
            };
        }
        if self.tasks.values().any(|task| task.token == record.token) {
            let invalid = StartAnswer::InvalidRequest("the token was used for another task".to_owned());
            return if self.reading.used_token_exists {
                StartAnswer::AlreadyExists
            } else {
                invalid
            };
        }
        self.started.push((record.request_hash.clone(), now));
        let task = Task {
            token: record.token.clone(),
            target: wish.target.clone(),
            mapping: wish.mapping.clone(),
            started: now,
            canceled: None,
        };
        self.tasks.insert(record.task_id.clone(), task);
        StartAnswer::Success {
            task_id: record.task_id.clone(),
        }
    }

    pub(super) fn describe(&mut self, task_id: &str, now: Timestamp, fault: Option<Fault>) -> DescribeAnswer {
        self.calls += 1;
        self.forget(now);
        if let Some(fault) = fault {
            let trouble = if let Fault::Refused(trouble) = fault {
                trouble
            } else {
                Trouble::ServiceUnavailable
            };
            return DescribeAnswer::Failed(failure(trouble, Effect::Unknown));
        }
        let visible_after = SignedDuration::from_secs(self.reading.lag_seconds);
        let task = self
            .tasks
            .get(task_id)
            .filter(|task| now.duration_since(task.started) >= visible_after);
        let Some(task) = task else {
            return DescribeAnswer::NotFound;
        };
        let (state, end_time) = task.state(now);
        DescribeAnswer::Found(Box::new(Described {
            state,
            start_time: Some(task.started),
            end_time,
            statistics: BTreeMap::new(),
            target: Some(task.target.clone()),
            mapping: Some(task.mapping.clone()),
        }))
    }

    pub(super) fn cancel(&mut self, task_id: &str, now: Timestamp, fault: Option<Fault>) -> CancelAnswer {
        self.calls += 1;
        self.forget(now);
        if let Some(Fault::Refused(_) | Fault::LostBefore) = fault {
            return CancelAnswer::Failed(failure(Trouble::Throttled, Effect::None));
        }
        let Some(task) = self.tasks.get_mut(task_id) else {
            return CancelAnswer::NotFound;
        };
        self.canceled.push(task.token.clone());
        if task.state(now).0.is_ended() {
            return CancelAnswer::NotRunning;
        }
        task.canceled = Some(now);
        match fault {
            Some(_) => CancelAnswer::Failed(failure(Trouble::ServiceUnavailable, Effect::Unknown)),
            None => CancelAnswer::Accepted,
        }
    }

    fn forget(&mut self, now: Timestamp) {
        self.tasks
            .retain(|_, task| now.duration_since(task.started) < RETENTION);
    }
}

impl Task {
    fn state(&self, now: Timestamp) -> (TaskState, Option<Timestamp>) {
        let end = self.started + DURATION;
        match self.canceled {
            Some(at) => (TaskState::Canceled, Some(at)),
            None if now >= end => (TaskState::Completed, Some(end)),
            None => (TaskState::InProgress, None),
        }
    }
}
