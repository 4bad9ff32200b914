//! What this process has heard from the service about one resource.
//!
//! All of it may be lost at any instant, and losing it is always safe: a process that knows nothing takes every
//! start record that it finds for an attempt whose answer was lost.

use jiff::{SignedDuration, Timestamp};

use crate::api::StartRecord;
use crate::core::answer::{
    CancelAnswer, DescribeAnswer, Described, Effect, ErrorClass, FailedActions, Failure, Operation, StartAnswer,
};
use crate::core::task::decide::is_at_rest;
use crate::core::task::observed::ObservedTask;
use crate::core::timing;

/// What this process has heard about one resource.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// What is known of the attempts under one start record.
    pub attempt: Option<AttemptKnown>,
    /// The last answer to a Describe, and the task it was about.
    pub described: Option<LastDescribe>,
    /// Since when every Describe of that task was answered with not found.
    pub missing_since: Option<Timestamp>,
    /// The answer to a Cancel.
    pub cancel: Option<CancelKnown>,
    /// The failed actions of the task that ended.
    pub failed_actions: Option<FailedActions>,
    /// What went wrong last, until something goes well.
    pub retry: Option<Retry>,
}

/// What this process knows of the attempts under one start record.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptKnown {
    /// The record.
    pub record: StartRecord,
    /// At least one attempt under the record may have taken effect without an answer.
    pub unanswered: bool,
    /// The last moment at which a request under this record could have been sent.
    pub last_sent: Timestamp,
    /// The last answer, when there was one.
    pub answer: Option<Answered>,
}

impl AttemptKnown {
    fn is_unsettled(&self) -> bool {
        self.unanswered && !matches!(self.answer, Some(Answered::Success { .. } | Answered::AlreadyExists))
    }
}

/// The answers to a Start that say something about the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The task runs under this id.
    Success {
        /// The id that the service returned.
        task_id: String,
        /// No older resource of this cluster claimed the id when the answer came.
        unclaimed: bool,
    },
    /// The id, or the token, exists.
    AlreadyExists,
    /// The service refused the request as invalid.
    Invalid {
        /// The service's message.
        message: String,
        /// The generation of the spec: an edit, of whatever, is reason to try again.
        generation: i64,
    },
    /// The service, or something on the way, refused it for another reason.
    Refused,
}

/// The last answer to a Describe.
#[derive(Clone, Debug, PartialEq)]
pub struct LastDescribe {
    /// The task that was described.
    pub task_id: String,
    /// When the answer came.
    pub at: Timestamp,
    /// The task, or `None` for not found.
    pub task: Option<Described>,
}

/// The answer to a Cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelKnown {
    /// When it came.
    pub at: Timestamp,
    /// Whether the service took it; otherwise it said that the task isn't running, or doesn't exist.
    pub accepted: bool,
}

/// Something went wrong and will be tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// What was called.
    pub operation: Operation,
    /// The class of the answer.
    pub class: ErrorClass,
    /// What a person should read.
    pub message: String,
    /// How often in a row.
    pub count: u32,
    /// When to try again.
    pub retry_at: Timestamp,
    /// The generation of the spec at that time: an edit is reason to try again at once.
    pub generation: i64,
}

/// What the shell knows when an answer arrives.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    /// The time.
    pub now: Timestamp,
    /// The resource's uid, which spreads the retries of many resources.
    pub uid: &'a str,
    /// The generation that was acted upon.
    pub generation: i64,
}

impl Memory {
    /// The clock was set ahead by this much, or back. What was noted by the old time is noted by the new one: what has
    /// passed since is what has really passed.
    pub fn clock_was_set(&mut self, by: SignedDuration) {
        let Self {
            attempt,
            described,
            missing_since,
            cancel,
            failed_actions: _,
            retry,
        } = self;
        let times = [
            attempt.as_mut().map(|known| &mut known.last_sent),
            described.as_mut().map(|heard| &mut heard.at),
            missing_since.as_mut(),
            cancel.as_mut().map(|cancel| &mut cancel.at),
            retry.as_mut().map(|retry| &mut retry.retry_at),
        ];
        for time in times.into_iter().flatten() {
            *time = timing::moved(*time, by);
        }
    }

