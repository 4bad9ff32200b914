//! The rate limiter, shared by all that call: [`crate::core::rate_limiter`] with a lock and a clock.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::core::answer::Operation;
use crate::core::rate_limiter::{RateLimiter, Rates};

/// When which call may be made. Clones share one limiter.
#[derive(Clone, Debug)]
pub struct Pace(Arc<Mutex<RateLimiter>>);

impl Pace {
    /// A limiter with these rates.
    pub fn new(rates: Rates) -> Self {
        Self(Arc::new(Mutex::new(RateLimiter::new(rates))))
    }

    /// The limiter, to ask it several things at one time.
    pub fn limiter(&self) -> MutexGuard<'_, RateLimiter> {
        // Nothing here is left half-done by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a resource may make a call, for callers that can't come back later.
    pub async fn wait(&self, uid: &str, operation: Operation, region: &str) {
        loop {
            let asked = self.limiter().ask(uid, operation, region, Instant::now());
            let Err(until) = asked else {
                return self.limiter().spend(uid, operation);
            };
            tokio::time::sleep_until(until.into()).await;
        }
    }
}
