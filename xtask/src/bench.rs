//! `cargo xtask bench`: builds what it needs, for release, and hands over to the `bench` program.

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, Result};
use tools::Prerequisite;

use crate::step::{cargo, succeed};

/// How the benchmark is run.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Passed on, `--help` too: the benchmark itself lists its options.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

/// Returns only when something fails before the benchmark starts.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::require(&[Prerequisite::GO, Prerequisite::KUBECTL])?;
    eprintln!("building the operator and the benchmark for release (some minutes the first time) …");
    // One by one: together they would share features, and the operator would not be the one that is delivered.
    for package in ["audit-mitigation-operator", "bench"] {
        succeed(&mut cargo(&["build", "--release", "--package", package]))?;
    }
    let debug = std::env::current_exe().context("cannot tell where the built programs are")?;
    let built = debug
        .ancestors()
        .nth(2)
        .context("this program is in no target folder")?;
    let bench = built.join("release").join("bench");
    // In place of this process: an interrupt and the exit code need no passing on.
    let error = Command::new(&bench).args(&arguments.options).exec();
    Err(error).with_context(|| format!("cannot run {}", bench.display()))
}
