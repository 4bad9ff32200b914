//! `cargo xtask mutants`: takes out one protection at a time, and fails when no test notices.
//!
//! Own code, because cargo-mutants makes up its mutations by itself and takes no list of given ones: what is to be
//! shown here is that each protection that the promises rest on has a test that fails without it.

mod aws;
mod checkout;
mod core;
mod lease;
mod shell;

use std::{process::Command, time::Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::step::root;
use checkout::Checkout;

/// Which mutants are tried.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only those whose name contains one of these; without any, all.
    names: Vec<String>,
    /// Print the list and run nothing.
    #[arg(long)]
    list: bool,
}

/// A seeded bug.
#[derive(Clone, Copy, Debug)]
struct Mutant {
    name: &'static str,
    /// What protection it takes out.
    without: &'static str,
    /// Relative to the checkout.
    file: &'static str,
    /// Stands exactly once in the file.
    search: &'static str,
    replacement: &'static str,
    /// Arguments of `cargo test`: the tests that have to notice.
    tests: &'static [&'static str],
}

const CORE: &[&str] = &["--lib", "core::"];
const AWS: &[&str] = &["--test", "aws"];
const LEASE: &[&str] = &["--lib", "lease::"];

fn all() -> impl Iterator<Item = &'static Mutant> {
    core::MUTANTS
        .iter()
        .chain(aws::MUTANTS)
        .chain(lease::MUTANTS)
        .chain(shell::MUTANTS)
}

/// Tries the mutants, each against its tests.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let is_chosen =
        |mutant: &&Mutant| arguments.names.is_empty() || arguments.names.iter().any(|name| mutant.name.contains(name));
    let mutants: Vec<_> = all().filter(is_chosen).collect();
    ensure!(
        !mutants.is_empty(),
        "no mutant has such a name; `cargo xtask mutants --list` prints them"
    );
    if arguments.list {
        for mutant in mutants {
            println!("{:44} {}", mutant.name, mutant.without);
        }
        return Ok(());
    }
    let checkout = Checkout::make(&root())?;
    let mut suites: Vec<_> = mutants.iter().map(|mutant| mutant.tests).collect();
    suites.sort_unstable();
    suites.dedup();
    for tests in suites {
        println!("without a mutant: cargo test {}", tests.join(" "));
        match verdict(&checkout, tests)? {
            Verdict::Survived => {}
            other => bail!("cargo test {} on the unchanged checkout: {other:?}", tests.join(" ")),
        }
    }
    let mut survivors = Vec::new();
    for mutant in mutants {
        let began = Instant::now();
        let original = checkout.change(mutant)?;
        let verdict = verdict(&checkout, mutant.tests);
        checkout.restore(mutant, &original)?;
        let shown = match verdict? {
            Verdict::Killed(by) => format!(
                "killed by {} tests, as {}",
                by.len(),
                by.first().map_or("", String::as_str)
            ),
            Verdict::Survived => {
                survivors.push(mutant.name);
                "SURVIVED".to_owned()
            }
            Verdict::NotRun(why) => bail!("{} could not be tried: {why}", mutant.name),
        };
        println!("{:44} {:>5.0} s  {shown}", mutant.name, began.elapsed().as_secs_f64());
    }
    ensure!(
        survivors.is_empty(),
        "no test noticed: {}. Write the test that does, or say why the protection isn't one",
        survivors.join(", ")
    );
    Ok(())
}

#[derive(Debug)]
enum Verdict {
    /// These tests failed.
    Killed(Vec<String>),
    /// All passed.
    Survived,
    /// It doesn't compile, or no test has such a name.
    NotRun(String),
}

fn verdict(checkout: &Checkout, tests: &[&str]) -> Result<Verdict> {
    let output = Command::new(env!("CARGO"))
        .args(["test", "--package", "audit-mitigation-operator"])
        .args(tests)
        .current_dir(checkout.folder())
        .env("CARGO_TARGET_DIR", checkout.target())
        // A mutant that is noticed need not be explained, and most are noticed early.
        .env("PROPTEST_MAX_SHRINK_ITERS", "0")
        .env("RUST_BACKTRACE", "0")
        .output()
        .context("cannot run cargo test")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = || text.lines().filter_map(|line| line.strip_prefix("test "));
    let failed: Vec<_> = lines()
        .filter_map(|line| line.strip_suffix(" ... FAILED").map(str::to_owned))
        .collect();
    let passed = lines().any(|line| line.ends_with(" ... ok"));
    Ok(match (failed.is_empty(), output.status.success() && passed) {
        (false, _) => Verdict::Killed(failed),
        (true, true) => Verdict::Survived,
        (true, false) => Verdict::NotRun(last_lines(&String::from_utf8_lossy(&output.stderr))),
    })
}

fn last_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(20)..)
        .unwrap_or_default()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cheap, so that a change of the code that leaves a mutant behind is noticed at once.
    #[test]
    fn every_search_text_stands_exactly_once_and_every_name_is_unique() {
        let mut names = std::collections::BTreeSet::new();
        for mutant in all() {
            let text = std::fs::read_to_string(root().join(mutant.file)).expect(mutant.file);
            let times = text.matches(mutant.search).count();
            assert_eq!(times, 1, "{}: in {}:\n{}", mutant.name, mutant.file, mutant.search);
            assert_ne!(mutant.search, mutant.replacement, "{}", mutant.name);
            assert!(names.insert(mutant.name), "{} twice", mutant.name);
        }
    }
}
