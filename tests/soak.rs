//! A short soak of a fixed seed: everything holds at the end. It tries a part of the faults only; longer runs try all.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use clap::Parser as _;
use soak::Options;

const OPERATOR: &str = env!("CARGO_BIN_EXE_audit-mitigation-operator");

#[tokio::test(flavor = "multi_thread")]
async fn everything_holds_after_half_a_minute_of_faults() {
    let options = Options::parse_from(["soak", "--operator", OPERATOR, "--minutes", "0.35", "--seed", "1"]);
    let summary = soak::run(&options).await.unwrap();
    println!("{summary}");
    assert!(summary.violations.is_empty(), "{summary}");
    assert!(summary.actions() > 50, "{summary}");
    assert!(summary.figure("tasks started by the operator") > Some(5), "{summary}");
}
