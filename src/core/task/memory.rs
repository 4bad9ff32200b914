//! What the service has told this process about one resource.
//!
//! All of it may be lost at any instant, and losing it is always safe: a process that knows nothing takes every
//! start record that it finds for an attempt whose answer was lost.
//!
//! Observing and commanding are kept apart: each operation has a backoff of its own, which only its own answers change.

use std::time::{Duration, Instant};

use super::attempt::{AttemptAnswer, KnownAttempt};
use super::observed::ObservedTask;
use super::plan_memory::PlanMemory;
use super::retry::{Moment, Retries, Retry};
use crate::api::StartRecord;
use crate::core::answer::{CancelAnswer, DescribeAnswer, Described, Effect, FailedActions, Operation, StartAnswer};
use crate::core::mitigation_plan::{PlanAnswer, PlanRead, PlanRequest};
use crate::core::timing::{self, Now};

/// What the service has told this process about one resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// What is known of the attempts under one start record.
    pub attempt: Option<KnownAttempt>,
    /// The last answer to a Describe, and the task it was about.
    pub last_describe: Option<LastDescribe>,
    /// Since when every Describe of that task was answered with not found.
    pub missing_since: Option<Instant>,
    /// The last answer to a Cancel.
    pub last_cancel: Option<LastCancel>,
    /// The failed actions of the task that ended.
    pub failed_actions: Option<FailedActions>,
    /// What was read for the plan.
    pub plan: PlanMemory,
    /// What failed last, for each operation.
    pub retries: Retries,
}

/// The last answer to a Describe.
#[derive(Clone, Debug, PartialEq)]
pub struct LastDescribe {
    /// The task that was described.
    pub task_id: String,
    /// When the answer came.
    pub at: Now,
    /// The generation of the spec at that time.
    pub generation: i64,
    /// The task, or `None` for not found.
    pub task: Option<Described>,
}

/// The last answer to a Cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastCancel {
    /// When it came.
    pub at: Instant,
    /// What it was.
    pub outcome: CancelOutcome,
}

/// What became of a Cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelOutcome {
    /// The service took it.
    Accepted,
    /// The service said that the task isn't running, or doesn't exist: Describe decides.
    NotRunning,
    /// It was refused, or got no answer.
    Failed,
}

impl Memory {
    /// This process has written a record: it knows what happens under it from the beginning.
    pub fn record_written(&mut self, record: StartRecord, now: Now) {
        *self = Self {
            attempt: Some(KnownAttempt::nothing_sent(record, None, now.monotonic)),
            plan: std::mem::take(&mut self.plan),
            retries: std::mem::take(&mut self.retries),
            ..Self::default()
        };
    }

    /// This process has written a status over the one of this resource, guarded by the resourceVersion. If the old one
    /// proved that no request was in flight, that is known from now on, though the new one may not prove it.
    pub fn status_written(&mut self, over: &ObservedTask, now: Now) {
        let Some(record) = over
            .record
            .as_ref()
            .filter(|record| over.no_request_in_flight() && record.uid == over.uid)
        else {
            return;
        };
        if self.attempt.as_ref().is_none_or(|known| known.record != *record) {
            let refused = Some(AttemptAnswer::Refused);
            self.attempt = Some(KnownAttempt::nothing_sent(record.clone(), refused, now.monotonic));
        }
    }

    /// What is known of the attempts under a record. One that this process did not write was found: an attempt may
    /// have been sent until the moment from which on this process knows everything (`known_since`).
    pub fn attempt_under(&self, record: &StartRecord, known_since: Instant) -> KnownAttempt {
        match &self.attempt {
            Some(known) if known.record == *record => known.clone(),
            _ => KnownAttempt::found(record.clone(), known_since),
        }
    }

    /// Whether an attempt under this record may have taken effect, and nothing has settled yet whether it did.
    pub fn is_open(&self, known: &KnownAttempt) -> bool {
        known.is_unsettled() && !self.shows_nothing_started(known)
    }

    /// Whether "not found" says nothing about this record, since the service would have forgotten its task by now.
    pub fn may_have_expired(&self, known: &KnownAttempt, now: &Now) -> bool {
        known.is_unsettled() && timing::is_record_expired(known.record.time, now.wall)
    }

    /// Whether Describe said "not found" so late that no request under this record can arrive any more.
    pub fn shows_nothing_started(&self, known: &KnownAttempt) -> bool {
        self.last_describe_of(&known.record.task_id).is_some_and(|last| {
            let waited = last.at.elapsed_since(known.last_sent);
            last.task.is_none() && waited >= timing::SIGNATURE_LIFETIME
        })
    }

