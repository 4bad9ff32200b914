//! The election row by row, and two candidates under lost and late answers.

mod leadership;
mod race;
mod rows;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::call::{Answer, Call};
use super::election::Election;

/// A candidate with a clock of the test's own.
struct Candidate {
    election: Election,
    start: Instant,
    seconds: f64,
}

impl Candidate {
    fn new(name: &str) -> Self {
        let start = Instant::now();
        Self {
            election: Election::new(name.to_owned(), start),
            start,
            seconds: 0.0,
        }
    }

    /// One that holds the lease since 0.
    fn leader() -> Self {
        let mut candidate = Self::new("me");
        candidate.answer(Answer::Missing);
        let Call::Create(lease) = candidate.next() else {
            panic!("no create");
        };
        candidate.answer(Answer::Written(lease));
        candidate
    }

    fn at(&mut self, seconds: f64) -> &mut Self {
        self.seconds = seconds;
        self
    }

    fn now(&self) -> Instant {
        self.start + Duration::from_secs_f64(self.seconds)
    }

    fn next(&mut self) -> Call {
        self.election.next(self.now(), Timestamp::UNIX_EPOCH)
    }

    /// Until when it waits, in milliseconds.
    fn waits_until(&mut self) -> u128 {
        match self.next() {
            Call::Wait(until) => (until - self.start).as_millis(),
            other => panic!("{other:?}"),
        }
    }

    /// An answer at once.
    fn answer(&mut self, answer: Answer) {
        self.election.answered(self.now(), self.now(), answer);
    }

    fn surely_holds(&self) -> bool {
        self.election
            .surely_held_until()
            .is_some_and(|until| self.now() < until)
    }
}

/// A lease of somebody, renewed at this second.
fn held_by(holder: &str, renewed: i64) -> Lease {
    let spec = LeaseSpec {
        holder_identity: Some(holder.to_owned()),
        lease_duration_seconds: Some(15),
        renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
        ..LeaseSpec::default()
    };
    Lease {
        spec: Some(spec),
        ..Lease::default()
    }
}

fn holder_of(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref())
}
