//! A call that brought no answer to its question, and what class of failure it is.

use crate::api::Reason;

/// The class of an answer that is neither success nor specific to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Too many calls a second.
    Throttled,
    /// Too many running tasks.
    LimitExceeded,
    /// IAM refuses the action.
    AccessDenied,
    /// No credentials, or the service doesn't accept them.
    CredentialsRejected,
    /// An error of the service's own (5xx), a time-out, no connection.
    ServiceUnavailable,
    /// A Cancel found the task not in progress, though Describe may still show it running.
    NotInProgress,
    /// Anything that the service doesn't document.
    UnexpectedAnswer,
}

impl ErrorClass {
    /// Every class, for metrics.
    pub const ALL: [Self; 7] = [
        Self::Throttled,
        Self::LimitExceeded,
        Self::AccessDenied,
        Self::CredentialsRejected,
        Self::ServiceUnavailable,
        Self::NotInProgress,
        Self::UnexpectedAnswer,
    ];

    /// The reason that conditions and events carry.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Throttled => Reason::Throttled,
            Self::LimitExceeded => Reason::LimitExceeded,
            Self::AccessDenied => Reason::AccessDenied,
            Self::CredentialsRejected => Reason::CredentialsRejected,
            Self::ServiceUnavailable => Reason::ServiceUnavailable,
            Self::NotInProgress => Reason::CancelRefused,
            Self::UnexpectedAnswer => Reason::UnexpectedAnswer,
        }
    }
}

/// Whether a request that failed may have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It was never sent, or the service refused it: it had no effect.
    None,
    /// It may have been sent, and no answer says what came of it.
    Unknown,
}

/// A call that brought no answer to its question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its class.
    pub class: ErrorClass,
    /// Whether it may have taken effect all the same.
    pub effect: Effect,
    /// What a person should read: without request ids, cut to a bounded length.
    pub message: String,
}
