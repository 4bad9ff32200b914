//! Programs that the commands run.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use anyhow::{Context as _, Result, ensure};

/// The folder of this checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> Result<PathBuf> {
    // Made, so that it has an absolute path wherever cargo is run.
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    folder
        .canonicalize()
        .with_context(|| format!("cannot find {}", folder.display()))
}

/// Cargo, to be run in this checkout.
pub(crate) fn cargo(args: &[&str]) -> Command {
    program(env!("CARGO").as_ref(), args)
}

/// Any program, to be run in this checkout.
pub(crate) fn program(path: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(path);
    command.args(args).current_dir(root());
    command
}

/// Runs a command whose output goes to the terminal.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    check_status(command.status(), command)
}

/// Fails when a command has failed.
pub(crate) fn check_status(status: std::io::Result<ExitStatus>, command: &Command) -> Result<()> {
    let shown = || {
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        let program = Path::new(command.get_program()).file_name().unwrap_or_default();
        format!("{} {}", program.display(), arguments.join(" "))
    };
    let status = status.with_context(|| format!("cannot run `{}`", shown()))?;
    ensure!(status.success(), "`{}` ended with {status}", shown());
    Ok(())
}
