//! Times of the service. None of them lies before 1970.

use aws_sdk_iot::primitives::DateTime;
use jiff::{Timestamp, Unit};

/// Whole seconds: Kubernetes stores no more, and no years before 0.
pub(super) fn whole_seconds(time: &DateTime) -> Option<Timestamp> {
    let seconds = Some(time.secs()).filter(|seconds| *seconds >= 0)?;
    Timestamp::from_second(seconds).ok()
}

/// With milliseconds: they are written as a fraction of seconds, which a float holds a little too low.
pub(super) fn milliseconds(time: &DateTime) -> Option<Timestamp> {
    let seconds = Some(time.secs()).filter(|seconds| *seconds >= 0)?;
    let time = Timestamp::new(seconds, i32::try_from(time.subsec_nanos()).ok()?).ok()?;
    time.round(Unit::Millisecond).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_kubernetes_cannot_store_is_none() {
        for (seconds, kept) in [(-1, false), (0, true), (1_760_000_000, true), (i64::MAX, false)] {
            for read in [whole_seconds, milliseconds] {
                let time = read(&DateTime::from_secs(seconds));
                assert_eq!(time.map(Timestamp::as_second), kept.then_some(seconds));
            }
        }
    }

    #[test]
    fn a_millisecond_is_the_one_that_was_written() {
        for millis in [0, 1, 123, 999] {
            let written = 1_760_000_000.0 + f64::from(millis) / 1_000.0;
            let time = milliseconds(&DateTime::from_secs_f64(written)).unwrap();
            assert_eq!(time.as_millisecond(), 1_760_000_000_000 + i64::from(millis));
            assert_eq!(time.subsec_nanosecond() % 1_000_000, 0);
        }
    }
}
