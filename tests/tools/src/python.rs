//! Python packages that tests run.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::cache;

/// The python of a virtual environment with the packages of a requirements file.
///
/// Made once for each version of that file, which blocks for up to a minute; programs of the packages stand beside it.
///
/// # Errors
/// When Python has no venv module, or pip can't install.
pub fn environment(requirements: &Path) -> Result<PathBuf> {
    let root = cache::root()?;
    let folder = root.join(format!("venv-{}", cache::digest(&[requirements.to_owned()], &[])?));
    let python = folder.join("bin/python");
    let complete = folder.join("complete");
    let _lock = cache::lock(&root)?;
    if complete.exists() {
        return Ok(python);
    }
    cache::say(&format!("installing {} (once) …", requirements.display()));
    run(
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder),
        "install Python 3 with its venv module",
    )?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(
        Command::new(&python).args(install).arg(requirements),
        "pip must reach a package index",
    )?;
    File::create(&complete).with_context(|| format!("cannot create {}", complete.display()))?;
    Ok(python)
}

fn run(command: &mut Command, advice: &str) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}: {advice}"))?;
    ensure!(status.success(), "{command:?} failed: {advice}");
    Ok(())
}
