//! For how long nobody does again what has just been done.

use std::time::{Duration, Instant};

/// For how long nobody does again what was done at that time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cooldown {
    since: Instant,
    length: Duration,
}

impl Cooldown {
    /// Begins now: the first with the one length, each that follows another twice as long, up to the longest.
    pub(super) fn after(before: Option<Self>, (first, longest): (Duration, Duration)) -> Self {
        let length = before.map_or(first, |before| before.length * 2);
        Self {
            since: Instant::now(),
            length: length.min(longest),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.since.elapsed() >= self.length
    }
}
