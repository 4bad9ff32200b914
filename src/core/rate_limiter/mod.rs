//! How many calls a second the operator allows itself, for each region and operation of one account.
//!
//! The service allows 10 starts, 10 cancels, 25 describes and 10 calls of each List a second for an account and
//! region ("AWS IoT Device Defender quotas"), shared with everybody in the account. Every operation has a rate of its
//! own, so that none can starve another, and a resource may hold a reservation for each of them: one that waits for its
//! Cancel is described meanwhile.
//!
//! A resource asks before it prepares a call, gets a reservation, and comes back when it is told to: nothing is read
//! or written for a call that could not be made yet.
//!
//! No crate was found that does this. `governor` 0.10 tells when a call may be made, but not to whom: everybody who asks
//! meanwhile is told the same time, and its quotas are fixed. `leaky-bucket` 1.1 keeps an order, but as futures that
//! wait, and its rate is fixed. `ratelimit` 2.0 has a rate that can be set, and no order. The SDK's own limiter
//! (`RetryMode::Adaptive`) waits inside the call, after the start record was written, and slows all operations of a
//! client down together.

mod call_rate;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use self::call_rate::{CallRate, Reservation};
use crate::core::answer::Operation;

/// More regions than AWS has: so many call rates are kept, used or not.
const KEPT: usize = 64;

/// The most calls a second for each region; `None` for no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// `StartAuditMitigationActionsTask`
    pub start: Option<f64>,
    /// `DescribeAuditMitigationActionsTask`
    pub describe: Option<f64>,
    /// `CancelAuditMitigationActionsTask`, and each List.
    pub others: Option<f64>,
}

impl Rates {
    /// Below the service's ten a second.
    pub const START: f64 = 8.0;
    /// Below the service's twenty-five a second.
    pub const DESCRIBE: f64 = 20.0;
    /// Below the service's ten a second; nobody needs another.
    const OTHERS: f64 = 8.0;
    /// Below the service's five a second.
    const SCHEDULES: f64 = 4.0;

    /// These two, and the one rate that there is for all others. Zero is no limit.
    pub fn new(start: f64, describe: f64) -> Self {
        let limit = |rate: f64| (rate > 0.0).then_some(rate);
        Self {
            start: limit(start),
            describe: limit(describe),
            others: Some(Self::OTHERS),
        }
    }

    /// The rate of an operation. One that is added gets its place here.
    fn of(self, operation: Operation) -> Option<f64> {
        match operation {
            Operation::Start => self.start,
            Operation::Describe => self.describe,
            // The service allows 25 a second of these, as of Describe, and ten of each List.
            Operation::DescribeAudit | Operation::DescribeFinding | Operation::DescribeAction => {
                self.others.map(|_| Self::DESCRIBE)
            }
            // Five a second for all operations on scheduled audits.
            Operation::DescribeSchedule => self.others.map(|_| Self::SCHEDULES),
            Operation::Cancel | Operation::ListExecutions | Operation::ListFindings | Operation::ListAudits => {
                self.others
            }
        }
    }
}

impl Default for Rates {
    fn default() -> Self {
        Self::new(Self::START, Self::DESCRIBE)
    }
}

/// The calls that may be made now, and when the others may.
#[derive(Debug)]
pub struct RateLimiter {
    rates: Rates,
    call_rates: HashMap<Operation, HashMap<String, CallRate>>,
    /// Uid → operation → the call that it has asked for and not made yet.
    reservations: HashMap<String, BTreeMap<Operation, Reserved>>,
    /// The call rates that nobody needs are looked for when there are more than so many.
    most_call_rates: usize,
}

#[derive(Debug)]
struct Reserved {
    region: String,
    reservation: Reservation,
}

impl RateLimiter {
    /// A limiter of which nothing is spent.
    pub fn new(rates: Rates) -> Self {
        Self {
            rates,
            call_rates: HashMap::new(),
            reservations: HashMap::new(),
            most_call_rates: KEPT,
        }
    }

