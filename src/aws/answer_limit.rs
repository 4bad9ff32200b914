//! How large an answer may be: what comes in is kept in memory, and nobody but the service should be able to fill it.

use aws_sdk_iot::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_iot::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_iot::error::BoxError;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// Several times the longest page of findings that the service gives (250 of them).
// mutant: an-answer-without-a-bound
const MAX_BYTES: usize = 8 << 20;

/// Ends the reading of an answer that is too large; the call then counts as unanswered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AnswerLimit;

impl Intercept for AnswerLimit {
    fn name(&self) -> &'static str {
        "AnswerLimit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let whole = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(whole, MAX_BYTES));
        Ok(())
    }
}
