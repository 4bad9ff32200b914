//! A short soak of a fixed seed: the opening, in which every kind of action and fault comes once, and the checks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use clap::Parser as _;
use soak::Options;

const OPERATOR: &str = env!("CARGO_BIN_EXE_audit-mitigation-operator");

#[tokio::test(flavor = "multi_thread")]
async fn everything_holds_after_every_kind_of_fault() {
    let options = Options::parse_from(["soak", "--operator", OPERATOR, "--minutes", "0.1", "--seed", "2"]);
    let summary = soak::run(&options).await.unwrap();
    println!("{summary}");
    assert!(summary.violations.is_empty(), "{summary}");
    assert!(summary.untried().is_empty(), "{:?}: {summary}", summary.untried());
    // A scene that waits in vain is broken off: on a busy machine a few.
    let (whole, all) = summary.whole_scenes();
    assert!(whole * 10 > all * 7, "{whole} of {all} scenes: {summary}");
    assert!(summary.figure("tasks started by the operators") > Some(30), "{summary}");
    assert!(summary.figure("tasks that policies made") > Some(8), "{summary}");
}
