//! What a failed call means: the one place where errors of the SDK are looked at.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_iot::config::http::HttpResponse;
use aws_sdk_iot::error::{ProvideErrorMetadata, SdkError};
use http_body_util::LengthLimitError;

use crate::core::answer::{Effect, ErrorClass, Failure, Operation};

/// The longest message of the service that is passed on.
const MAX_MESSAGE: usize = 512;

/// Twice the longest code that the service has.
const MAX_CODE: usize = 64;

/// How a call went wrong, without the SDK's types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// What came back, if anything did.
    pub(super) answer: Option<ErrorAnswer>,
    /// Whether the request may have reached the service.
    pub(super) may_have_arrived: bool,
    /// The credentials could not be had.
    pub(super) no_credentials: bool,
    /// What the SDK says went wrong.
    pub(super) cause: String,
}

/// An answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ErrorAnswer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The error's code, as `InvalidRequestException`.
    pub(super) code: Option<String>,
    /// The error's message.
    pub(super) message: Option<String>,
}

impl Problem {
    /// Takes apart an error of the SDK.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>, was_sent: bool) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let answer = error
            .raw_response()
            .filter(|response| is_whole(response, error))
            .map(|response| ErrorAnswer {
                status: response.status().as_u16(),
                code: error.code().map(|code| cut_to(code, MAX_CODE)),
                message: error.message().map(cut),
            });
        let never_connected = sources(error)
            .filter_map(|source| source.downcast_ref::<hyper_util::client::legacy::Error>())
            .any(hyper_util::client::legacy::Error::is_connect);
        Self {
            may_have_arrived: was_sent && !never_connected,
            no_credentials: sources(error).any(<dyn Error>::is::<CredentialsError>),
            cause: cut(&sources(error)
                .last()
                .map_or_else(|| error.to_string(), ToString::to_string)),
            answer,
        }
    }

    /// Whether the answer is part of the operation's normal life.
    pub(super) fn is_documented_for(&self, operation: Operation) -> bool {
        match operation {
            Operation::Start => matches!(
                self.code(),
                Some("TaskAlreadyExistsException" | "InvalidRequestException")
            ),
            Operation::Describe => self.code() == Some("ResourceNotFoundException"),
            Operation::Cancel => matches!(
                self.code(),
                Some("InvalidRequestException" | "ResourceNotFoundException")
            ),
            Operation::ListExecutions | Operation::ListFindings => false,
        }
    }

    /// The class of the failure.
    pub(super) fn class(&self) -> ErrorClass {
        self.classify().0
    }

    /// The code of the answer, if it has one.
    pub(super) fn code(&self) -> Option<&str> {
        self.answer.as_ref().and_then(|answer| answer.code.as_deref())
    }

    /// The service's own message.
    pub(super) fn service_message(&self) -> String {
        self.answer
            .as_ref()
            .and_then(|answer| answer.message.clone())
            .unwrap_or_else(|| "it gave no reason".to_owned())
    }

    /// The class of the failure, and what a person should read.
    pub(super) fn into_failure(self, operation: Operation) -> Failure {
        let (class, effect) = self.classify();
        let name = operation.name();
        let message = match class {
            ErrorClass::Throttled => {
                format!("{name} was throttled: the account makes more calls a second than the service allows")
            }
            ErrorClass::LimitExceeded => "the service runs its limit of tasks already".to_owned(),
            ErrorClass::AccessDenied => {
                format!("the operator's role is not allowed iot:{name}; allow that action in its IAM policy")
            }
            ErrorClass::CredentialsRejected => match (self.no_credentials, self.code()) {
                (true, _) => {
                    "the operator has no AWS credentials; check its service account, role or secret".to_owned()
                }
                (false, Some(code @ ("InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestExpired"))) => {
                    format!(
                        "the service doesn't accept the signature of the operator's requests ({code}); check the clock of its \
                     node, which may be off by less than five minutes, and its secret key"
                    )
                }
                (false, code) => format!(
                    "the service doesn't accept the operator's AWS credentials ({}); check its service account, role or secret",
                    code.unwrap_or("no code")
                ),
            },
            ErrorClass::ServiceUnavailable => match &self.answer {
                Some(answer) => format!("{name} was answered with HTTP status {}", answer.status),
                None => format!("{name} got no answer: {}", self.cause),
            },
            ErrorClass::NotInProgress | ErrorClass::UnexpectedAnswer => match &self.answer {
                Some(answer) => format!(
                    "{name} was answered with HTTP status {} and error code {}, which the service doesn't document for it; \
                     check the operator's region and endpoint",
                    answer.status,
                    answer.code.as_deref().unwrap_or("none")
                ),
                None => format!("{name} could not be sent: {}", self.cause),
            },
        };
        Failure { class, effect, message }
    }

    fn classify(&self) -> (ErrorClass, Effect) {
        let Some(ErrorAnswer {
            status,
            code,
            message: _,
        }) = &self.answer
        else {
            let effect = if self.may_have_arrived {
                Effect::Unknown
            } else {
                Effect::None
            };
            let class = if self.no_credentials {
                ErrorClass::CredentialsRejected
            } else {
                ErrorClass::ServiceUnavailable
            };
            return (class, effect);
        };
        // Codes as the service documents them, under "Common errors" and in its model.
        match (code.as_deref().unwrap_or_default(), status) {
            ("ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded", _)
            | (_, 429) => (ErrorClass::Throttled, Effect::None),
            ("LimitExceededException", _) => (ErrorClass::LimitExceeded, Effect::None),
            ("AccessDeniedException" | "AccessDenied" | "UnauthorizedException", _) => {
                (ErrorClass::AccessDenied, Effect::None)
            }
            (
                "ExpiredTokenException"
                | "ExpiredToken"
                | "UnrecognizedClientException"
                | "InvalidClientTokenId"
                | "InvalidSignatureException"
                | "SignatureDoesNotMatch"
                | "IncompleteSignature"
                | "MissingAuthenticationToken"
                | "MissingAuthenticationTokenException"
                | "RequestExpired"
                | "OptInRequired",
                _,
            ) => (ErrorClass::CredentialsRejected, Effect::None),
            // An error of the service's own, or of something on the way, doesn't say that nothing was done.
            (_, 500..) => (ErrorClass::ServiceUnavailable, Effect::Unknown),
            _ => (ErrorClass::UnexpectedAnswer, Effect::Unknown),
        }
    }
}

/// Whether all of an answer came, or more than anybody waits for. One that breaks off says nothing, as if none had come:
/// its connection is to blame, and not the one who gave it. (What was read is in memory, the rest of a stream isn't.)
fn is_whole(response: &HttpResponse, error: &(dyn Error + 'static)) -> bool {
    response.body().bytes().is_some() || sources(error).any(<dyn Error>::is::<LengthLimitError>)
}

pub(super) fn sources<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        error.source()
    })
}

/// Cuts a text that came from outside, and makes one line of it.
pub(super) fn cut(text: &str) -> String {
    cut_to(text, MAX_MESSAGE)
}

/// Cuts a text to this many characters, and makes one line of it.
pub(super) fn cut_to(text: &str, limit: usize) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(limit)
        .collect()
}
