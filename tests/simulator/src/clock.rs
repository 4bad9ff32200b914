//! The simulator's clock: the wall clock, moved or stopped as a test asks.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Tells the simulated time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    offset: SignedDuration,
    /// While set, time stands still here.
    stopped: Option<Timestamp>,
}

impl Clock {
    pub(crate) fn now(&self, wall: Timestamp) -> Timestamp {
        self.stopped.unwrap_or_else(|| plus_signed(wall, self.offset))
    }

    pub(crate) fn advance(&mut self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
        self.offset = self.offset.saturating_add(by);
        self.stopped = self.stopped.map(|time| plus_signed(time, by));
    }

    pub(crate) fn stop(&mut self, wall: Timestamp) {
        self.stopped = Some(self.now(wall));
    }

    /// Goes on from where it was stopped.
    pub(crate) fn resume(&mut self, wall: Timestamp) {
        if let Some(time) = self.stopped.take() {
            self.offset = time.duration_since(wall);
        }
    }
}

fn plus_signed(time: Timestamp, by: SignedDuration) -> Timestamp {
    let limit = if by.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    time.checked_add(by).unwrap_or(limit)
}

/// A later time; the end of time where that doesn't exist.
pub(crate) fn plus(time: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).map_or(Timestamp::MAX, |by| plus_signed(time, by))
}

/// Epoch seconds with milliseconds, as the service writes times.
#[allow(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit in the 53 bits of a double"
)]
pub(crate) fn epoch(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_stops_and_goes_on() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut clock = Clock::default();
        assert_eq!(clock.now(at(100)), at(100));
        clock.advance(Duration::from_secs(50));
        assert_eq!(clock.now(at(100)), at(150));
        clock.stop(at(100));
        assert_eq!(clock.now(at(110)), at(150));
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.now(at(120)), at(155));
        clock.resume(at(130));
        assert_eq!(clock.now(at(131)), at(156));
        assert_eq!(plus(at(0), Duration::MAX), Timestamp::MAX);
    }
}