    /// A record was written by this process: what happens under it is known from the beginning.
    pub fn record_written(&mut self, record: StartRecord) {
        *self = Self {
            attempt: Some(AttemptKnown {
                last_sent: record.time,
                record,
                unanswered: false,
                answer: None,
            }),
            retry: self.retry.take(),
            ..Self::default()
        };
    }

    /// A status was written over the one in these observed, guarded by the resourceVersion, so they held until then. If
    /// they said that nothing is in the air, that is known from now on, though the new status may not say it.
    pub fn status_written(&mut self, over: &ObservedTask) {
        let Some(record) = over
            .record
            .as_ref()
            .filter(|record| is_at_rest(over) && record.uid == over.uid)
        else {
            return;
        };
        if self.attempt.as_ref().is_none_or(|known| known.record != *record) {
            self.attempt = Some(AttemptKnown {
                record: record.clone(),
                unanswered: false,
                last_sent: record.time,
                answer: Some(Answered::Refused),
            });
        }
    }

    /// What is known of the attempts under a record. One that this process did not write was found, so an
    /// attempt may have been sent until the moment from which on only this process may send (`since`).
    #[must_use]
    pub fn attempt_under(&self, record: &StartRecord, since: Timestamp) -> AttemptKnown {
        match &self.attempt {
            Some(known) if known.record == *record => known.clone(),
            _ => AttemptKnown {
                record: record.clone(),
                unanswered: true,
                last_sent: self.not_after_an_answer(&record.task_id, record.time.max(since)),
                answer: None,
            },
        }
    }

    /// A record may be of a time to come, by the clock of another node. What another process sent it sent before this
    /// one heard anything.
    fn not_after_an_answer(&self, task_id: &str, time: Timestamp) -> Timestamp {
        let first = self.missing_since.filter(|_| self.heard_of(task_id).is_some());
        first.map_or(time, |first| time.min(first))
    }

    /// Whether an attempt under this record may have taken effect, and nothing has settled yet whether it did.
    #[must_use]
    pub fn is_open(&self, known: &AttemptKnown) -> bool {
        known.is_unsettled() && !self.shows_nothing_started(known)
    }

    /// Whether "not found" says nothing about this record, since the service would have forgotten its task by now.
    #[must_use]
    pub fn may_have_expired(&self, known: &AttemptKnown, now: Timestamp) -> bool {
        known.is_unsettled() && timing::is_record_expired(known.record.time, now)
    }

    /// Whether Describe said "not found" so late that no request under this record can arrive any more.
    #[must_use]
    pub fn shows_nothing_started(&self, known: &AttemptKnown) -> bool {
        self.heard_of(&known.record.task_id).is_some_and(|heard| {
            heard.task.is_none() && heard.at.duration_since(known.last_sent) >= timing::SIGNATURE_LIFETIME
        })
    }

    /// Whether Describe has said for longer than the grace period that there is no such task.
    #[must_use]
    pub fn is_missing_for_good(&self, task_id: &str) -> bool {
        let heard = self.heard_of(task_id).filter(|heard| heard.task.is_none());
        heard.is_some_and(|heard| {
            let since = self.missing_since.unwrap_or(heard.at);
            heard.at.duration_since(since) >= timing::GRACE
        })
    }

    /// The last answer to a Describe of this task.
    #[must_use]
    pub fn heard_of(&self, task_id: &str) -> Option<&LastDescribe> {
        self.described.as_ref().filter(|heard| heard.task_id == task_id)
    }

