//! `cargo xtask test`

use anyhow::Result;
use tools::Prerequisite;

use crate::step::{Count, Report, cargo, count_tests, program, succeed};

/// What the checks need to be installed.
const NEEDED: [Prerequisite; 8] = [
    Prerequisite::RUSTC,
    Prerequisite::RUSTFMT,
    Prerequisite::CLIPPY,
    Prerequisite::GO,
    Prerequisite::PYTHON,
    Prerequisite::KUBECTL,
    Prerequisite::CURL,
    Prerequisite::GIT,
];

/// How many tests of one program run at a time, whatever the number of cores.
const TEST_THREADS: &str = "6";

/// Runs every check, up to the first that fails, and prints a summary either way.
pub(crate) fn run() -> Result<()> {
    let (mut report, mut count) = (Report::default(), Count::default());
    let result = checks(&mut report, &mut count);
    report.print();
    let Count {
        passed,
        failed,
        ignored,
    } = count;
    println!("\n{passed} passed, {failed} failed, {ignored} skipped");
    result
}

fn checks(report: &mut Report, count: &mut Count) -> Result<()> {
    report.step("prerequisites", || tools::require(&NEEDED))?;
    report.step("format", || succeed(&mut cargo(&["fmt", "--all", "--check"])))?;
    report.step("lints", || {
        succeed(&mut cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny=warnings",
        ]))
    })?;
    report.step("documentation", || {
        let mut doc = cargo(&["doc", "--workspace", "--no-deps"]);
        succeed(doc.env("RUSTDOCFLAGS", "--deny=warnings"))
    })?;
    // Before the tests, so that none of them seems to hang for minutes.
    report.step("tools", crate::tools::run)?;
    report.step("dependencies", || {
        // Not the advisories: their database is fetched from the network, and changes under the same commit.
        let deny = tools::CARGO_DENY.path()?;
        succeed(&mut program(&deny, &["check", "bans", "licenses", "sources"]))
    })?;
    report.step("tests", || {
        let mut test = cargo(&["test", "--workspace", "--no-fail-fast"]);
        // The longest tests mostly wait: for a grace period, or for the API server.
        test.env("RUST_TEST_THREADS", TEST_THREADS);
        count_tests(&mut test, count)
    })
}
