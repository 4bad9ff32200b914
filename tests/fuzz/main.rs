//! Answers of the service as nobody expects them, over the wire, with the real SDK.
//!
//! More cases: `PROPTEST_CASES=100000 cargo test --test fuzz`. What once failed is kept beside each file, in
//! `*.proptest-regressions`, and is tried first.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod answer;
mod answers;
mod body;
mod reads;
mod server;
