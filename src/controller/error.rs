//! What can go wrong on the side of the API server.

use std::time::Duration;

use crate::causes::explain_request;

/// What etcd says of a write that is larger than it takes, which the API server hands on as an error of its own; and
/// what the API server's client of etcd says.
const TOO_LARGE: [&str; 2] = ["request is too large", "trying to send message larger than max"];

/// A reconcile that could not be brought to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused a request, or could not be reached.
    #[error("{}", explain_request(.0))]
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
    pub fn is_conflict(&self) -> bool {
        self.has_status(409)
    }

    /// Whether there is an object of that name already.
    pub fn is_already_there(&self) -> bool {
        let says_so = |status: &kube::core::Status| status.code == 409 && status.reason == "AlreadyExists";
        matches!(self, Self::Kube(error) if matches!(&**error, kube::Error::Api(status) if says_so(status)))
    }

    /// Whether the resource is gone.
    pub fn is_gone(&self) -> bool {
        self.has_status(404)
    }

    /// Whether the API server refuses the resource as it is stored, so that not even its status can be written.
    pub fn is_invalid(&self) -> bool {
        self.has_status(422)
    }

    /// Whether the resource would become too large for the API server, or for etcd under it.
    pub fn is_too_large(&self) -> bool {
        let says_so = |message: &str| TOO_LARGE.iter().any(|words| message.contains(words));
        self.has_status(413)
            || matches!(self, Self::Kube(error) if matches!(&**error, kube::Error::Api(status) if says_so(&status.message)))
    }

    /// Whether the API server, or a webhook of its, refuses a write, or doesn't answer it: the next one may be refused
    /// as well, for good. What can't be reached at all, is gone, or has changed is no refusal.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Kube(error) => matches!(&**error, kube::Error::Api(_)) && !self.is_gone() && !self.is_conflict(),
            Self::Timeout(_) => true,
            Self::TooManySteps(_) => false,
        }
    }

    /// The resource was deleted and made again.
    pub fn replaced() -> Self {
        let gone = kube::core::Status::failure("the resource was deleted and made again", "NotFound").with_code(404);
        kube::Error::Api(Box::new(gone)).into()
    }

    fn has_status(&self, code: u16) -> bool {
        matches!(self, Self::Kube(error) if matches!(&**error, kube::Error::Api(status) if status.code == code))
    }
}
