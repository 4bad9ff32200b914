//! Protections of the leader election.

use super::{LEASE, Mutant};

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "calls-outlive-the-lease",
        without: "a call that begins has ended before anybody else has the lease",
        file: "src/lease/terms.rs",
        search: "DURATION.saturating_sub(aws::CALL_TIMEOUT).saturating_sub(MARGIN)",
        replacement: "DURATION.saturating_add(aws::CALL_TIMEOUT).saturating_add(MARGIN)",
        tests: LEASE,
    },
    Mutant {
        name: "the-lease-counts-as-held",
        without: "who is not sure of the lease does not act",
        file: "src/lease/leadership.rs",
        search: "    until.is_some_and(|until| now < until)",
        replacement: "    until.is_some_and(|until| now < until || until <= now)",
        tests: LEASE,
    },
];
