//! The election as one candidate sees it: answers and the time go in, the next call comes out.
//!
//! It makes one call at a time. After a call whose fate isn't known it reads before it writes, and each write is
//! guarded by the resource version of what was read or written last: a write that arrives late changes nothing that
//! anybody else wrote meanwhile.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::call::{Answer, Call, Loss};
use super::terms::{DURATION, RENEW_DEADLINE, RENEW_EVERY, RETRY_EVERY, SURELY};

/// The election as one candidate sees it.
#[derive(Debug)]
pub(super) struct Election {
    identity: String,
    role: Role,
    /// The lease as it was read or written last.
    seen: Option<Seen>,
    /// Whether a write may rest on it.
    may_write: bool,
    /// Nothing is done before.
    due: Instant,
    /// What went wrong last.
    problem: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Role {
    Candidate,
    /// The renewal that counts was sent then: the API server can't have seen it earlier.
    Leader {
        renewed: Instant,
    },
    Releasing,
    Stopped(Option<Loss>),
}

#[derive(Debug)]
struct Seen {
    lease: Lease,
    /// Since when its spec was seen unchanged.
    at: Instant,
    /// It was deleted since.
    is_missing: bool,
}

impl Election {
    pub(super) const fn new(identity: String, now: Instant) -> Self {
        Self {
            identity,
            role: Role::Candidate,
            seen: None,
            may_write: false,
            due: now,
            problem: String::new(),
        }
    }

    /// What to do next; `wall` is only written into the lease, for people.
    pub(super) fn next(&mut self, now: Instant, wall: Timestamp) -> Call {
        self.give_up_in_time(now);
        if let Role::Stopped(loss) = &self.role {
            return Call::Stop(loss.clone());
        }
        if now < self.due {
            return Call::Wait(self.gives_up_at().map_or(self.due, |end| end.min(self.due)));
        }
        if !self.may_write {
            return Call::Read;
        }
        match &self.seen {
            Some(Seen {
                lease,
                is_missing: false,
                ..
            }) => Call::Replace(self.signed(lease, wall)),
            _ => Call::Create(self.signed(&Lease::default(), wall)),
        }
    }

    /// When a call that is under way has to be given up; `None` but for a leader.
    pub(super) fn gives_up_at(&self) -> Option<Instant> {
        match self.role {
            Role::Leader { renewed } => Some(renewed + RENEW_DEADLINE),
            Role::Candidate | Role::Releasing | Role::Stopped(_) => None,
        }
    }

    /// Takes in what became of the call that was sent then.
    pub(super) fn answered(&mut self, sent: Instant, now: Instant, answer: Answer) {
        self.give_up_in_time(now);
        // mutant: an-answer-after-the-end-counts
        if matches!(self.role, Role::Stopped(_)) {
            return;
        }
        // mutant: it-writes-without-a-look
        self.may_write = false;
        match answer {
            Answer::Found(lease) => {
                self.see(lease, now);
                self.found(now);
            }
            Answer::Missing => self.missing(now),
            Answer::Written(lease) => {
                self.see(lease, now);
                self.written(sent);
            }
            Answer::Conflict => {
                "somebody else wrote the lease first".clone_into(&mut self.problem);
                self.due = match self.role {
                    // Whoever won has it now.
                    Role::Candidate => now + RETRY_EVERY,
                    Role::Leader { .. } | Role::Releasing | Role::Stopped(_) => now,
                };
            }
            Answer::Failed(problem) => {
                self.problem = problem;
                self.due = now + RETRY_EVERY;
            }
        }
    }

    /// Gives the lease back. To be called when the work has ended.
    pub(super) fn release(&mut self, now: Instant) {
        self.role = match self.role {
            Role::Leader { .. } => Role::Releasing,
            _ => Role::Stopped(None),
        };
        self.due = now;
    }

    /// Until when a call to AWS may begin.
    pub(super) fn surely_held_until(&self) -> Option<Instant> {
        match self.role {
            Role::Leader { renewed } => Some(renewed + SURELY),
            Role::Candidate | Role::Releasing | Role::Stopped(_) => None,
        }
    }

