//! A tool built from a crate of the public registry.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::cache;

/// A program that `cargo install` builds once.
#[derive(Clone, Copy, Debug)]
pub struct CargoTool {
    /// The crate's name, and its binary's.
    pub name: &'static str,
    /// The exact version; its own lock file pins the rest.
    pub(crate) version: &'static str,
    /// About how long it builds on two cores, to tell whoever waits.
    pub(crate) minutes: u32,
}

impl CargoTool {
    /// The binary's path. Builds it first where it isn't in the cache, which blocks for a minute or more; several
    /// processes may ask at once, one of them builds.
    ///
    /// # Errors
    /// When cargo can't fetch or build it.
    pub fn path(&self) -> Result<PathBuf> {
        let root = cache::root()?;
        let folder = root.join(format!("{}-{}", self.name, self.version));
        let path = folder.join("bin").join(self.name);
        if path.exists() {
            return Ok(path);
        }
        let _lock = cache::lock(&root)?;
        // Another process may have built it while this one waited for the lock.
        if !path.exists() {
            let unit = if self.minutes == 1 { "minute" } else { "minutes" };
            cache::say(&format!(
                "building {} (about {} {unit}, once) …",
                self.name, self.minutes
            ));
            let built = tempfile::tempdir_in(&root).context("cannot create a folder in the tools' cache")?;
            // Not optimised: it builds in a third of the time, and runs for a second.
            let status = Command::new(env!("CARGO"))
                .args(["install", "--quiet", "--locked", "--debug", "--no-default-features"])
                .args(["--version", self.version, self.name, "--root"])
                .arg(&folder)
                // Whatever the workspace builds into stays as it is.
                .env("CARGO_TARGET_DIR", built.path())
                .env("CARGO_PROFILE_DEV_DEBUG", "0")
                .status()
                .context("cannot run cargo")?;
            ensure!(
                status.success(),
                "building {} failed ({status}); what cargo said stands above",
                self.name
            );
            ensure!(path.exists(), "cargo built no {}", path.display());
        }
        Ok(path)
    }
}
