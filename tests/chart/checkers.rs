//! The tools by which others judge and document charts.

use std::process::Command;

use support::tools;

use crate::helm::{EACH, path};
use crate::{chart, file, value_sets};

/// A tag that is never moved needs no pull at each start, and the default one is a version.
const ACCEPTED: &str = "container-image-pull-policy";

#[test]
fn kube_score_finds_nothing_but_what_is_accepted() {
    // The set for a platform team: in the others, what kube-score asks for is switched off on purpose.
    let set = chart().join("ci/restricted-values.yaml");
    assert!(value_sets().contains(&set));
    let manifests = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("kube-score.yaml");
    std::fs::write(&manifests, EACH[0].template("fleet", &["--values", path(&set)])).unwrap();
    let score = |ignored: &[&str]| {
        Command::new(tools::KUBE_SCORE.path().unwrap())
            .args(["score", "--output-format=ci"])
            .args(ignored)
            .arg(&manifests)
            .output()
            .unwrap()
    };
    let output = score(&["--exit-one-on-warning", "--ignore-test", ACCEPTED]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains("[OK]"), "it looked at something: {text}");
    // An exception that is no longer needed is taken out.
    assert!(!score(&[]).status.success());
}

#[test]
fn the_readme_is_made_of_the_values() {
    let output = Command::new(tools::HELM_DOCS.path().unwrap())
        .args(["--dry-run", "--chart-search-root", path(&chart())])
        .output()
        .unwrap();
    let made = String::from_utf8(output.stdout).unwrap();
    assert!(
        made.trim_end() == file("README.md").trim_end(),
        "run helm-docs (`cargo xtask tools` names it) in charts/audit-mitigation-operator"
    );
    // Its strict mode ends with success even when it complains.
    let bare: Vec<&str> = made.lines().filter(|line| line.ends_with("|  |")).collect();
    assert!(bare.is_empty(), "values.yaml doesn't describe {bare:?}");
    assert!(made.contains("| replicaCount | int | `2` |"), "{made}");
}
