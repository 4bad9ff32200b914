//! How long to wait: polls, retries, grace periods.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

use super::answer::ErrorClass;

/// How long a Describe may lag behind a Start: until then "not found" means nothing. (No AWS document settles it.)
pub const GRACE: SignedDuration = SignedDuration::from_secs(60);

/// After this long no request that was sent can still arrive: "AWS Signature Version 4" requests are refused
/// fifteen minutes after the time in their signature.
pub const SIGNATURE_LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// A record older than this is never settled by a Start: the service keeps tasks for 90 days ("Audit
/// mitigation actions"), and an id that it has forgotten would run the mitigation again.
pub const RECORD_LIFETIME: SignedDuration = SignedDuration::from_hours(80 * 24);

/// Whether a record of this time is one that only Describe may settle. So is one of a time to come: the clock was far
/// ahead when it was written, so nobody knows how old it is.
#[must_use]
pub fn is_record_expired(time: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(time);
    age >= RECORD_LIFETIME || age <= -RECORD_REUSE
}

/// This long after a task's start a "not found" is final: the service keeps tasks for 90 days.
pub const TASK_LIFETIME: SignedDuration = SignedDuration::from_hours(89 * 24);

/// A record that was refused is used again for this long, then written anew with the present time.
pub const RECORD_REUSE: SignedDuration = SignedDuration::from_hours(24);

/// How often a task that can't be found is asked for again.
pub const MISSING_POLL: SignedDuration = SignedDuration::from_hours(1);

/// The longest wait between two attempts of one resource.
pub const MAX_RETRY: Duration = Duration::from_mins(5);

/// Bounds of the wait between two Describe calls of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PollBounds {
    /// The shortest.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
}

impl PollBounds {
    /// The time of the next Describe: about a tenth of the task's age after the last, within the bounds.
    #[must_use]
    pub fn next(&self, last: Timestamp, started: Timestamp, uid: &str) -> Timestamp {
        let age = last.duration_since(started).max(SignedDuration::ZERO).unsigned_abs();
        let wait = (age / 10).max(self.min);
        // Jitter only ever lengthens: the shortest wait is a promise to the account.
        after(
            last,
            wait.mul_f64(1.0 + 0.1 * jitter(uid, last)).min(self.max.max(self.min)),
        )
    }
}

/// When to try again after a failure: doubling waits with jitter, capped at five minutes.
#[must_use]
pub fn retry_at(now: Timestamp, class: ErrorClass, count: u32, uid: &str) -> Timestamp {
    match class {
        ErrorClass::Throttled | ErrorClass::ServiceUnavailable => {
            doubling(now, Duration::from_secs(1), MAX_RETRY, count, uid)
        }
        ErrorClass::LimitExceeded => probe_at(now, count, uid),
        // Somebody has to change something first.
        ErrorClass::AccessDenied | ErrorClass::CredentialsRejected | ErrorClass::UnexpectedAnswer => {
            doubling(now, Duration::from_secs(15), MAX_RETRY, count, uid)
        }
    }
}

/// The longest wait between two probes of a region.
pub const MAX_PROBE_WAIT: Duration = Duration::from_mins(1);

/// When to probe a region again whose slots others use: at most a minute later.
#[must_use]
pub fn probe_at(now: Timestamp, count: u32, region: &str) -> Timestamp {
    doubling(now, Duration::from_secs(3), MAX_PROBE_WAIT, count, region)
}

fn doubling(now: Timestamp, base: Duration, cap: Duration, count: u32, seed: &str) -> Timestamp {
    let wait = base
        .saturating_mul(1_u32.checked_shl(count.saturating_sub(1)).unwrap_or(u32::MAX))
        .min(cap);
    after(now, wait.mul_f64(1.0 - 0.25 * jitter(seed, now)))
}

/// A time after another; the far end of time instead of an overflow.
#[must_use]
pub fn after(time: Timestamp, wait: Duration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// A time by a clock that was set ahead by this much, or back.
#[must_use]
pub fn moved(time: Timestamp, by: SignedDuration) -> Timestamp {
    let end = if by.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    time.checked_add(by).unwrap_or(end)
}

/// The time as a status keeps it: the API's times have no fractions of a second.
#[must_use]
pub fn whole_seconds(time: Timestamp) -> Timestamp {
    rounded(time, RoundMode::Floor)
}

/// The same for a time that must not come too early.
#[must_use]
pub fn next_whole_second(time: Timestamp) -> Timestamp {
    rounded(time, RoundMode::Ceil)
}

fn rounded(time: Timestamp, mode: RoundMode) -> Timestamp {
    // Fails at the ends of time only.
    time.round(TimestampRound::new().smallest(Unit::Second).mode(mode))
        .unwrap_or(time)
}

/// A fraction in `0.0..1.0` that differs between resources and from time to time, and needs no random source.
fn jitter(uid: &str, time: Timestamp) -> f64 {
    let mut hasher = DefaultHasher::new();
    (uid, time.as_nanosecond()).hash(&mut hasher);
    f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}
