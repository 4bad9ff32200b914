//! What this process knows of the attempts under one start record.

use std::time::Instant;

use crate::api::StartRecord;

/// What this process knows of the attempts under one start record.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownAttempt {
    /// The record.
    pub record: StartRecord,
    /// Since when at least one attempt under the record may have taken effect without an answer. A later refusal
    /// doesn't change that.
    pub opened_at: Option<Instant>,
    /// The last moment at which a request under this record could have been sent.
    pub last_sent: Instant,
    /// The last answer, when there was one.
    pub answer: Option<AttemptAnswer>,
}

/// The answers to a Start that say something about the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptAnswer {
    /// The task runs under this id.
    Success {
        /// The id that the service returned.
        task_id: String,
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
    /// The service refused it for another reason.
    Refused,
}

impl KnownAttempt {
    /// A record under which nothing was sent until now, or everything was answered.
    pub(super) const fn nothing_sent(record: StartRecord, answer: Option<AttemptAnswer>, now: Instant) -> Self {
        Self {
            record,
            opened_at: None,
            last_sent: now,
            answer,
        }
    }

    /// A record that this process did not write.
    pub(super) const fn found(record: StartRecord, known_since: Instant) -> Self {
        Self {
            record,
            opened_at: Some(known_since),
            last_sent: known_since,
            answer: None,
        }
    }

    /// Whether at least one attempt went unanswered and no later one has proved that the task exists.
    pub(super) const fn is_unsettled(&self) -> bool {
        self.opened_at.is_some()
            && !matches!(
                self.answer,
                Some(AttemptAnswer::Success { .. } | AttemptAnswer::AlreadyExists)
            )
    }
}
