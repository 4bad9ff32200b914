//! The allowance of one operation in one region.
//!
//! The generic cell rate algorithm, with two things that no crate offers (governor's quotas are fixed, and it tells
//! whether a call may be made, but keeps no turns): the rate changes with what the service says, and a turn that was
//! promised moves with it. So turns are numbered, and a clock counts turns instead of seconds: it is slowed down to
//! make all that wait, wait longer.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::core::timing;

/// After a rest this part of a second's calls is made at once. With rates of four fifths of the service's, no second
/// ever has more calls than the service allows.
const BURST: f64 = 0.25;

/// What is left of the rate after a Throttling.
const SLOW_DOWN: f64 = 0.5;

/// Calls that were sent before the rate was lowered say nothing about the lower rate.
const ONE_SLOW_DOWN_IN: SignedDuration = SignedDuration::from_secs(1);

/// The rate that no Throttling lowers: one call in two seconds for each operation and region.
const FLOOR: f64 = 0.5;

/// How long it takes to get from nothing back to the whole rate. Longer means fewer refusals while somebody else uses
/// a part of the rate for good, shorter means less waiting after somebody did for a moment.
const RECOVERY_SECONDS: f64 = 60.0;

/// The clock is a sum of many small parts.
const PRECISION: f64 = 1e-6;

/// A promised call.
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
    at: Timestamp,
    slowed_down: Timestamp,
    /// The first turn that was promised to nobody yet.
    next: i64,
    /// Earlier ones that were given back.
    vacant: BTreeSet<i64>,
    /// Before this turn no further call may be made: a crowd that comes late, because the process stood still, say, is
    /// let through at the rate as well.
    gate: f64,
}

impl CallRate {
    pub(super) fn new(rate: f64, now: Timestamp) -> Self {
        Self {
            full_rate: rate,
            rate,
            clock: 0.0,
            at: now,
            slowed_down: Timestamp::MIN,
            next: 0,
            vacant: BTreeSet::new(),
            gate: 0.0,
        }
    }

    pub(super) const fn rate(&self) -> f64 {
        self.rate
    }

    /// Moves the clock on, while the rate recovers.
    pub(super) fn run_until(&mut self, now: Timestamp) {
        // A wall clock that is set back costs nothing but that time.
        let seconds = now.duration_since(self.at).as_secs_f64().max(0.0);
        self.at = now;
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

    /// The first turn that is neither promised nor past.
    pub(super) fn next_turn(&mut self) -> Reservation {
        let earliest = whole(self.clock - self.burst());
        self.vacant = self.vacant.split_off(&earliest);
        let number = self.vacant.pop_first().unwrap_or_else(|| {
            let number = self.next.max(earliest);
            self.next = number.saturating_add(1);
            number
        });
        Reservation {
            number,
            is_granted: false,
        }
    }

    /// Lets the call of this turn be made, once it is time.
    pub(super) fn grant(&mut self, turn: &mut Reservation) -> Result<(), Timestamp> {
        if turn.is_granted {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "not within the life of a process")]
        let due = (turn.number as f64).max(self.gate);
        if due > self.clock + PRECISION {
            return Err(self.time_of(due));
        }
        self.gate = self.gate.max(self.clock - self.burst()) + 1.0;
        turn.is_granted = true;
        Ok(())
    }

    pub(super) fn give_back(&mut self, turn: &Reservation) {
        if !turn.is_granted {
            self.vacant.insert(turn.number);
        }
    }

    pub(super) fn slow_down(&mut self, now: Timestamp) {
        if now.duration_since(self.slowed_down) < ONE_SLOW_DOWN_IN {
            return;
        }
        self.slowed_down = now;
        self.rate = (self.rate * SLOW_DOWN).max(FLOOR.min(self.full_rate));
        // What was saved up was saved at the rate that was too high.
        self.gate = self.gate.max(self.clock) + 1.0;
    }

    /// When the clock will show this, if nobody slows it down.
    fn time_of(&self, clock: f64) -> Timestamp {
        let calls = clock - self.clock;
        let recovering = self.seconds_to_recover();
        let meanwhile = self.rate * recovering + 0.5 * self.slope() * recovering * recovering;
        let seconds = if calls < meanwhile {
            ((self.rate * self.rate + 2.0 * self.slope() * calls).sqrt() - self.rate) / self.slope()
        } else {
            recovering + (calls - meanwhile) / self.full_rate
        };
        timing::after(self.at, Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "not within the life of a process")]
fn whole(clock: f64) -> i64 {
    clock.ceil() as i64
}
