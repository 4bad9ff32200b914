//! How long to wait: polls, retries, grace periods.
//!
//! Two clocks. What stays in the process is measured by [`Instant`], which nobody can set. What is stored (records,
//! statuses, deadlines) is measured by the wall clock. [`Now`] holds one moment by both, and translates.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

use super::answer::ErrorClass;

/// How long a Describe may lag behind a Start: until then "not found" means nothing. (No AWS document settles it.)
pub const GRACE: Duration = Duration::from_mins(1);

/// After this long no request that was sent can still arrive: "AWS Signature Version 4" requests are refused
/// fifteen minutes after the time in their signature.
pub const SIGNATURE_LIFETIME: Duration = Duration::from_mins(15);

/// For this long an open attempt is sent again. With [`SIGNATURE_LIFETIME`] after the last request, Describe settles
/// the attempt within 25 minutes, whatever Start answers.
pub const REPLAY_WINDOW: Duration = Duration::from_mins(8);

/// A record older than this is never settled by a Start: the service keeps tasks for 90 days ("Audit
/// mitigation actions"), and an id that it has forgotten would run the mitigation again.
pub const RECORD_LIFETIME: SignedDuration = SignedDuration::from_hours(80 * 24);

/// This long after a task's start a "not found" is final: the service keeps tasks for 90 days.
pub const TASK_LIFETIME: SignedDuration = SignedDuration::from_hours(89 * 24);

/// A record that was refused is used again for this long, then written anew with the present time.
pub const RECORD_REUSE: SignedDuration = SignedDuration::from_hours(24);

/// How often a task that can't be found is asked for again.
pub const MISSING_POLL: Duration = Duration::from_hours(1);

/// The longest wait between two attempts of one resource.
pub const MAX_RETRY: Duration = Duration::from_mins(5);

/// Longer waits are cut to this, so that no sum of times overflows.
const FAR_FUTURE: Duration = Duration::from_hours(24 * 365);

/// One moment by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// By the node's clock, which somebody may set: for what is stored.
    pub wall: Timestamp,
    /// By the process's clock: for what stays in the process.
    pub monotonic: Instant,
}

impl Now {
    /// When a stored time comes, by the process's clock. A time that has passed is now.
    pub fn instant_of(&self, time: Timestamp) -> Instant {
        let wait = time.duration_since(self.wall);
        if wait.is_positive() {
            later(self.monotonic, wait.unsigned_abs())
        } else {
            self.monotonic
        }
    }

    /// A moment of the process's clock, as it is shown in a status.
    pub fn wall_time_of(&self, instant: Instant) -> Timestamp {
        after(self.wall, instant.saturating_duration_since(self.monotonic))
    }

    /// How long ago that was.
    pub fn elapsed_since(&self, instant: Instant) -> Duration {
        self.monotonic.saturating_duration_since(instant)
    }
}

/// Whether a record of this time is one that only Describe may settle. So is one of a time to come: the clock was far
/// ahead when it was written, so nobody knows how old it is.
pub fn is_record_expired(time: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(time);
    age >= RECORD_LIFETIME || age <= -RECORD_REUSE
}

/// Bounds of the wait between two Describe calls of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollBounds {
    /// The shortest.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
}

impl PollBounds {
    /// The time of the next Describe after one that was made when the task had this age: about a tenth of the age
    /// later, within the bounds.
    pub fn next(&self, last: Instant, age: Duration, uid: &str) -> Instant {
        let wait = (age / 10).max(self.min);
        // Jitter only ever lengthens: the shortest wait is a promise to the account.
        let longest = self.max.max(self.min);
        later(last, lengthened(wait.min(FAR_FUTURE), (uid, last)).min(longest))
    }
}

/// How long to wait after a failure: doubling waits with jitter, capped at five minutes.
pub fn backoff(now: Instant, class: ErrorClass, count: u32, uid: &str) -> Duration {
    let base = match class {
        ErrorClass::Throttled | ErrorClass::ServiceUnavailable => Duration::from_secs(1),
        ErrorClass::LimitExceeded | ErrorClass::NotInProgress => Duration::from_secs(3),
        // Somebody has to change something first.
        ErrorClass::AccessDenied | ErrorClass::CredentialsRejected | ErrorClass::UnexpectedAnswer => {
            Duration::from_secs(15)
        }
    };
    shortened(doubling(base, MAX_RETRY, count), (uid, now))
}

/// The wait after so many failures in a row: it doubles with each, up to the longest.
pub fn doubling(first: Duration, longest: Duration, count: u32) -> Duration {
    let doublings = 1_u32.checked_shl(count.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(doublings).min(longest)
}

/// A wait of a quarter less at most, so that those who wait for the same don't come at the same moment.
pub fn shortened(wait: Duration, seed: impl Hash) -> Duration {
    wait.mul_f64(1.0 - 0.25 * jitter(seed))
}

/// A wait of a tenth more at most, where a shorter one would break a promise.
pub fn lengthened(wait: Duration, seed: impl Hash) -> Duration {
    wait.mul_f64(1.0 + 0.1 * jitter(seed))
}

/// A moment after another; a year later instead of an overflow.
pub fn later(instant: Instant, wait: Duration) -> Instant {
    instant + wait.min(FAR_FUTURE)
}

/// A stored time after another; the far end of time instead of an overflow.
pub fn after(time: Timestamp, wait: Duration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// The time as a status keeps it: the API's times have no fractions of a second.
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    rounded(time, Unit::Second, RoundMode::Floor)
}

/// The same for a time that must not come too early.
pub fn next_whole_second(time: Timestamp) -> Timestamp {
    rounded(time, Unit::Second, RoundMode::Ceil)
}

/// The time as the service tells it.
pub fn whole_milliseconds(time: Timestamp) -> Timestamp {
    rounded(time, Unit::Millisecond, RoundMode::Floor)
}

fn rounded(time: Timestamp, unit: Unit, mode: RoundMode) -> Timestamp {
    // Fails at the ends of time only.
    time.round(TimestampRound::new().smallest(unit).mode(mode))
        .unwrap_or(time)
}

/// A fraction in `0.0..1.0` that differs between resources and from time to time, and needs no random source.
fn jitter(seed: impl Hash) -> f64 {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}
