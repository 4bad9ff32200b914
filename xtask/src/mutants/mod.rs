//! `cargo xtask mutants`: breaks the product in many small ways, and fails when no test notices.
//!
//! cargo-mutants thinks the bugs up. What it can't make, protections of the shell such as a call in a chain that is
//! left out, is listed in [`shell`] by hand.

mod checkout;
mod marker;
mod shell;
mod tool;
mod trial;

use anyhow::Result;

use crate::step::root;
use checkout::Checkout;

/// What is broken.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// The decisions, `src/core`, tried by their unit tests.
    Core(tool::Arguments),
    /// The leader election, `src/lease`, tried by its unit tests.
    Lease(tool::Arguments),
    /// The calls of AWS, `src/aws`, tried over the wire.
    Aws(tool::Arguments),
    /// The protections that are marked in the source by `// mutant: NAME`.
    Shell(shell::Arguments),
}

/// Tries them in a copy of the checkout.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let copy = || Checkout::make(&root());
    match &arguments.part {
        Part::Core(arguments) => tool::run(&copy()?, &tool::CORE, arguments),
        Part::Lease(arguments) => tool::run(&copy()?, &tool::LEASE, arguments),
        Part::Aws(arguments) => tool::run(&copy()?, &tool::AWS, arguments),
        Part::Shell(arguments) => shell::run(copy, arguments),
    }
}