    /// Who holds the lease, as it was seen last.
    pub(super) fn holder(&self) -> Option<&str> {
        self.seen.as_ref().and_then(|seen| holder(&seen.lease))
    }

    fn give_up_in_time(&mut self, now: Instant) {
        if self.gives_up_at().is_some_and(|end| now >= end) {
            self.role = Role::Stopped(Some(Loss::NotRenewed {
                limit: RENEW_DEADLINE,
                problem: self.problem.clone(),
            }));
        }
    }

    fn see(&mut self, lease: Lease, now: Instant) {
        let at = match &self.seen {
            Some(seen) if seen.lease.spec == lease.spec => seen.at,
            _ => now,
        };
        self.seen = Some(Seen {
            lease,
            at,
            is_missing: false,
        });
    }

    fn found(&mut self, now: Instant) {
        let holder = self.holder().map(ToOwned::to_owned);
        let is_own = holder.as_deref() == Some(&self.identity);
        match self.role {
            // An own write may have arrived although its answer did not; only the next one counts.
            _ if is_own => self.write_at(now),
            Role::Candidate if holder.is_none() => self.write_at(now),
            Role::Candidate => self.wait_for_the_holder(now),
            Role::Leader { .. } => self.role = Role::Stopped(Some(holder.map_or(Loss::Cleared, Loss::Taken))),
            Role::Releasing | Role::Stopped(_) => self.role = Role::Stopped(None),
        }
    }

    /// A deletion is no release: its holder, if there was one, may still be at work.
    fn missing(&mut self, now: Instant) {
        if let Some(seen) = &mut self.seen {
            seen.is_missing = true;
        }
        match self.role {
            Role::Candidate if self.holder().is_some_and(|holder| holder != self.identity) => {
                self.wait_for_the_holder(now);
            }
            Role::Candidate | Role::Leader { .. } => self.write_at(now),
            Role::Releasing | Role::Stopped(_) => self.role = Role::Stopped(None),
        }
    }

    fn wait_for_the_holder(&mut self, now: Instant) {
        let Some(seen) = &self.seen else { return };
        let end = seen.at + duration(&seen.lease);
        if now >= end {
            self.write_at(now);
        } else {
            self.due = end.min(now + RETRY_EVERY);
        }
    }

    fn write_at(&mut self, due: Instant) {
        self.may_write = true;
        self.due = due;
    }

    fn written(&mut self, sent: Instant) {
        self.role = match self.role {
            Role::Candidate | Role::Leader { .. } => Role::Leader { renewed: sent },
            Role::Releasing | Role::Stopped(_) => Role::Stopped(None),
        };
        self.write_at(sent + RENEW_EVERY);
    }

    /// The lease as this process wants it.
    fn signed(&self, lease: &Lease, wall: Timestamp) -> Lease {
        let old = lease.spec.clone().unwrap_or_default();
        let wall = MicroTime(wall);
        let spec = if self.role == Role::Releasing {
            LeaseSpec {
                holder_identity: None,
                renew_time: Some(wall),
                ..old
            }
        } else if holder(lease) == Some(&self.identity) {
            LeaseSpec {
                lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
                renew_time: Some(wall),
                ..old
            }
        } else {
            LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
                acquire_time: Some(wall.clone()),
                renew_time: Some(wall),
                lease_transitions: Some(old.lease_transitions.map_or(0, |count| count.saturating_add(1))),
                ..old
            }
        };
        Lease {
            metadata: lease.metadata.clone(),
            spec: Some(spec),
        }
    }
}

/// Who holds a lease; an empty name is nobody, as client-go writes it.
fn holder(lease: &Lease) -> Option<&str> {
    let holder = lease.spec.as_ref()?.holder_identity.as_deref()?;
    (!holder.is_empty()).then_some(holder)
}

/// What the holder has promised to be bound by.
fn duration(lease: &Lease) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0)
        .map_or(DURATION, Duration::from_secs)
}
