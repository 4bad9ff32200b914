//! The time, by both clocks.

use std::time::Instant;

use jiff::Timestamp;

use crate::core::timing::Now;

/// The time by both clocks.
pub(super) fn now() -> Now {
    Now {
        wall: Timestamp::now(),
        monotonic: Instant::now(),
    }
}
