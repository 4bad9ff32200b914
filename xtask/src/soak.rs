//! `cargo xtask soak`: builds what it needs and hands over to the `soak` program.

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context as _, Result};
use tools::Prerequisite;

use crate::step::{cargo, succeed};

/// How the soak is run.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Passed on, `--help` too: the soak itself lists its options.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

/// Returns only when something fails before the soak starts.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    tools::require(&[Prerequisite::GO, Prerequisite::KUBECTL])?;
    eprintln!("building the operator and the soak (some minutes the first time) …");
    // The whole workspace, so that the dependencies are built with the features that the tests use too.
    succeed(&mut cargo(&["build", "--workspace", "--bins"]))?;
    let built = std::env::current_exe().context("cannot tell where the built programs are")?;
    let soak = built.with_file_name("soak");
    // In place of this process: an interrupt and the exit code need no passing on.
    let error = Command::new(&soak).args(&arguments.options).exec();
    Err(error).with_context(|| format!("cannot run {}", soak.display()))
}
