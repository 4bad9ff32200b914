//! The binaries that are measured.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::Options;

/// One of them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Candidate {
    /// What the table calls it.
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
}

/// The one that is asked for, and the one that it is compared with.
pub(crate) fn candidates(options: &Options) -> Result<Vec<Candidate>> {
    let path = match &options.operator {
        Some(path) => path.clone(),
        None => std::env::current_exe()
            .context("cannot tell where the built programs are")?
            .with_file_name("audit-mitigation-operator"),
    };
    let mut candidates = vec![candidate("operator", &path)?];
    if let Some(path) = &options.against {
        candidates.push(candidate("against", path)?);
    }
    Ok(candidates)
}

fn candidate(name: &'static str, path: &Path) -> Result<Candidate> {
    ensure!(
        path.is_file(),
        "{} is no file: name the operator's binary, or run `cargo xtask bench`, which builds it",
        path.display()
    );
    Ok(Candidate {
        name,
        path: path.to_owned(),
    })
}