    /// Asks whether a resource may make a call. It keeps the reservation that it gets, however often it asks, until it
    /// [has called](Self::spend) or [gives it back](Self::give_back). It has one for each operation: asked for another
    /// region, it gives the former back.
    ///
    /// # Errors
    /// When it may not call yet: the time to ask again.
    pub fn ask(&mut self, uid: &str, operation: Operation, region: &str, now: Instant) -> Result<(), Instant> {
        let Some(rate) = self.rates.of(operation) else {
            return Ok(());
        };
        let reserved = self.reservations.get(uid).and_then(|of_uid| of_uid.get(&operation));
        if reserved.is_some_and(|reserved| reserved.region != region) {
            self.give_back(uid, operation);
        }
        self.forget_idle(now);
        let by_region = self.call_rates.entry(operation).or_default();
        let call_rate = by_region
            .entry(region.to_owned())
            .or_insert_with(|| CallRate::new(rate, now));
        call_rate.run_until(now);
        let of_uid = self.reservations.entry(uid.to_owned()).or_default();
        let reserved = of_uid.entry(operation).or_insert_with(|| Reserved {
            region: region.to_owned(),
            reservation: call_rate.reserve(),
        });
        call_rate.grant(&mut reserved.reservation)
    }

    /// The resource makes the call that it had a reservation for.
    pub fn spend(&mut self, uid: &str, operation: Operation) {
        self.take(uid, operation);
    }

    /// The resource doesn't make the call that it had a reservation for: somebody else may.
    pub fn give_back(&mut self, uid: &str, operation: Operation) {
        if let Some(reserved) = self.take(uid, operation) {
            self.free(operation, &reserved);
        }
    }

    /// The resource makes none of the calls that it had reservations for.
    pub fn give_back_all(&mut self, uid: &str) {
        for (operation, reserved) in self.reservations.remove(uid).unwrap_or_default() {
            self.free(operation, &reserved);
        }
    }

    /// All other resources are gone.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let gone: Vec<String> = self.reservations.keys().filter(|uid| !keep(uid)).cloned().collect();
        for uid in gone {
            self.give_back_all(&uid);
        }
    }

    fn take(&mut self, uid: &str, operation: Operation) -> Option<Reserved> {
        let of_uid = self.reservations.get_mut(uid)?;
        let reserved = of_uid.remove(&operation);
        if of_uid.is_empty() {
            self.reservations.remove(uid);
        }
        reserved
    }

    fn free(&mut self, operation: Operation, reserved: &Reserved) {
        if let Some(call_rate) = self.call_rate(operation, &reserved.region) {
            call_rate.free(&reserved.reservation);
        }
    }

    fn call_rate(&mut self, operation: Operation, region: &str) -> Option<&mut CallRate> {
        self.call_rates.get_mut(&operation)?.get_mut(region)
    }

    /// The service said Throttling: fewer calls a second, until it has not said so for a while.
    pub fn throttled(&mut self, operation: Operation, region: &str, now: Instant) {
        if let Some(call_rate) = self.call_rate(operation, region) {
            call_rate.run_until(now);
            call_rate.slow_down(now);
        }
    }

    /// How many calls a second are allowed at this time, where there is a limit.
    pub fn rate(&self, operation: Operation, region: &str) -> Option<f64> {
        let by_region = self.call_rates.get(&operation);
        let call_rate = by_region.and_then(|by_region| by_region.get(region));
        call_rate.map(CallRate::rate).or(self.rates.of(operation))
    }

    /// About when so many further calls will have been made, and at least a second from now.
    pub fn estimate(&self, calls: usize, operation: Operation, region: &str, now: Instant) -> Instant {
        let calls = f64::from(u32::try_from(calls).unwrap_or(u32::MAX));
        let seconds = self.rate(operation, region).map_or(0.0, |rate| calls / rate);
        call_rate::after(now, seconds.max(1.0))
    }

    /// Forgets the call rates that say nothing and are reserved for nobody, so that regions which nobody uses any more
    /// cost nothing. Looked for when their number has doubled, this costs next to nothing for each call.
    fn forget_idle(&mut self, now: Instant) {
        if self.count() < self.most_call_rates {
            return;
        }
        let reserved: HashSet<(Operation, &str)> = self
            .reservations
            .values()
            .flat_map(|of_uid| of_uid.iter().map(|(operation, it)| (*operation, it.region.as_str())))
            .collect();
        for (operation, by_region) in &mut self.call_rates {
            by_region.retain(|region, call_rate| {
                call_rate.run_until(now);
                reserved.contains(&(*operation, region)) || !call_rate.is_idle(now)
            });
        }
        self.most_call_rates = self.count().saturating_mul(2).max(KEPT);
    }

    fn count(&self) -> usize {
        self.call_rates.values().map(HashMap::len).sum()
    }
}

#[cfg(test)]
mod tests;
