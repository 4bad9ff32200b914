//! Tests on a real API server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

/// The generator of bodies that the fuzzer over the wire uses too.
#[path = "../fuzz/body.rs"]
mod body;
mod crd;
mod monitoring;
mod operator;
