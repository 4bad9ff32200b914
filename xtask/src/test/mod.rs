//! `cargo xtask check` and `cargo xtask test`

mod output;
mod suites;

use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use tools::Prerequisite;

use crate::step::{Report, cargo, check_status, program, succeed};
use output::Tests;
use suites::Suite;

/// What the quick checks need to be installed.
const NEEDED_FOR_CHECK: [Prerequisite; 4] = [
    Prerequisite::RUSTC,
    Prerequisite::RUSTFMT,
    Prerequisite::CLIPPY,
    Prerequisite::GIT,
];

/// What all checks need to be installed.
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

/// How many random lives each property of the core is tried on by the quick checks.
const QUICK_MODEL_CASES: &str = "50";

/// Which tests are run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Suites: `unit`, `doc`, a file or folder of tests (`cluster`, `chart`, `gitops`, `aws`, …), or a package
    /// (`simulator`, …). Without any, every check there is.
    suites: Vec<String>,
    /// Runs the suites on a cluster of this version of Kubernetes, such as 1.30.14; without suites `cluster` and `chart`.
    #[arg(long, value_name = "VERSION")]
    kubernetes: Option<String>,
    /// For the test programs: `-- operator::lease` runs the tests whose name has that in it.
    #[arg(last = true)]
    filters: Vec<String>,
}

/// Runs every check, or some suites, and prints a summary whatever comes.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    summed_up(|report, tests| {
        if let Some(version) = &arguments.kubernetes {
            ensure_installed(report, &NEEDED)?;
            let version = tools::kubernetes::version(version)?;
            let suites = if arguments.suites.is_empty() {
                suites::named(&["cluster", "chart"])
            } else {
                suites::named(&arguments.suites)
            };
            let env = [(tools::kubernetes::VARIABLE, version.name)];
            return run_suites(report, tests, &suites?, &arguments.filters, &env);
        }
        if !arguments.suites.is_empty() {
            ensure_installed(report, &NEEDED)?;
            let suites = suites::named(&arguments.suites)?;
            return run_suites(report, tests, &suites, &arguments.filters, &[]);
        }
        ensure!(arguments.filters.is_empty(), "name the suite that the tests belong to");
        ensure_installed(report, &NEEDED)?;
        ensure_tidy(report)?;
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
        report.step("build", || succeed(&mut cargo(&["test", "--workspace", "--no-run"])))?;
        run_suites(report, tests, &suites::all()?, &[], &[])
    })
}

/// What tells a mistake soon: all that needs no cluster, and no tool that has to be built.
pub(crate) fn quick() -> Result<()> {
    summed_up(|report, tests| {
        ensure_installed(report, &NEEDED_FOR_CHECK)?;
        ensure_tidy(report)?;
        run_suites(
            report,
            tests,
            &suites::quick()?,
            &[],
            &[("MODEL_CASES", QUICK_MODEL_CASES)],
        )
    })
}

/// Runs the steps up to the first that fails.
fn summed_up(steps: impl FnOnce(&mut Report, &mut Tests) -> Result<()>) -> Result<()> {
    let (mut report, mut tests) = (Report::default(), Tests::default());
    let result = steps(&mut report, &mut tests);
    report.print();
    tests.print();
    result
}

fn ensure_installed(report: &mut Report, prerequisites: &[Prerequisite]) -> Result<()> {
    report.step("prerequisites", || tools::require(prerequisites))
}

fn ensure_tidy(report: &mut Report) -> Result<()> {
    report.step("format", || succeed(&mut cargo(&["fmt", "--all", "--check"])))?;
    report.step("lints", || {
        succeed(&mut cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny=warnings",
        ]))
    })
}

/// Runs all of them, also when one fails.
fn run_suites(
    report: &mut Report,
    tests: &mut Tests,
    suites: &[Suite],
    filters: &[String],
    env: &[(&str, &str)],
) -> Result<()> {
    let mut failed = Vec::new();
    for suite in suites {
        let result = report.step(&suite.name, || {
            let mut command = cargo(&["test", "--no-fail-fast"]);
            command
                .args(&suite.arguments)
                .arg("--")
                .args(filters)
                // The longest tests mostly wait: for a grace period, or for the API server.
                .env("RUST_TEST_THREADS", TEST_THREADS)
                .envs(env.iter().copied())
                .stdout(Stdio::piped());
            let mut child = command.spawn().context("cannot run cargo")?;
            tests.follow(&mut child)?;
            check_status(child.wait(), &command)
        });
        if let Err(error) = result {
            eprintln!("{error:#}");
            failed.push(suite.name.as_str());
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => bail!("failed: {}", failed.join(", ")),
    }
}