    /// What went wrong with one of these operations and is not to be tried again yet.
    #[must_use]
    pub fn backoff_of(&self, operations: &[Operation], generation: i64, now: Timestamp) -> Option<&Retry> {
        self.retry.as_ref().filter(|retry| {
            operations.contains(&retry.operation) && retry.generation == generation && retry.retry_at > now
        })
    }

    /// The answer to a Start under this record.
    pub fn started(
        &mut self,
        record: &StartRecord,
        since: Timestamp,
        answer: StartAnswer,
        unclaimed: bool,
        moment: Moment<'_>,
    ) {
        let mut known = self.attempt_under(record, since);
        known.last_sent = moment.now;
        match answer {
            StartAnswer::Success { task_id } => {
                known.answer = Some(Answered::Success { task_id, unclaimed });
                self.retry = None;
                self.begin_grace();
            }
            StartAnswer::AlreadyExists => {
                known.answer = Some(Answered::AlreadyExists);
                self.retry = None;
                self.begin_grace();
            }
            StartAnswer::InvalidRequest(message) => {
                known.answer = Some(Answered::Invalid {
                    message,
                    generation: moment.generation,
                });
                self.retry = None;
            }
            StartAnswer::Failed(failure) => {
                match failure.effect {
                    Effect::None => known.answer = Some(Answered::Refused),
                    Effect::Unknown => {
                        known.unanswered = true;
                        known.answer = None;
                    }
                }
                self.failed(Operation::Start, failure, moment);
            }
        }
        self.attempt = Some(known);
    }

    /// A Describe may lag behind from now on, so what said "not found" before says nothing any more.
    fn begin_grace(&mut self) {
        self.missing_since = None;
        self.described = self.described.take().filter(|heard| heard.task.is_some());
    }

    /// The answer to a Describe of this task.
    pub fn described(&mut self, task_id: &str, answer: DescribeAnswer, moment: Moment<'_>) {
        let task = match answer {
            DescribeAnswer::Found(task) => Some(*task),
            DescribeAnswer::NotFound => None,
            DescribeAnswer::Failed(failure) => return self.failed(Operation::Describe, failure, moment),
        };
        let same = self.described.as_ref().is_some_and(|heard| heard.task_id == task_id);
        self.missing_since = match task {
            Some(_) => None,
            None if same => self.missing_since.or(Some(moment.now)),
            None => Some(moment.now),
        };
        // What held back another operation (a Cancel that is throttled, say) is not healed by this.
        if self
            .retry
            .as_ref()
            .is_some_and(|retry| retry.operation == Operation::Describe)
        {
            self.retry = None;
        }
        self.described = Some(LastDescribe {
            task_id: task_id.to_owned(),
            at: moment.now,
            task,
        });
    }

    /// The answer to a Cancel.
    pub fn canceled(&mut self, answer: CancelAnswer, moment: Moment<'_>) {
        let accepted = match answer {
            CancelAnswer::Accepted => true,
            CancelAnswer::NotRunning | CancelAnswer::NotFound => false,
            CancelAnswer::Failed(failure) => return self.failed(Operation::Cancel, failure, moment),
        };
        self.retry = None;
        self.cancel = Some(CancelKnown {
            at: moment.now,
            accepted,
        });
        if !accepted {
            // Only a Describe after this answer can say what became of the task.
            self.described = self.described.take().filter(|heard| heard.task.is_none());
        }
    }

    fn failed(&mut self, operation: Operation, failure: Failure, moment: Moment<'_>) {
        let Failure {
            class,
            effect: _,
            message,
        } = failure;
        let count = match &self.retry {
            Some(before) if before.operation == operation && before.generation == moment.generation => {
                before.count.saturating_add(1)
            }
            _ => 1,
        };
        self.retry = Some(Retry {
            operation,
            class,
            message,
            count,
            retry_at: timing::retry_at(moment.now, class, count, moment.uid),
            generation: moment.generation,
        });
    }
}
