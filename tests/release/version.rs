//! The version stands in Cargo.toml; whatever else names it agrees.

use crate::{VERSION, root, succeed, text};

#[test]
fn whatever_names_the_version_agrees() {
    let v = VERSION;
    for (file, lines) in [
        (
            "charts/audit-mitigation-operator/Chart.yaml",
            vec![format!("version: {v}"), format!("appVersion: {v}")],
        ),
        (
            "deploy/kustomize/base/operator.yaml",
            vec![format!("image: \"audit-mitigation-operator:{v}\"")],
        ),
        (
            "deploy/kustomize/example/kustomization.yaml",
            vec![format!("newTag: {v}")],
        ),
        (
            "gitops/argocd/applications/operator.yaml",
            vec![format!("targetRevision: v{v}")],
        ),
        (
            "gitops/argocd/applications/operator-and-tasks.yaml",
            vec![format!("targetRevision: v{v}")],
        ),
        ("gitops/flux/operator.yaml", vec![format!("tag: v{v}")]),
        ("docs/platforms.md", vec![format!("version: {v}")]),
        (
            "docs/install.md",
            vec![
                format!("VERSION={v}"),
                format!("audit-mitigation-operator-{v}-amd64.tar"),
            ],
        ),
    ] {
        let text = text(file);
        for line in lines {
            assert!(text.contains(&line), "{file} has no `{line}`");
        }
    }
}

/// Newest first, each with what was added, changed or fixed.
#[test]
fn the_changelog_is_by_version() {
    let changelog = text("CHANGELOG.md");
    let sections: Vec<_> = changelog.split("\n## ").skip(1).collect();
    assert_eq!(sections[0].split(' ').next(), Some(VERSION));
    for section in sections {
        let (heading, body) = section.split_once('\n').unwrap();
        let (_, date) = heading.split_once(' ').unwrap_or_else(|| panic!("{heading}: no date"));
        let is_date = jiff::civil::Date::strptime("(%Y-%m-%d)", date).is_ok();
        assert!(is_date || date == "(unreleased)", "{heading}");
        for part in body.lines().filter_map(|line| line.strip_prefix("### ")) {
            assert!(
                ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"].contains(&part),
                "{part}"
            );
        }
    }
}

#[test]
fn the_notes_of_a_release_are_its_section_of_the_changelog() {
    let notes = succeed(
        std::process::Command::new(env!("CARGO"))
            .args(["xtask", "release", "notes"])
            .current_dir(root()),
    );
    assert!(notes.starts_with("### Added\n"), "{notes}");
    assert!(text("CHANGELOG.md").contains(notes.trim()));
}
