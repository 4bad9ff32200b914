//! Whether a request has left this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_iot::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_iot::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_iot::error::BoxError;

/// Notes when the SDK hands a request to the connector: before that it can't have had an effect.
#[derive(Clone, Debug, Default)]
pub(super) struct SentMark(Arc<AtomicBool>);

impl SentMark {
    /// Whether the request may have been sent.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Intercept for SentMark {
    fn name(&self) -> &'static str {
        "SentMark"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.store(true, Ordering::SeqCst);
        Ok(())
    }
}
