//! The simulator's clock: the wall clock, moved or stopped as a test asks.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Tells the simulated time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    offset: SignedDuration,
    /// How far the service's clock is ahead of everybody else's, in the offset included.
    skew: SignedDuration,
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

    /// Sets the clock wrong, or right again.
    pub(crate) fn set_skew(&mut self, skew: SignedDuration) {
        let by = skew.saturating_sub(self.skew);
        self.skew = skew;
        self.offset = self.offset.saturating_add(by);
        self.stopped = self.stopped.map(|time| plus_signed(time, by));
    }

    /// What signatures are judged by: time that a test lets pass makes no request old, a wrong clock does.
    pub(crate) fn for_signatures(&self, wall: Timestamp) -> Timestamp {
        plus_signed(wall, self.skew)
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

    #[test]
    fn is_set_wrong_and_right_again() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let mut clock = Clock::default();
        clock.advance(Duration::from_secs(1000));
        clock.set_skew(SignedDuration::from_secs(-60));
        assert_eq!((clock.now(at(100)), clock.for_signatures(at(100))), (at(1040), at(40)));
        clock.stop(at(100));
        clock.set_skew(SignedDuration::from_secs(60));
        assert_eq!((clock.now(at(200)), clock.for_signatures(at(200))), (at(1160), at(260)));
        clock.resume(at(200));
        clock.set_skew(SignedDuration::ZERO);
        assert_eq!((clock.now(at(200)), clock.for_signatures(at(200))), (at(1100), at(200)));
    }
}
