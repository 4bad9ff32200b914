//! Programs that must be installed already.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Result, anyhow, bail};

use crate::assets;

/// Something that whoever runs the tests or the demo has to install.
#[derive(Clone, Copy, Debug)]
pub struct Prerequisite {
    /// What is missing, as a person calls it.
    pub name: &'static str,
    /// Whether it is installed.
    found: fn() -> bool,
    /// What to install.
    install: &'static str,
}

impl Prerequisite {
    /// The Rust compiler.
    pub const RUSTC: Self = Self {
        name: "rustc",
        found: || runs(&["rustc", "--version"]),
        install: "install Rust with rustup; rust-toolchain.toml names the version",
    };
    /// Cargo's formatter.
    pub const RUSTFMT: Self = Self {
        name: "cargo fmt",
        found: || runs(&["cargo", "fmt", "--version"]),
        install: "run `rustup component add rustfmt`",
    };
    /// Cargo's linter.
    pub const CLIPPY: Self = Self {
        name: "cargo clippy",
        found: || runs(&["cargo", "clippy", "--version"]),
        install: "run `rustup component add clippy`",
    };
    /// Go, which builds the control plane.
    pub const GO: Self = Self {
        name: "go",
        found: || runs(&["go", "version"]),
        install: "install Go 1.26 or later: it builds the test cluster's control plane, once",
    };
    /// Python, for the tools that are written in it.
    pub const PYTHON: Self = Self {
        name: "python3 with venv",
        found: || runs(&["python3", "-c", "import venv, ensurepip"]),
        install: "install Python 3.10 or later with its venv module (Debian: python3-venv): boto3 tests the \
                  simulator, checkov and yamllint the chart",
    };
    /// kubectl.
    pub const KUBECTL: Self = Self {
        name: "kubectl",
        found: || kubectl().is_ok(),
        install: "install kubectl, or name a folder that has it in KUBEBUILDER_ASSETS",
    };
    /// curl, with which the recipe of tasks from audits talks to the API server.
    pub const CURL: Self = Self {
        name: "curl",
        found: || runs(&["curl", "--version"]),
        install: "install curl (Debian: curl): a recipe that is tested uses it",
    };
    /// git, which the recipe of old manifests asks.
    pub const GIT: Self = Self {
        name: "git",
        found: || runs(&["git", "--version"]),
        install: "install git (Debian: git): a recipe that is tested uses it",
    };

    /// gpg, which makes the key that a chart's package is signed with in a test.
    pub const GPG: Self = Self {
        name: "gpg",
        found: || runs(&["gpg", "--version"]),
        install: "install gpg (Debian: gpg): a test signs the chart's package",
    };

    /// A line that says what to do, if it isn't installed.
    fn missing(&self) -> Option<String> {
        (!(self.found)()).then(|| format!("{} is missing: {}", self.name, self.install))
    }
}

/// Checks all of them, so that whoever lacks several reads it once.
///
/// # Errors
/// One line for each that is missing.
pub fn require(prerequisites: &[Prerequisite]) -> Result<()> {
    let missing: Vec<_> = prerequisites.iter().filter_map(Prerequisite::missing).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        bail!("{}", missing.join("\n"))
    }
}

/// kubectl: from `KUBEBUILDER_ASSETS`, else from `PATH`.
///
/// # Errors
/// When there is none; the message says what to install.
pub fn kubectl() -> Result<PathBuf> {
    if let Some(path) = assets().map(|folder| folder.join("kubectl"))
        && path.is_file()
    {
        return Ok(path);
    }
    find(&Prerequisite::KUBECTL)
}

pub(crate) fn go() -> Result<PathBuf> {
    find(&Prerequisite::GO)
}

fn find(prerequisite: &Prerequisite) -> Result<PathBuf> {
    which::which(prerequisite.name).map_err(|_| anyhow!("{} is missing: {}", prerequisite.name, prerequisite.install))
}

fn runs(command: &[&str]) -> bool {
    let Some((program, arguments)) = command.split_first() else {
        return false;
    };
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_missing_ones_are_named_at_once() {
        let absent = |name| Prerequisite {
            name,
            found: || false,
            install: "install it",
        };
        let error = require(&[absent("first"), Prerequisite::RUSTC, absent("second")])
            .unwrap_err()
            .to_string();
        assert_eq!(error, "first is missing: install it\nsecond is missing: install it");
    }
}
