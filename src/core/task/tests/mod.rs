//! Tests of the core, one file a concern. [`bench`] runs one resource by hand, [`world`] runs it under faults.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod account;
mod already_exists;
mod answers;
mod approval;
mod arbitrary;
mod attempts;
pub(crate) mod bench;
mod clock;
mod compare;
mod copies;
mod deletion;
mod edits;
mod ending;
mod events;
mod expired;
mod happenings;
mod known_task;
mod ledger;
mod memory;
mod messages;
mod model;
mod open_attempts;
mod outages;
mod phase_table;
mod places;
mod properties;
mod records;
mod service;
mod shell;
mod site;
pub(crate) mod store;
mod waiting;
mod world;

use proptest::prelude::ProptestConfig;

/// So many random cases for a property, and with `MODEL_CASES` (400 else) more or fewer of all in the same proportion.
pub(crate) fn lives(usual: u32) -> ProptestConfig {
    const USUAL: u32 = 400;
    let asked = std::env::var("MODEL_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = usual.saturating_mul(asked.unwrap_or(USUAL)) / USUAL;
    ProptestConfig {
        max_shrink_iters: 3_000,
        // A seed means nothing any more when the strategies change: what was found is a test of its own.
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases.max(1))
    }
}
