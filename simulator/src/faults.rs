//! The faults that are in force, and which of them strike a call.

use std::time::Duration;

use crate::calls::Call;
use crate::fault::{Fault, FaultKind};

/// The faults that strike one call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Struck {
    pub before: Duration,
    pub after: Duration,
    pub task_status: Option<String>,
    pub main: Option<Fault>,
}

/// The faults that are in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    next: u64,
    active: Vec<Active>,
}

#[derive(Debug)]
struct Active {
    id: u64,
    fault: Fault,
    left: Option<u64>,
    random: fastrand::Rng,
}

impl Faults {
    pub(crate) fn inject(&mut self, fault: Fault) -> u64 {
        self.next = self.next.saturating_add(1);
        let random = fastrand::Rng::with_seed(fault.seed);
        self.active.push(Active {
            id: self.next,
            left: fault.times,
            fault,
            random,
        });
        self.next
    }

    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.active.len();
        self.active.retain(|active| active.id != id);
        self.active.len() != before
    }

    pub(crate) fn clear(&mut self) {
        self.active.clear();
    }

    /// The faults in force, with what is left of their times.
    pub(crate) fn list(&self) -> Vec<(u64, Option<u64>, Fault)> {
        self.active
            .iter()
            .map(|active| (active.id, active.left, active.fault.clone()))
            .collect()
    }

    /// Takes the faults that strike a call.
    pub(crate) fn strike(&mut self, call: &Call) -> Struck {
        let mut struck = Struck::default();
        for active in &mut self.active {
            let combines = matches!(
                active.fault.kind,
                FaultKind::Latency { .. } | FaultKind::TaskStatus { .. }
            );
            if (!combines && struck.main.is_some()) || active.left == Some(0) || !active.fault.matches(call) {
                continue;
            }
            if active
                .fault
                .probability
                .is_some_and(|probability| active.random.f64() >= probability)
            {
                continue;
            }
            active.left = active.left.map(|left| left.saturating_sub(1));
            match &active.fault.kind {
                FaultKind::Latency { before, after } => {
                    struck.before = struck.before.saturating_add(*before);
                    struck.after = struck.after.saturating_add(*after);
                }
                FaultKind::TaskStatus { status } => struck.task_status = Some(status.clone()),
                _ => struck.main = Some(active.fault.clone()),
            }
        }
        self.active.retain(|active| active.left != Some(0));
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Operation;

    fn call(operation: Operation, task_id: &str) -> Call {
        Call {
            operation: Some(operation),
            task_id: Some(task_id.to_owned()),
            ..Call::default()
        }
    }

    #[test]
    fn strikes_what_it_matches_and_as_often_as_it_says() {
        let mut faults = Faults::default();
        faults.inject(
            Fault::new(FaultKind::Throttle)
                .on(Operation::START)
                .task("a-*")
                .times(2),
        );
        assert!(faults.strike(&call(Operation::DESCRIBE, "a-1")).main.is_none());
        assert!(faults.strike(&call(Operation::START, "b-1")).main.is_none());
        assert!(faults.strike(&call(Operation::START, "a-1")).main.is_some());
        assert!(faults.strike(&call(Operation::START, "a-2")).main.is_some());
        assert!(faults.strike(&call(Operation::START, "a-3")).main.is_none());
        assert!(faults.list().is_empty());
        faults.inject(Fault::new(FaultKind::ExpiredToken).access_key("AKIAOLD"));
        let signed = |key: &str| Call {
            access_key: key.to_owned(),
            ..call(Operation::START, "a-1")
        };
        assert!(faults.strike(&signed("AKIAOLD")).main.is_some());
        assert!(faults.strike(&signed("AKIANEW")).main.is_none());
    }

    #[test]
    fn the_first_wins_and_latencies_add_up() {
        let mut faults = Faults::default();
        let latency = FaultKind::Latency {
            before: Duration::from_secs(1),
            after: Duration::from_secs(2),
        };
        faults.inject(Fault::new(latency.clone()));
        faults.inject(Fault::new(FaultKind::Cut).times(1));
        faults.inject(Fault::new(FaultKind::Hang).times(1));
        faults.inject(Fault::new(latency));
        let struck = faults.strike(&call(Operation::START, "a"));
        assert_eq!(struck.main.unwrap().kind, FaultKind::Cut);
        assert_eq!(
            (struck.before, struck.after),
            (Duration::from_secs(2), Duration::from_secs(4))
        );
        assert_eq!(
            faults.strike(&call(Operation::START, "a")).main.unwrap().kind,
            FaultKind::Hang
        );
    }

    #[test]
    fn probability_is_repeatable() {
        let strikes = |seed| {
            let mut faults = Faults::default();
            faults.inject(Fault::new(FaultKind::Internal).probability(0.5, seed));
            (0..64)
                .map(|_| faults.strike(&call(Operation::START, "a")).main.is_some())
                .collect::<Vec<_>>()
        };
        assert_eq!(strikes(7), strikes(7));
        assert_ne!(strikes(7), strikes(8));
        let count = strikes(7).into_iter().filter(|struck| *struck).count();
        assert!((16..48).contains(&count), "{count}");
    }
}
