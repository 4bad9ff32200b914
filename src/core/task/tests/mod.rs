//! Tests of the core, one file a concern. [`bench`] runs one resource by hand, [`world`] runs it under faults.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod already_exists;
mod answers;
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
mod ledger;
mod model;
mod outages;
mod phase_table;
mod places;
mod properties;
mod records;
mod service;
mod site;
pub(crate) mod store;
mod waiting;
mod world;
