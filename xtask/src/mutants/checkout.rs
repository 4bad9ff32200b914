//! The scratch copy of the checkout that mutants are tried in.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

/// A copy of the checkout with a target folder of its own, so that neither a mutated source nor a mutated program is
/// ever where somebody works. Both are kept in the user's cache, so that the next run builds little.
pub(super) struct Checkout {
    folder: PathBuf,
    target: PathBuf,
    /// Held until the end of the run.
    _lock: File,
}

impl Checkout {
    /// Copies what git knows and what it doesn't ignore, and removes from an older copy what is gone.
    pub(super) fn make(root: &Path) -> Result<Self> {
        let parent = tools::cache_folder("mutants")?;
        let lock = File::create(parent.join("lock")).context("cannot create a lock file")?;
        ensure!(
            lock.try_lock().is_ok(),
            "another run of cargo xtask mutants uses {}: wait for its end",
            parent.display()
        );
        let checkout = Self {
            folder: parent.join("checkout"),
            target: parent.join("target"),
            _lock: lock,
        };
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("cannot run git")?;
        ensure!(
            listed.status.success(),
            "git can't list the files of {}",
            root.display()
        );
        let mut copied = BTreeSet::new();
        for file in listed.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let file = std::str::from_utf8(file).context("a file whose name isn't UTF-8")?;
            let copy = checkout.folder.join(file);
            copy_if_changed(&root.join(file), &copy)?;
            copied.insert(copy);
        }
        remove_others(&checkout.folder, &copied)?;
        Ok(checkout)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn target(&self) -> &Path {
        &self.target
    }
}

/// Unchanged files keep their time, or cargo would build everything again. A file that is gone has no copy either.
fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    if !from.is_file() {
        if to.exists() {
            fs::remove_file(to)?;
        }
        return Ok(());
    }
    let content = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|copied| copied == content) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    // Scripts have to stay executable, which `copy` sees to.
    fs::copy(from, to).with_context(|| format!("cannot write {}", to.display()))?;
    Ok(())
}

/// A file that was renamed would stand there twice.
fn remove_others(folder: &Path, copied: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, copied)?;
        } else if !copied.contains(&path) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}
