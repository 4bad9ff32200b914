//! Files of a Go module that nothing is built from.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::prerequisite;

/// A Go module whose files tests read; `go.sum` beside its pin says which files these are.
#[derive(Clone, Copy, Debug)]
pub struct GoSource {
    /// The folder of this crate with the `go.mod` that pins it.
    pub(crate) pinned_in: &'static str,
    /// Its module path.
    pub(crate) module: &'static str,
}

impl GoSource {
    /// The folder with its files; downloads them first where Go's module cache doesn't have them.
    ///
    /// # Errors
    /// When Go isn't installed, or can't reach a module proxy.
    pub fn path(&self) -> Result<PathBuf> {
        self.go(&["mod", "download", self.module])?;
        let folder = self.go(&["list", "-m", "-f", "{{.Dir}}", self.module])?;
        Ok(PathBuf::from(folder.trim()))
    }

    fn go(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(prerequisite::go()?)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(self.pinned_in))
            // A go.work further up knows nothing of this module.
            .env("GOWORK", "off")
            .args(arguments)
            .output()
            .context("cannot run go")?;
        ensure!(
            output.status.success(),
            "go {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }
}
