//! What a candidate asks of the API server, what comes of it, and why a leader ends.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    /// Nothing until then.
    Wait(Instant),
    /// Read the lease.
    Read,
    /// Create the lease.
    Create(Lease),
    /// Replace the lease, if it still has the resource version in here.
    Replace(Lease),
    /// Nothing ever again: the lease is with others now.
    Stop(Option<Loss>),
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// The lease, as it was read.
    Found(Lease),
    /// There is none.
    Missing,
    /// The lease, as it was written.
    Written(Lease),
    /// Somebody else wrote first.
    Conflict,
    /// No answer, or another refusal.
    Failed(String),
}

/// Why a leader is none any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// It can't know any more whether it holds the lease.
    #[error("it could not be renewed for {limit:?}: {problem}")]
    NotRenewed {
        /// How long it was tried.
        limit: Duration,
        /// What went wrong last.
        problem: String,
    },
    /// The lease names another holder.
    #[error("it is held by {0} now")]
    Taken(String),
    /// The lease names nobody, which this process didn't do.
    #[error("somebody has cleared its holder")]
    Cleared,
}