    /// Whether Describe has said for longer than the grace period that there is no such task.
    pub fn is_missing_for_good(&self, task_id: &str) -> bool {
        let last = self.last_describe_of(task_id).filter(|last| last.task.is_none());
        last.is_some_and(|last| last.at.elapsed_since(self.missing_since(last)) >= timing::GRACE)
    }

    /// Since when the task of this last Describe has been missing.
    pub fn missing_since(&self, last: &LastDescribe) -> Instant {
        self.missing_since.unwrap_or(last.at.monotonic)
    }

    /// The last answer to a Describe of this task.
    pub fn last_describe_of(&self, task_id: &str) -> Option<&LastDescribe> {
        self.last_describe.as_ref().filter(|last| last.task_id == task_id)
    }

    /// The task of this id, as Describe showed it last.
    pub fn described(&self, task_id: &str) -> Option<&Described> {
        self.last_describe_of(task_id)?.task.as_ref()
    }

    /// The answer to a Start under this record.
    pub fn start_answered(
        &mut self,
        record: &StartRecord,
        known_since: Instant,
        answer: StartAnswer,
        moment: Moment<'_>,
    ) {
        let mut known = self.attempt_under(record, known_since);
        known.last_sent = moment.now.monotonic;
        match answer {
            StartAnswer::Success { task_id } => {
                known.answer = Some(AttemptAnswer::Success { task_id });
                self.retries.succeeded(Operation::Start);
                self.begin_grace();
            }
            StartAnswer::AlreadyExists => {
                known.answer = Some(AttemptAnswer::AlreadyExists);
                self.retries.succeeded(Operation::Start);
                self.begin_grace();
            }
            StartAnswer::InvalidRequest(message) => {
                known.answer = Some(AttemptAnswer::Invalid {
                    message,
                    generation: moment.generation,
                });
                self.retries.succeeded(Operation::Start);
            }
            StartAnswer::Failed(failure) => {
                match failure.effect {
                    Effect::None => known.answer = Some(AttemptAnswer::Refused),
                    Effect::Unknown => {
                        known.opened_at.get_or_insert(moment.now.monotonic);
                        known.answer = None;
                    }
                }
                self.retries.failed(Operation::Start, failure, moment);
            }
        }
        self.attempt = Some(known);
    }

    /// A Describe may lag behind from now on, so what said "not found" before says nothing any more.
    fn begin_grace(&mut self) {
        self.missing_since = None;
        self.last_describe = self.last_describe.take().filter(|last| last.task.is_some());
    }

    /// The answer to a Describe of this task.
    pub fn describe_answered(&mut self, task_id: &str, answer: DescribeAnswer, moment: Moment<'_>) {
        let task = match answer {
            DescribeAnswer::Found(task) => Some(*task),
            DescribeAnswer::NotFound => None,
            DescribeAnswer::Failed(failure) => return self.retries.failed(Operation::Describe, failure, moment),
        };
        self.retries.succeeded(Operation::Describe);
        let was_missing = self.missing_since.filter(|_| self.last_describe_of(task_id).is_some());
        self.missing_since = match task {
            Some(_) => None,
            None => was_missing.or(Some(moment.now.monotonic)),
        };
        self.last_describe = Some(LastDescribe {
            task_id: task_id.to_owned(),
            at: moment.now,
            generation: moment.generation,
            task,
        });
    }

    /// The answer to a call for the plan, which took that long.
    pub fn plan_answered(
        &mut self,
        request: &PlanRequest<'_>,
        read: &PlanRead,
        answer: PlanAnswer,
        took: Duration,
        moment: Moment<'_>,
    ) {
        self.plan
            .answered(request, read, answer, took, moment, &mut self.retries);
    }

    /// The answer to a Cancel.
    pub fn cancel_answered(&mut self, answer: CancelAnswer, moment: Moment<'_>) {
        let outcome = match answer {
            CancelAnswer::Accepted => {
                self.retries.succeeded(Operation::Cancel);
                CancelOutcome::Accepted
            }
            CancelAnswer::NotRunning(failure) => {
                self.retries.failed(Operation::Cancel, failure, moment);
                CancelOutcome::NotRunning
            }
            CancelAnswer::Failed(failure) => {
                self.retries.failed(Operation::Cancel, failure, moment);
                CancelOutcome::Failed
            }
        };
        self.last_cancel = Some(LastCancel {
            at: moment.now.monotonic,
            outcome,
        });
    }

    /// What failed last with this operation, until it goes well; an edit of the spec ends it.
    pub fn retry_of(&self, operation: Operation, generation: i64) -> Option<&Retry> {
        self.retries
            .of(operation)
            .filter(|retry| retry.generation == generation)
    }
}
