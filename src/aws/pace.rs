//! The call limiter, shared by all that call: [`crate::core::rate_limiter`] with a lock and a clock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::core::answer::Operation;
use crate::core::rate_limiter::{RateLimiter, Rates};

/// When which call may be made.
#[derive(Debug)]
pub struct Pace(Mutex<RateLimiter>);

impl Pace {
    pub(super) fn new(rates: Rates) -> Self {
        Self(Mutex::new(RateLimiter::new(rates)))
    }

    /// The limiter, to ask it several things at one time.
    pub fn limiter(&self) -> MutexGuard<'_, RateLimiter> {
        // Nothing here is left half-done by a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn of a resource, for callers that can't come back later.
    pub async fn turn(&self, uid: &str, operation: Operation, region: &str) {
        loop {
            let now = Timestamp::now();
            let asked = self.limiter().ask(uid, operation, region, now);
            let Err(until) = asked else {
                return self.limiter().spend(uid);
            };
            let wait = until.duration_since(now);
            tokio::time::sleep(Duration::try_from(wait).unwrap_or_default()).await;
        }
    }
}
