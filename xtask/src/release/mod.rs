//! `cargo xtask release`: each step of a release as a command; docs/releasing.md has their order.

mod files;
mod notes;
mod publish;

use anyhow::Result;

use crate::step::{program, succeed};

/// The version that is released: the workspace's own, and the only one.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What makes a release.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Prints what the changelog says of this version.
    Notes(notes::Arguments),
    /// Builds what is attached to a release: static binaries, SBOMs, the definitions, the chart's package, checksums.
    Files(files::Arguments),
    /// Pushes the images and the chart's package to a registry, and signs both there.
    Publish(publish::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Notes(arguments) => notes::run(arguments),
        Command::Files(arguments) => files::run(arguments),
        Command::Publish(arguments) => publish::run(arguments),
    }
}

/// What is known against the versions of the dependencies that are locked.
pub(crate) fn advisories() -> Result<()> {
    let deny = tools::CARGO_DENY.path()?;
    succeed(&mut program(&deny, &["check", "advisories"]))
}
