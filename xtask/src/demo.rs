//! `cargo xtask demo`: builds what it needs and hands over to the `demo` program.

use std::{os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, Result};
use tools::Prerequisite;

use crate::step::{cargo, succeed};

/// How the demo is run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// End when all has been shown, with exit code 0 only if each example and each night ended as it should.
    #[arg(long)]
    once: bool,
}

/// Returns only when something fails before the demo starts.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::require(&[Prerequisite::GO, Prerequisite::KUBECTL])?;
    println!("building the operator and the demo (some minutes the first time) …");
    // The whole workspace, so that the dependencies are built with the features that the tests use too.
    succeed(&mut cargo(&["build", "--workspace", "--bins"]))?;
    let built = std::env::current_exe().context("cannot tell where the built programs are")?;
    let demo = built.with_file_name("demo");
    // In place of this process: an interrupt and the exit code need no passing on.
    let error = Command::new(&demo).args(arguments.once.then_some("--once")).exec();
    Err(error).with_context(|| format!("cannot run {}", demo.display()))
}
