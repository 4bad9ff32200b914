//! What a failed call means: the one place where errors of the SDK are looked at.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_iot::config::http::HttpResponse;
use aws_sdk_iot::error::{ProvideErrorMetadata, SdkError};
use http_body_util::LengthLimitError;

use super::text::{cut, stable};
use crate::causes::sources;
use crate::core::answer::{Effect, ErrorClass, Operation};

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
    /// The region that doesn't know credentials which may well be good in the operator's own.
    pub(super) unknown_in: Option<String>,
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
                code: code_of(error.code(), response),
                message: error.message().map(stable),
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
            unknown_in: None,
        }
    }

    /// Whether the answer is part of the operation's normal life.
    pub(super) fn is_documented_for(&self, operation: Operation) -> bool {
        match operation {
            Operation::Start => matches!(
                self.refusal(),
                Some("TaskAlreadyExistsException" | "InvalidRequestException")
            ),
            Operation::Cancel => matches!(
                self.refusal(),
                Some("InvalidRequestException" | "ResourceNotFoundException")
            ),
            Operation::Describe
            | Operation::DescribeAudit
            | Operation::DescribeFinding
            | Operation::DescribeAction
            | Operation::DescribeSchedule => self.refusal() == Some("ResourceNotFoundException"),
            Operation::ListExecutions | Operation::ListFindings | Operation::ListAudits => false,
        }
    }

    /// The class of the failure.
    pub(super) fn class(&self) -> ErrorClass {
        self.classify().0
    }

    /// The code of an answer in AWS's form, by which the service refuses a request: a 4xx with a code. It is an answer,
    /// documented or not: nothing was done. Anything else may have come from something on the way.
    pub(super) fn refusal(&self) -> Option<&str> {
        let answer = self.answer.as_ref()?;
        answer.code.as_deref().filter(|_| (400..500).contains(&answer.status))
    }

    /// Whether the service doesn't know the key, which is all that a region says that the account hasn't enabled.
    pub(super) fn is_unknown_key(&self) -> bool {
        matches!(
            self.refusal(),
            Some("UnrecognizedClientException" | "InvalidClientTokenId" | "OptInRequired")
        )
    }

    /// The service's own message.
    pub(super) fn service_message(&self) -> String {
        self.answer
            .as_ref()
            .and_then(|answer| answer.message.clone())
            .unwrap_or_else(|| "it gave no reason".to_owned())
    }

    /// The class of the failure, and whether the request may have had an effect.
    pub(super) fn classify(&self) -> (ErrorClass, Effect) {
        let Some(answer) = &self.answer else {
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
        let effect = self.refusal().map_or(Effect::Unknown, |_| Effect::None);
        (class_of(answer), effect)
    }
}

/// Codes as the service documents them, under "Common errors" and in its model.
fn class_of(answer: &ErrorAnswer) -> ErrorClass {
    match (answer.code.as_deref().unwrap_or_default(), answer.status) {
        ("ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded", _) | (_, 429) => {
            ErrorClass::Throttled
        }
        // An error of the service's own, or of something on the way.
        (_, 500..) => ErrorClass::ServiceUnavailable,
        ("LimitExceededException", _) => ErrorClass::LimitExceeded,
        ("AccessDeniedException" | "AccessDenied" | "UnauthorizedException", _) => ErrorClass::AccessDenied,
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
        ) => ErrorClass::CredentialsRejected,
        _ => ErrorClass::UnexpectedAnswer,
    }
}

/// The code by what the SDK has read, or by the header where the body was nothing that it could read.
fn code_of(read: Option<&str>, response: &HttpResponse) -> Option<String> {
    let header = || {
        let code = response.headers().get("x-amzn-errortype")?;
        // `com.amazonaws.iot#InvalidRequestException:http://…`
        let code = code.split(':').next().unwrap_or_default();
        code.rsplit('#').next()
    };
    let is_code = |code: &&str| {
        (1..=MAX_CODE).contains(&code.len())
            && code
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    read.or_else(header).filter(is_code).map(str::to_owned)
}

/// Whether all of an answer came, or more than anybody waits for. One that breaks off says nothing, as if none had come:
/// its connection is to blame, and not the one who gave it. (What was read is in memory, the rest of a stream isn't.)
fn is_whole(response: &HttpResponse, error: &(dyn Error + 'static)) -> bool {
    response.body().bytes().is_some() || sources(error).any(<dyn Error>::is::<LengthLimitError>)
}
