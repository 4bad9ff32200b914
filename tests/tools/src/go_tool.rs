//! A tool built from its Go module.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{assets, cache, kubernetes, kubernetes::Version, prerequisite};

/// What a folder of ready-made binaries (`KUBEBUILDER_ASSETS`) means for a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assets {
    /// The folder must have it.
    Required,
    /// Taken from the folder if it is there, else built.
    Preferred,
}

/// A program that is built once from a Go module of this crate's folder.
#[derive(Clone, Copy, Debug)]
pub struct GoTool {
    /// The binary's name.
    pub name: &'static str,
    /// The folder with its `go.mod`; of a part of Kubernetes, what stands before the dash and the version.
    pub(crate) module: &'static str,
    /// The Go package of its `main`.
    pub(crate) package: &'static str,
    /// What is given to the linker, beside the stripping of symbols.
    pub(crate) link_flags: &'static str,
    /// Build tags, separated by commas.
    pub(crate) tags: &'static str,
    /// About how long it builds on two cores, to tell whoever waits.
    pub(crate) minutes: u32,
    pub(crate) assets: Assets,
    /// Whether it is a part of Kubernetes of which other versions can be chosen.
    pub(crate) is_versioned: bool,
}

impl GoTool {
    /// The binary's path. Builds it first where it isn't in the cache, which blocks for minutes;
    /// several processes may ask at once, one of them builds.
    ///
    /// # Errors
    /// When `KUBEBUILDER_ASSETS` names a folder without it, Go isn't installed, or the build fails.
    pub fn path(&self) -> Result<PathBuf> {
        let version = if self.is_versioned { kubernetes::chosen()? } else { None };
        // Of what is ready-made nobody knows the version.
        if version.is_none()
            && let Some(path) = self.ready_made()?
        {
            return Ok(path);
        }
        self.path_for(version.unwrap_or(kubernetes::NEWEST))
    }

    /// The same for a version of Kubernetes, whatever is chosen or ready-made.
    ///
    /// # Errors
    /// When Go isn't installed, or the build fails.
    pub fn path_for(&self, version: Version) -> Result<PathBuf> {
        let (module, link) = if self.is_versioned {
            let module = format!("{}-{}", self.module, version.minor());
            (module, format!("-s -w {}", version.link_flags()))
        } else {
            (self.module.to_owned(), format!("-s -w {}", self.link_flags))
        };
        let module = Path::new(env!("CARGO_MANIFEST_DIR")).join(module);
        let mut flags = vec!["-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", &link];
        if !self.tags.is_empty() {
            flags.extend(["-tags", self.tags]);
        }
        flags.push(self.package);
        let root = cache::root()?;
        let folder = root.join(format!(
            "{}-{}",
            self.name,
            cache::digest(&cache::files(&module)?, &flags)?
        ));
        let path = folder.join(self.name);
        if path.exists() {
            return Ok(path);
        }
        let _lock = cache::lock(&root)?;
        // Another process may have built it while this one waited for the lock.
        if !path.exists() {
            self.build(&module, &flags, &folder)?;
        }
        Ok(path)
    }

    fn ready_made(&self) -> Result<Option<PathBuf>> {
        let Some(folder) = assets() else {
            return Ok(None);
        };
        let path = folder.join(self.name);
        match (path.is_file(), self.assets) {
            (true, _) => Ok(Some(path)),
            (false, Assets::Preferred) => Ok(None),
            (false, Assets::Required) => bail!(
                "KUBEBUILDER_ASSETS={} holds no {}: unset it to have the binary built, or name a folder that has it",
                folder.display(),
                self.name
            ),
        }
    }

    fn build(&self, module: &Path, flags: &[&str], folder: &Path) -> Result<()> {
        let go = prerequisite::go()?;
        let unit = if self.minutes == 1 { "minute" } else { "minutes" };
        cache::say(&format!(
            "building {} (about {} {unit}, once) …",
            self.name, self.minutes
        ));
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        // Next to its last place, so that the rename at the end is atomic: whoever finds the binary finds all of it.
        let unfinished =
            tempfile::tempdir_in(folder).with_context(|| format!("cannot create a folder in {}", folder.display()))?;
        let binary = unfinished.path().join(self.name);
        let status = Command::new(go)
            .current_dir(module)
            // No C compiler needed, and the same binary on every machine.
            .env("CGO_ENABLED", "0")
            // A go.work further up knows nothing of this module.
            .env("GOWORK", "off")
            .arg("build")
            .arg("-o")
            .arg(&binary)
            .args(flags)
            .status()
            .context("cannot run go")?;
        ensure!(
            status.success(),
            "building {} failed ({status}); what go said stands above",
            self.name
        );
        let path = folder.join(self.name);
        fs::rename(&binary, &path).with_context(|| format!("cannot move {} to {}", self.name, path.display()))?;
        cache::say(&format!("built {}", path.display()));
        Ok(())
    }
}
