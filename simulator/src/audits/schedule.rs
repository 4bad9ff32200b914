//! A schedule, and when it is due.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::plus;

/// How many audits of one schedule run at once after a long time in which nobody asked.
const CATCH_UP: u32 = 100;

/// A schedule of audits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Schedule {
    /// Its name.
    pub scheduled_audit_name: String,
    /// DAILY, WEEKLY, BIWEEKLY or MONTHLY. Only told: `every` says when audits run.
    #[serde(default = "daily")]
    pub frequency: String,
    /// `1` to `31`, or LAST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_of_month: Option<String>,
    /// SUN to SAT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day_of_week: Option<String>,
    /// The checks of its audits.
    pub target_check_names: Vec<String>,
    /// An audit runs every so often, by the simulator's clock; on command only, if not given.
    #[serde(default, with = "compact::optional", skip_serializing_if = "Option::is_none")]
    pub every: Option<Duration>,
}

fn daily() -> String {
    "DAILY".to_owned()
}

impl Schedule {
    /// A daily schedule whose audits run on command.
    #[must_use]
    pub fn new<'a>(name: &str, checks: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            scheduled_audit_name: name.to_owned(),
            frequency: daily(),
            day_of_month: None,
            day_of_week: None,
            target_check_names: checks.into_iter().map(str::to_owned).collect(),
            every: None,
        }
    }

    /// Lets an audit run every so often.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = Some(every);
        self
    }

    /// The time from one audit to the next by the frequency.
    pub(crate) fn period(&self) -> Duration {
        let days = match self.frequency.as_str() {
            "WEEKLY" => 7,
            "BIWEEKLY" => 14,
            "MONTHLY" => 30,
            _ => 1,
        };
        Duration::from_hours(days * 24)
    }
}

/// A schedule at work.
#[derive(Clone, Debug)]
pub(crate) struct Scheduled {
    pub schedule: Schedule,
    next: Option<Timestamp>,
}

impl Scheduled {
    pub(crate) fn new(schedule: Schedule, now: Timestamp) -> Self {
        let every = schedule.every.filter(|every| !every.is_zero());
        Self {
            next: every.map(|every| plus(now, every)),
            schedule,
        }
    }

    /// The moments at which audits were due since the last time.
    pub(crate) fn due(&mut self, now: Timestamp) -> Vec<Timestamp> {
        let (Some(mut next), Some(every)) = (self.next, self.schedule.every) else {
            return Vec::new();
        };
        let kept = SignedDuration::try_from(every.saturating_mul(CATCH_UP)).unwrap_or(SignedDuration::MAX);
        next = next.max(now.checked_sub(kept).unwrap_or(next));
        let mut due = Vec::new();
        while next <= now {
            due.push(next);
            next = plus(next, every);
        }
        self.next = Some(next);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_due_every_so_often_and_after_a_long_time_not_for_all_of_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let schedule = Schedule::new("nightly", ["C"]).every(Duration::from_secs(10));
        let mut scheduled = Scheduled::new(schedule, at(0));
        assert_eq!(scheduled.due(at(9)), []);
        assert_eq!(scheduled.due(at(30)), [at(10), at(20), at(30)]);
        assert_eq!(scheduled.due(at(30)), []);
        assert_eq!(scheduled.due(at(1_000_000)).len(), 101);
        assert_eq!(
            Scheduled::new(Schedule::new("on-command", ["C"]), at(0)).due(at(99)),
            []
        );
    }
}
