//! Protections of the leader election.

use super::{Mutant, Tests, mutant, unit};

const TERMS: &str = "src/lease/terms.rs";
const LEADERSHIP: &str = "src/lease/leadership.rs";
const ELECTION: &str = "src/lease/election.rs";

const LEASE: Tests = unit(&["lease::"]);

pub(super) const MUTANTS: &[Mutant] = &[
    mutant(
        "calls-outlive-the-lease",
        "a call that begins has ended before anybody else has the lease",
        TERMS,
        "DURATION.saturating_sub(aws::CALL_TIMEOUT).saturating_sub(MARGIN)",
        "DURATION.saturating_add(aws::CALL_TIMEOUT).saturating_add(MARGIN)",
    )
    .by(LEASE),
    mutant(
        "a-leader-never-gives-up",
        "a leader that can't renew ends before another may take over",
        TERMS,
        "RENEW_DEADLINE: Duration = Duration::from_secs(10)",
        "RENEW_DEADLINE: Duration = Duration::from_secs(30)",
    )
    .by(LEASE),
    mutant(
        "the-lease-counts-as-held",
        "who is not sure of the lease does not act",
        LEADERSHIP,
        "    until.is_some_and(|until| now < until)",
        "    until.is_some_and(|until| now < until || until <= now)",
    )
    .by(LEASE),
    mutant(
        "it-acts-after-the-election",
        "when the election is over nobody acts any more",
        LEADERSHIP,
        "                std::future::pending::<()>().await;",
        "                std::future::ready(()).await;",
    )
    .by(LEASE),
    mutant(
        "a-late-answer-counts",
        "an answer that comes too late is none",
        ELECTION,
        "        self.give_up_in_time(now);\n        if matches!(self.role, Role::Stopped(_)) {",
        "        if matches!(self.role, Role::Stopped(_)) {",
    )
    .by(LEASE),
    mutant(
        "a-renewal-counts-from-its-answer",
        "a renewal counts from when it was sent",
        ELECTION,
        "                self.written(sent);",
        "                let _ = sent;\n                self.written(now);",
    )
    .by(LEASE),
    mutant(
        "a-renewal-is-not-seen",
        "a holder that renews keeps the lease",
        ELECTION,
        "            Some(seen) if seen.lease.spec == lease.spec => seen.at,",
        "            Some(seen) => seen.at,",
    )
    .by(LEASE),
    mutant(
        "a-label-is-a-renewal",
        "only a change of the lease's spec is a sign of life",
        ELECTION,
        "            Some(seen) if seen.lease.spec == lease.spec => seen.at,",
        "            Some(seen) if seen.lease == lease => seen.at,",
    )
    .by(LEASE),
    mutant(
        "a-deletion-is-a-release",
        "a lease that is deleted was not released",
        ELECTION,
        "self.holder().is_some_and(|holder| holder != self.identity) => {",
        "self.holder().is_some_and(|holder| holder != self.identity) && false => {",
    )
    .by(LEASE),
    mutant(
        "the-holder-s-time-is-overlooked",
        "the holder's own duration counts",
        ELECTION,
        "        let end = seen.at + duration(&seen.lease);",
        "        let end = seen.at + duration(&seen.lease).min(DURATION);",
    )
    .by(LEASE),
    mutant(
        "it-writes-without-a-look",
        "after a call whose fate isn't known it reads before it writes",
        ELECTION,
        "        self.may_write = false;\n        match answer {",
        "        match answer {",
    )
    .by(LEASE),
    mutant(
        "a-look-at-the-own-lease-is-a-renewal",
        "only an own write that was answered makes a leader",
        ELECTION,
        "            _ if is_own => self.write_at(now),",
        "            _ if is_own => self.written(now),",
    )
    .by(LEASE),
    mutant(
        "an-unguarded-lease",
        "the lease is written only over what was read",
        ELECTION,
        "            metadata: lease.metadata.clone(),",
        "            metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {\n                resource_version: None,\n                ..lease.metadata.clone()\n            },",
    )
    .by(LEASE),
    mutant(
        "a-lease-that-was-taken-is-kept",
        "who finds another's name in the lease ends",
        ELECTION,
        "            Role::Leader { .. } => self.role = Role::Stopped(Some(holder.map_or(Loss::Cleared, Loss::Taken))),",
        "            Role::Leader { .. } => self.write_at(now),",
    )
    .by(LEASE),
    mutant(
        "nothing-is-given-back",
        "the lease is given back at the end",
        ELECTION,
        "                holder_identity: None,\n                renew_time",
        "                holder_identity: Some(self.identity.clone()),\n                renew_time",
    )
    .by(LEASE),
    mutant(
        "another-s-lease-is-given-back",
        "only the own lease is given back",
        ELECTION,
        "            Role::Releasing | Role::Stopped(_) => self.role = Role::Stopped(None),\n        }\n    }\n\n    /// A deletion",
        "            Role::Releasing => self.write_at(now),\n            Role::Stopped(_) => self.role = Role::Stopped(None),\n        }\n    }\n\n    /// A deletion",
    )
    .by(LEASE),
    mutant(
        "a-release-holds-on",
        "who gives the lease back acts no more",
        ELECTION,
        "            Role::Leader { renewed } => Some(renewed + SURELY),\n            Role::Candidate | Role::Releasing | Role::Stopped(_) => None,",
        "            Role::Leader { renewed } => Some(renewed + SURELY),\n            Role::Releasing => Some(self.due + SURELY),\n            Role::Candidate | Role::Stopped(_) => None,",
    )
    .by(LEASE),
];
