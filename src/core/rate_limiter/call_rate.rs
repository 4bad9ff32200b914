//! The calls of one operation in one region.
//!
//! The generic cell rate algorithm, with two additions: the rate changes with what the service says, and a reservation
//! that was made moves with it. So calls are numbered, and a clock counts calls instead of seconds: it is slowed down
//! to make all that wait, wait longer.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// After a rest this part of a second's calls is made at once. With rates of four fifths of the service's, no second
/// ever has more calls than the service allows.
const BURST: f64 = 0.25;

/// What is left of the rate after a Throttling.
const SLOW_DOWN: f64 = 0.5;

/// Calls that were sent before the rate was lowered say nothing about the lower rate.
const ONE_SLOW_DOWN_IN: Duration = Duration::from_secs(1);

/// The rate that no Throttling lowers: one call in two seconds for each operation and region.
const FLOOR: f64 = 0.5;

/// How long it takes to get from nothing back to the whole rate. Longer means fewer refusals while somebody else uses
/// a part of the rate for good, shorter means less waiting after somebody did for a moment.
const RECOVERY_SECONDS: f64 = 60.0;

/// The clock is a sum of many small parts.
const PRECISION: f64 = 1e-6;

/// Nobody is told to wait for longer: who asks again then is told how long the rest takes.
const LONGEST_WAIT_SECONDS: f64 = 86_400.0;

/// A call that only its owner may make.
#[derive(Debug)]
pub(super) struct Reservation {
    number: i64,
    is_granted: bool,
}

#[derive(Debug)]
pub(super) struct CallRate {
    /// Calls a second when nobody is in the way.
    full_rate: f64,
    /// Calls a second for now.
    rate: f64,
    /// How many calls could have been made until `at`.
    clock: f64,
    at: Instant,
    slowed_down: Option<Instant>,
    /// The first call that was never reserved.
    next: i64,
    /// Earlier ones whose reservations were given back.
    free: BTreeSet<i64>,
    /// Before this number no further call may be made: if the process stood still and all come late, they still call at
    /// the rate.
    gate: f64,
}

impl CallRate {
    pub(super) fn new(rate: f64, now: Instant) -> Self {
        Self {
            full_rate: rate,
            rate,
            clock: 0.0,
            at: now,
            slowed_down: None,
            next: 0,
            free: BTreeSet::new(),
            gate: 0.0,
        }
    }

    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }

    /// Moves the clock on, while the rate recovers.
    pub(super) fn run_until(&mut self, now: Instant) {
        // Callers read the time before they get hold of the limiter: one may come with an earlier time than the last.
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        let recovering = seconds.min(self.seconds_to_recover());
        self.clock += self.rate * recovering + 0.5 * self.slope() * recovering * recovering;
        self.rate = (self.rate + self.slope() * recovering).min(self.full_rate);
        self.clock += self.full_rate * (seconds - recovering);
    }

    fn slope(&self) -> f64 {
        self.full_rate / RECOVERY_SECONDS
    }

    fn seconds_to_recover(&self) -> f64 {
        ((self.full_rate - self.rate) / self.slope()).max(0.0)
    }

    fn burst(&self) -> f64 {
        (self.rate * BURST).max(1.0)
    }

    /// Reserves the first call that is neither reserved nor past.
    pub(super) fn reserve(&mut self) -> Reservation {
        let earliest = whole(self.clock - self.burst());
        self.free = self.free.split_off(&earliest);
        let number = self.free.pop_first().unwrap_or_else(|| {
            let number = self.next.max(earliest);
            self.next = number.saturating_add(1);
            number
        });
        Reservation {
            number,
            is_granted: false,
        }
    }

    /// Allows the reserved call, once it is time.
    pub(super) fn grant(&mut self, reservation: &mut Reservation) -> Result<(), Instant> {
        if reservation.is_granted {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "not within the life of a process")]
        let due = (reservation.number as f64).max(self.gate);
        if due > self.clock + PRECISION {
            return Err(self.time_of(due));
        }
        self.gate = self.gate.max(self.clock - self.burst()) + 1.0;
        reservation.is_granted = true;
        Ok(())
    }

    /// The reserved call is not made: the next who asks may have it.
    pub(super) fn free(&mut self, reservation: &Reservation) {
        if !reservation.is_granted {
            self.free.insert(reservation.number);
        }
    }

    /// Whether a new one would allow no call earlier than this one does.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        let is_full = self.seconds_to_recover() <= 0.0 && !self.was_just_slowed_down(now);
        is_full && self.gate <= self.clock && self.next <= whole(self.clock - 1.0)
    }

    fn was_just_slowed_down(&self, now: Instant) -> bool {
        self.slowed_down
            .is_some_and(|at| now.saturating_duration_since(at) < ONE_SLOW_DOWN_IN)
    }

    pub(super) fn slow_down(&mut self, now: Instant) {
        if self.was_just_slowed_down(now) {
            return;
        }
        self.slowed_down = Some(now);
        self.rate = (self.rate * SLOW_DOWN).max(FLOOR.min(self.full_rate));
        // What was saved up was saved at the rate that was too high.
        self.gate = self.gate.max(self.clock) + 1.0;
    }

    /// When the clock will show this, if nobody slows it down.
    fn time_of(&self, clock: f64) -> Instant {
        let calls = clock - self.clock;
        let recovering = self.seconds_to_recover();
        let meanwhile = self.rate * recovering + 0.5 * self.slope() * recovering * recovering;
        let seconds = if calls < meanwhile {
            ((self.rate * self.rate + 2.0 * self.slope() * calls).sqrt() - self.rate) / self.slope()
        } else {
            recovering + (calls - meanwhile) / self.full_rate
        };
        after(self.at, seconds)
    }
}

/// So many seconds after a time, and a day after it at most.
pub(super) fn after(time: Instant, seconds: f64) -> Instant {
    let wait = Duration::try_from_secs_f64(seconds.min(LONGEST_WAIT_SECONDS)).unwrap_or_default();
    time.checked_add(wait).unwrap_or(time)
}

#[expect(clippy::cast_possible_truncation, reason = "not within the life of a process")]
fn whole(clock: f64) -> i64 {
    clock.ceil() as i64
}
