//! `cargo xtask mutants`: takes out one protection at a time, and fails when no test notices.
//!
//! Own code, because cargo-mutants makes up its mutations by itself and takes no list of given ones: what is to be
//! shown here is that each protection that the promises rest on has a test that fails without it.

mod attempts;
mod aws;
mod budget;
mod checkout;
mod crd;
mod following;
mod lease;
mod queue;
mod shell;
mod starting;
mod trial;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use crate::step::root;
use checkout::Checkout;
use trial::Verdict;

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
    /// The tests that have to notice.
    tests: Tests,
}

/// Some tests of one test binary.
#[derive(Clone, Copy, Debug)]
struct Tests {
    /// The binary, as arguments of `cargo test`.
    binary: &'static [&'static str],
    /// Parts of the names of the tests.
    names: &'static [&'static str],
    /// Those of them that take long: they are run when no other has noticed.
    slow: &'static [&'static str],
}

/// Tests beside the code.
const fn unit(names: &'static [&'static str]) -> Tests {
    Tests {
        binary: &["--lib"],
        names,
        slow: &[],
    }
}

/// Tests on a real API server.
const fn cluster(names: &'static [&'static str]) -> Tests {
    Tests {
        binary: &["--test", "cluster"],
        names,
        slow: &[],
    }
}

/// Tests of the core.
const CORE: Tests = Tests {
    slow: &["core::tests::model", "core::tests::properties"],
    ..unit(&["core::"])
};

/// Takes out a protection by putting `replacement` in the place of `search`. The tests of the core have to notice.
const fn mutant(
    name: &'static str,
    without: &'static str,
    file: &'static str,
    search: &'static str,
    replacement: &'static str,
) -> Mutant {
    Mutant {
        name,
        without,
        file,
        search,
        replacement,
        tests: CORE,
    }
}

impl Mutant {
    /// Other tests have to notice.
    const fn by(self, tests: Tests) -> Self {
        Self { tests, ..self }
    }
}

fn all() -> impl Iterator<Item = &'static Mutant> {
    starting::MUTANTS
        .iter()
        .chain(attempts::MUTANTS)
        .chain(following::MUTANTS)
        .chain(queue::MUTANTS)
        .chain(budget::MUTANTS)
        .chain(lease::MUTANTS)
        .chain(aws::MUTANTS)
        .chain(crd::MUTANTS)
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
    let began = Instant::now();
    let checkout = Checkout::make(&root())?;
    assert_unchanged_passes(&checkout, &mutants)?;
    let (mut survivors, mut untried) = (Vec::new(), Vec::new());
    for mutant in &mutants {
        let began = Instant::now();
        let original = checkout.change(mutant)?;
        let verdict = trial::verdict(&checkout, mutant.tests);
        checkout.restore(mutant, &original)?;
        let shown = match verdict? {
            Verdict::Noticed(by) => format!("noticed by {by}"),
            Verdict::Endless => format!("noticed by the limit of {} minutes", trial::LIMIT.as_secs() / 60),
            Verdict::Survived => {
                survivors.push(mutant.name);
                "SURVIVED".to_owned()
            }
            Verdict::NotRun(why) => {
                untried.push(mutant.name);
                format!("could not be tried: {why}")
            }
        };
        println!("{:44} {:>5.0} s  {shown}", mutant.name, began.elapsed().as_secs_f64());
    }
    println!("{} mutants in {} minutes", mutants.len(), minutes(began.elapsed()));
    ensure!(untried.is_empty(), "could not be tried: {}", untried.join(", "));
    ensure!(
        survivors.is_empty(),
        "no test noticed: {}. Write the test that does, or say why the protection isn't one",
        survivors.join(", ")
    );
    Ok(())
}

/// A test that fails anyway notices nothing.
fn assert_unchanged_passes(checkout: &Checkout, mutants: &[&Mutant]) -> Result<()> {
    let mut binaries: BTreeMap<&[&str], BTreeSet<&str>> = BTreeMap::new();
    for Mutant { tests, .. } in mutants {
        binaries.entry(tests.binary).or_default().extend(tests.names);
    }
    for (binary, names) in binaries {
        let names: Vec<&str> = names.into_iter().collect();
        println!(
            "without a mutant: cargo test {} -- {}",
            binary.join(" "),
            names.join(" ")
        );
        match trial::round(checkout, binary, &names)? {
            Verdict::Survived => {}
            other => bail!("the unchanged checkout doesn't pass: {other:?}"),
        }
    }
    Ok(())
}

fn minutes(time: Duration) -> u64 {
    time.as_secs().div_ceil(60)
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
