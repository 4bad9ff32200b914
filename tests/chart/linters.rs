//! The chart's source by the tools of its trade: helm-docs, helm-unittest, yamllint; and scripts by shellcheck.

use std::path::Path;
use std::process::{Command, Output};

use support::tools;

use crate::helm::path;
use crate::{chart, file, rendered};

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

/// The suites in the chart's folder `tests`, which people who change the chart know how to read.
#[test]
fn the_charts_own_suites_pass() {
    // A copy: helm-unittest makes a folder for snapshots beside the suites.
    let copy = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-R").arg(chart()).arg(copy.path()).status();
    assert!(copied.unwrap().success());
    let output = Command::new(tools::HELM_UNITTEST.path().unwrap())
        .args(["--strict", "--color=false"])
        .arg(copy.path().join("audit-mitigation-operator"))
        .output()
        .unwrap();
    let said = both(&output);
    assert!(output.status.success(), "{said}");
    // A suite under a name that isn't looked for would not be run.
    for suite in std::fs::read_dir(chart().join("tests")).unwrap() {
        let suite = suite.unwrap().file_name();
        assert!(said.contains(suite.to_str().unwrap()), "{said}");
    }
}

#[test]
fn the_yaml_is_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Each of these has YAML, and the rest of the project has none that people write.
    let folders = ["charts", "crds", "examples"];
    let output = yamllint().current_dir(root).args(folders).output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
}

/// Among other things: no key stands twice, which helm 4 and the API server refuse.
#[test]
fn the_rendered_yaml_is_clean() {
    assert!(!rendered::all().is_empty());
    // How toYaml indents lists, how long a line of the definition is, and that helm 4 ends with an empty line is nobody's
    // style.
    let rules = "{extends: default, rules: {document-start: disable, line-length: disable, empty-lines: {max-end: 1}, \
                 indentation: {indent-sequences: whatever}}}";
    let output = yamllint()
        .args(["--config-data", rules])
        .arg(rendered::folder())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", both(&output));
}

#[test]
fn the_scripts_are_clean() {
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    let output = Command::new(Path::new(&crate::python()).with_file_name("shellcheck"))
        .arg(recipes.join("old-manifests/old-manifests.sh"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", both(&output));
}

fn yamllint() -> Command {
    let mut command = Command::new(crate::python());
    command.args(["-m", "yamllint", "--strict"]);
    command
}

fn both(output: &Output) -> String {
    let texts = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    texts.concat()
}
