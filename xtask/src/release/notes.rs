//! `cargo xtask release notes`: the changelog's section of this version.

use std::fs;

use anyhow::{Context as _, Result, bail, ensure};

use super::VERSION;
use crate::step::root;

/// What a section's heading ends with as long as its version is not released.
const UNRELEASED: &str = "(unreleased)";

/// What is checked beside.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The tag that is released: fails unless it is `v` and the version, and the changelog has the date of the release.
    #[arg(long)]
    tag: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<()> {
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).context("cannot read CHANGELOG.md")?;
    println!("{}", notes(&changelog, VERSION, arguments.tag.as_deref())?);
    Ok(())
}

fn notes<'a>(changelog: &'a str, version: &str, tag: Option<&str>) -> Result<&'a str> {
    let sections = changelog.split("\n## ").skip(1);
    let mut sections = sections.filter_map(|section| section.split_once('\n'));
    let Some((heading, text)) = sections.find(|(heading, _)| heading.split(' ').next() == Some(version)) else {
        bail!("CHANGELOG.md has no section of version {version}");
    };
    if let Some(tag) = tag {
        ensure!(
            tag.strip_prefix('v') == Some(version),
            "the tag {tag} is not that of version {version} (Cargo.toml)"
        );
        ensure!(
            !heading.ends_with(UNRELEASED),
            "CHANGELOG.md calls {version} unreleased: write the date in the place of {UNRELEASED}"
        );
    }
    Ok(text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str =
        "# Changelog\n\n## 0.2.0 (unreleased)\n\n### Added\n\n- New.\n\n## 0.1.0 (2026-01-02)\n\nOld.\n";

    #[test]
    fn the_notes_are_the_section_of_the_version() {
        assert_eq!(notes(CHANGELOG, "0.2.0", None).unwrap(), "### Added\n\n- New.");
        assert_eq!(notes(CHANGELOG, "0.1.0", Some("v0.1.0")).unwrap(), "Old.");
    }

    #[test]
    fn what_is_not_ready_is_not_released() {
        let refusal = |version, tag| notes(CHANGELOG, version, tag).unwrap_err().to_string();
        assert!(refusal("0.3.0", None).contains("no section of version 0.3.0"));
        assert!(refusal("0.2.0", Some("v0.2.0")).contains("calls 0.2.0 unreleased"));
        assert!(refusal("0.1.0", Some("v0.1.1")).contains("v0.1.1 is not that of version 0.1.0"));
    }
}
