//! No hot loop: how often the operator has asked, from the logs of those that it asked.

use std::collections::BTreeMap;
use std::time::Duration;

use audit_mitigation_operator::core::rate_limiter::Rates;
use simulator::Operation;
use support::{AuditedUser, busiest};

use super::World;

const SECOND: Duration = Duration::from_secs(1);

/// What a test's work needs, doubled. A hot loop asks that often in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Calls of AWS, in all.
    pub(super) calls: usize,
    /// Requests to the API server, in all.
    pub(super) requests: usize,
    /// Requests to the API server in any second. (The calls of AWS have the operator's own rates.)
    pub(super) requests_a_second: usize,
}

impl Bounds {
    /// Holds it against both logs.
    pub(super) fn assert_kept(self, world: &World, user: &AuditedUser) {
        let calls = world.aws.calls();
        let mut busiest_calls = BTreeMap::new();
        for (operation, rate) in [
            (Operation::START, Rates::START),
            (Operation::DESCRIBE, Rates::DESCRIBE),
            // The rate of all others.
            (Operation::CANCEL, Rates::START),
            (Operation::EXECUTIONS, Rates::START),
        ] {
            let times = calls.iter().filter(|call| call.operation == Some(operation));
            let most = busiest(times.map(|call| call.time), SECOND);
            // A quarter of a second's calls may come at once, and some late, on a machine that is busy.
            let most = u32::try_from(most).unwrap();
            assert!(f64::from(most) <= 2.0 * rate, "{most} calls of {operation} in a second");
            busiest_calls.insert(operation.to_string(), most);
        }
        let requests = world.cluster.requests_of(user).unwrap();
        let busiest_requests = busiest(requests.iter().map(|request| request.time), SECOND);
        let mut by_verb = BTreeMap::new();
        for request in &requests {
            *by_verb
                .entry(format!("{} {} {}", request.verb, request.resource, request.code))
                .or_insert(0_usize) += 1;
        }
        println!(
            "{} calls, in the busiest second {busiest_calls:?}; {} requests, in the busiest second {busiest_requests}: {by_verb:#?}",
            calls.len(),
            requests.len()
        );
        assert!(calls.len() <= self.calls, "{} calls, {self:?}", calls.len());
        assert!(requests.len() <= self.requests, "{} requests, {self:?}", requests.len());
        assert!(
            busiest_requests <= self.requests_a_second,
            "{busiest_requests} requests in a second, {self:?}"
        );
    }
}
