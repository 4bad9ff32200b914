//! How many calls a second the operator allows itself, for each region and operation of one account.
//!
//! The service allows 10 starts, 10 cancels, 25 describes and 10 calls of each List a second for an account and
//! region ("AWS IoT Device Defender quotas"), shared with everybody in the account. Every operation has an allowance
//! of its own, so that none can starve another.
//!
//! A resource asks for its turn before it prepares a call, and comes back when it is told to: nothing is read or
//! written for a call that could not be made yet.

mod call_rate;

use std::collections::HashMap;

use jiff::Timestamp;

use self::call_rate::{CallRate, Reservation};
use crate::core::answer::Operation;

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

    /// These two, and the one rate that there is for all others. Zero is no limit.
    #[must_use]
    pub fn new(start: f64, describe: f64) -> Self {
        let limit = |rate: f64| (rate > 0.0).then_some(rate);
        Self {
            start: limit(start),
            describe: limit(describe),
            others: Some(Self::OTHERS),
        }
    }

    fn of(self, operation: Operation) -> Option<f64> {
        match operation {
            Operation::Start => self.start,
            Operation::Describe => self.describe,
            Operation::Cancel | Operation::ListExecutions | Operation::ListFindings => self.others,
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
    allowances: HashMap<Operation, HashMap<String, CallRate>>,
    /// The turn of each resource that has asked and not called yet: it makes one call at a time.
    turns: HashMap<String, Reserved>,
}

#[derive(Debug)]
struct Reserved {
    operation: Operation,
    region: String,
    turn: Reservation,
}

impl RateLimiter {
    /// A limiter of which nothing is spent.
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self {
            rates,
            allowances: HashMap::new(),
            turns: HashMap::new(),
        }
    }

    /// Asks for the turn of a resource. It keeps the turn that it gets, however often it asks, until it
    /// [has called](Self::spend) or [gives it back](Self::give_back).
    ///
    /// # Errors
    /// When it isn't its turn yet: the time to ask again.
    pub fn ask(&mut self, uid: &str, operation: Operation, region: &str, now: Timestamp) -> Result<(), Timestamp> {
        let Some(rate) = self.rates.of(operation) else {
            return Ok(());
        };
        let is_for_this = |reserved: &Reserved| reserved.operation == operation && reserved.region == region;
        if !self.turns.get(uid).is_some_and(is_for_this) {
            self.give_back(uid);
        }
        let lanes = self.allowances.entry(operation).or_default();
        let allowance = lanes
            .entry(region.to_owned())
            .or_insert_with(|| CallRate::new(rate, now));
        allowance.run_until(now);
        let reserved = self.turns.entry(uid.to_owned()).or_insert_with(|| Reserved {
            operation,
            region: region.to_owned(),
            turn: allowance.next_turn(),
        });
        allowance.grant(&mut reserved.turn)
    }

    /// The resource makes the call that it had a turn for.
    pub fn spend(&mut self, uid: &str) {
        self.turns.remove(uid);
    }

    /// The resource doesn't make the call that it had a turn for: somebody else may have it.
    pub fn give_back(&mut self, uid: &str) {
        let Some(Reserved {
            operation,
            region,
            turn,
        }) = self.turns.remove(uid)
        else {
            return;
        };
        let lanes = self.allowances.get_mut(&operation);
        if let Some(allowance) = lanes.and_then(|lanes| lanes.get_mut(&region)) {
            allowance.give_back(&turn);
        }
    }

    /// The service said Throttling: fewer calls a second, until it has not said so for a while.
    pub fn throttled(&mut self, operation: Operation, region: &str, now: Timestamp) {
        let lanes = self.allowances.get_mut(&operation);
        if let Some(allowance) = lanes.and_then(|lanes| lanes.get_mut(region)) {
            allowance.run_until(now);
            allowance.slow_down(now);
        }
    }

    /// How many calls a second are allowed at this time, where there is a limit.
    #[must_use]
    pub fn rate(&self, operation: Operation, region: &str) -> Option<f64> {
        let allowance = self.allowances.get(&operation).and_then(|lanes| lanes.get(region));
        allowance.map(CallRate::rate).or(self.rates.of(operation))
    }
}

#[cfg(test)]
mod tests;
