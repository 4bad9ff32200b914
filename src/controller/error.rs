//! What can go wrong on the side of the API server.

use std::time::Duration;

/// A reconcile that could not be brought to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused a request, or could not be reached.
    #[error("the API server: {0}")]
    Kube(#[source] Box<kube::Error>),
    /// The API server did not answer in time.
    #[error("the API server did not answer within {} seconds", .0.as_secs())]
    Timeout(Duration),
    /// One reconcile took more steps than any resource needs.
    #[error("gave up after {0} steps in one reconcile; please report it as a bug")]
    TooManySteps(usize),
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Kube(Box::new(error))
    }
}

impl Error {
    /// Whether the resource has changed since it was read.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.has_status(409)
    }

    /// Whether the resource is gone.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.has_status(404)
    }

    fn has_status(&self, code: u16) -> bool {
        matches!(self, Self::Kube(error) if matches!(&**error, kube::Error::Api(status) if status.code == code))
    }
}
