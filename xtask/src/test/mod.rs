//! `cargo xtask check` and `cargo xtask test`

mod lane;
mod output;
mod programs;
mod suites;

use std::{thread, time::Instant};

use anyhow::{Result, anyhow, ensure};
use tools::Prerequisite;

use crate::step::{cargo, program};
use lane::Lane;

/// What the quick checks need to be installed.
const NEEDED_FOR_CHECK: [Prerequisite; 4] = [
    Prerequisite::RUSTC,
    Prerequisite::RUSTFMT,
    Prerequisite::CLIPPY,
    Prerequisite::GIT,
];

/// What all checks need to be installed.
const NEEDED: [Prerequisite; 9] = [
    Prerequisite::RUSTC,
    Prerequisite::RUSTFMT,
    Prerequisite::CLIPPY,
    Prerequisite::GO,
    Prerequisite::PYTHON,
    Prerequisite::KUBECTL,
    Prerequisite::CURL,
    Prerequisite::GIT,
    Prerequisite::GPG,
];

/// How many random lives each property of the core is tried on by the quick checks.
const QUICK_MODEL_CASES: &str = "50";

/// Which tests are run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Suites: `unit`, `doc`, a file or folder of tests (`cluster`, `chart`, `gitops`, `aws`, …), a package
    /// (`simulator`, …), or `oldest`, a part of `cluster` and `chart` on the oldest Kubernetes. Without any, every
    /// check there is.
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
    summed_up(|lane| {
        ensure_installed(lane, &NEEDED)?;
        let mut suites = arguments.suites.clone();
        if let Some(version) = &arguments.kubernetes {
            let version = tools::kubernetes::version(version)?;
            lane.env.push((tools::kubernetes::VARIABLE, version.0.to_owned()));
            if suites.is_empty() {
                suites = ["cluster", "chart"].map(str::to_owned).into();
            }
        }
        lane.filters.clone_from(&arguments.filters);
        if suites.is_empty() {
            ensure!(lane.filters.is_empty(), "name the suite that the tests belong to");
            return run_all(lane);
        }
        let suites = suites::named(&suites)?;
        let built = lane.build(&suites)?;
        lane.run(&suites, &built)
    })
}

/// Every check. Tests on clusters mostly wait, so what computes is run beside the longest of them.
fn run_all(lane: &mut Lane) -> Result<()> {
    // Before anything else is built, for whoever forgot it.
    lane.succeed("format", &mut cargo(&["fmt", "--all", "--check"]))?;
    // Before the tests, so that none of them seems to hang for minutes.
    lane.step("tools", |_| crate::tools::run())?;
    let (front, back) = suites::all()?;
    let everything: Vec<_> = front.iter().chain(&back).cloned().collect();
    let built = lane.build(&everything)?;
    let mut beside = Lane::quiet()?;
    let (first, second) = thread::scope(|scope| {
        let beside = scope.spawn(|| {
            let lints = beside.succeed("lints", &mut clippy());
            let documentation = beside.succeed(
                "documentation",
                cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "--deny=warnings"),
            );
            // Not the advisories: their database is fetched from the network, and changes under the same commit.
            let dependencies = tools::CARGO_DENY.path().and_then(|deny| {
                let mut deny = program(&deny, &["check", "bans", "licenses", "sources"]);
                beside.succeed("dependencies", &mut deny)
            });
            beside
                .run(&back, &built)
                .and(lints)
                .and(documentation)
                .and(dependencies)
        });
        let first = lane.run(&front, &built);
        let second = beside
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the second lane panicked")));
        (first, second)
    });
    lane.join(beside);
    first.and(second)
}

/// What tells a mistake soon: all that needs no cluster, and no tool that has to be built.
pub(crate) fn quick() -> Result<()> {
    summed_up(|lane| {
        ensure_installed(lane, &NEEDED_FOR_CHECK)?;
        lane.succeed("format", &mut cargo(&["fmt", "--all", "--check"]))?;
        lane.succeed("lints", &mut clippy())?;
        lane.env.push(("MODEL_CASES", QUICK_MODEL_CASES.to_owned()));
        let suites = suites::quick()?;
        let built = lane.build(&suites)?;
        lane.run(&suites, &built)
    })
}

/// Runs the steps up to the first that fails.
fn summed_up(steps: impl FnOnce(&mut Lane) -> Result<()>) -> Result<()> {
    let start = Instant::now();
    let mut lane = Lane::aloud();
    let result = steps(&mut lane);
    lane.print(start.elapsed());
    result
}

fn ensure_installed(lane: &mut Lane, prerequisites: &[Prerequisite]) -> Result<()> {
    lane.step("prerequisites", |_| tools::require(prerequisites))
}

fn clippy() -> std::process::Command {
    cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny=warnings"])
}
