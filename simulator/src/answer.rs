//! Answers as they go over the wire.

use serde_json::{Value, json};

/// A complete HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The error's code, without the trailing colon of its header.
    pub code: Option<String>,
    /// The body's type.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A success.
    #[must_use]
    pub fn success(body: &Value) -> Self {
        Self {
            status: 200,
            code: None,
            content_type: "application/json".to_owned(),
            body: body.to_string().into_bytes(),
        }
    }
}

/// An error of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceError {
    /// Status code.
    pub status: u16,
    /// The class.
    pub code: String,
    /// For people.
    pub message: String,
}

impl ServiceError {
    /// An error of any class.
    #[must_use]
    pub fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "InvalidRequestException", message)
    }

    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self::new(400, "TaskAlreadyExistsException", message)
    }

    pub(crate) fn limit() -> Self {
        Self::too_many("running audit mitigation actions tasks")
    }

    pub(crate) fn too_many(what: &str) -> Self {
        Self::new(
            410,
            "LimitExceededException",
            format!("The number of {what} is at its limit."),
        )
    }

    pub(crate) fn resource_exists(what: &str) -> Self {
        Self::new(409, "ResourceAlreadyExistsException", format!("{what} already exists."))
    }

    pub(crate) fn throttled() -> Self {
        Self::new(400, "ThrottlingException", "Rate exceeded")
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "ResourceNotFoundException", "Not Found")
    }

    pub(crate) fn internal() -> Self {
        Self::new(500, "InternalFailureException", "Internal failure")
    }

    pub(crate) fn access_denied(account: &str, operation: crate::Operation) -> Self {
        let message =
            format!("User: arn:aws:iam::{account}:user/simulated is not authorized to perform: iot:{operation}");
        Self::new(403, "AccessDeniedException", message)
    }

    /// The error on the wire. The trace id is made of the call's number, so that a log line leads to its call.
    #[must_use]
    pub fn into_answer(self, seq: u64) -> Answer {
        let trace = format!("00000000-0000-4000-8000-{seq:012x}");
        let body = json!({"message": self.message, "traceId": trace})
            .to_string()
            .into_bytes();
        Answer {
            status: self.status,
            code: Some(self.code),
            content_type: "application/json".to_owned(),
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_those_of_the_model() {
        let model = crate::model::Model::load().unwrap();
        for error in [
            ServiceError::invalid(""),
            ServiceError::exists(""),
            ServiceError::limit(),
            ServiceError::too_many(""),
            ServiceError::resource_exists(""),
            ServiceError::throttled(),
            ServiceError::not_found(),
            ServiceError::internal(),
        ] {
            let declared = model
                .shapes
                .get(&error.code)
                .and_then(|shape| shape.error.as_ref())
                .unwrap();
            assert_eq!(error.status, declared.http_status_code, "{}", error.code);
        }
    }

    #[test]
    fn errors_look_like_the_services() {
        let answer = ServiceError::not_found().into_answer(255);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            body,
            json!({"message": "Not Found", "traceId": "00000000-0000-4000-8000-0000000000ff"})
        );
        assert_eq!(
            (answer.status, answer.code.as_deref()),
            (404, Some("ResourceNotFoundException"))
        );
    }
}
