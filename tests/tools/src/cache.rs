//! The folder in the user's cache that keeps built tools, and what names an entry in it.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use etcetera::BaseStrategy as _;
use sha2::{Digest as _, Sha256};

/// The folder of the built tools.
pub(crate) fn root() -> Result<PathBuf> {
    folder("tools")
}

/// `$XDG_CACHE_HOME/audit-mitigation-operator/NAME`, made if absent.
///
/// # Errors
/// When no home is known, or the folder can't be made.
pub fn folder(name: &str) -> Result<PathBuf> {
    let base = etcetera::base_strategy::Xdg::new()
        .context("no home directory is known: set HOME or XDG_CACHE_HOME, what is built is kept below it")?;
    let folder = base.cache_dir().join("audit-mitigation-operator").join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create the cache folder {}", folder.display()))?;
    Ok(folder)
}

/// Waits until no other process builds; the lock ends with the returned file.
pub(crate) fn lock(root: &Path) -> Result<File> {
    let path = root.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            say("waiting for another process that is building tools …");
            file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    Ok(file)
}

/// A name for what these files and flags produce.
pub(crate) fn digest(files: &[PathBuf], flags: &[&str]) -> Result<String> {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        // The length keeps neighbours apart: "ab","c" is not "a","bc".
        hash.update(bytes.len().to_be_bytes());
        hash.update(bytes);
    };
    for file in files {
        add(file.file_name().unwrap_or_default().as_encoded_bytes());
        add(&fs::read(file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    for flag in flags {
        add(flag.as_bytes());
    }
    // Sixteen digits tell a handful of versions apart.
    let mut name = data_encoding::HEXLOWER.encode(&hash.finalize());
    name.truncate(16);
    Ok(name)
}

/// The files of a folder, in the order of their names.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<io::Result<Vec<_>>>()
        })
        .with_context(|| format!("cannot list {}", folder.display()))?;
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}

/// A line of progress. Not `eprintln!`, which the test harness holds back while minutes pass.
pub(crate) fn say(line: &str) {
    // Telling never makes the build fail.
    _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_follows_files_and_flags() {
        let module = tempfile::tempdir().unwrap();
        fs::write(module.path().join("go.mod"), "module a").unwrap();
        let digest = |module: &Path, flags: &[&str]| super::digest(&files(module)?, flags);
        let first = digest(module.path(), &["-x"]).unwrap();
        assert_eq!(first, digest(module.path(), &["-x"]).unwrap());
        assert_eq!(first.len(), 16);
        assert_ne!(first, digest(module.path(), &["-y"]).unwrap());
        fs::write(module.path().join("go.sum"), "").unwrap();
        assert_ne!(first, digest(module.path(), &["-x"]).unwrap());
    }
}
