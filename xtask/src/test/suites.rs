//! The suites of tests that there are, as cargo knows them: none can be forgotten here.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::step::cargo;

/// Tests that are run in one go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Suite {
    pub(super) name: String,
    /// For `cargo test`.
    pub(super) arguments: Vec<String>,
}

/// Files of tests that need no cluster, and no tool that has to be built first.
const QUICK: [&str; 8] = [
    "architecture",
    "aws",
    "command_line",
    "docs",
    "flags",
    "fuzz",
    "http",
    "tls_provider",
];

/// Those that take longest, which come last.
const LAST: [&str; 3] = ["gitops", "chart", "cluster"];

/// All that there is, the quickest first.
pub(super) fn all() -> Result<Vec<Suite>> {
    Ok(of(&Workspace::read()?))
}

/// Those that need nothing but cargo.
pub(super) fn quick() -> Result<Vec<Suite>> {
    let files = Workspace::read()?.files;
    if let Some(absent) = QUICK.iter().find(|name| !files.contains(**name)) {
        bail!("there is no file of tests {absent} any more");
    }
    let tests = QUICK.iter().map(|name| format!("--test={name}"));
    // In one go: programs are built side by side, and linking takes most of the time.
    Ok(vec![suite("quick", unit().arguments.into_iter().chain(tests))])
}

/// Those with these names.
pub(super) fn named(names: &[impl AsRef<str>]) -> Result<Vec<Suite>> {
    let workspace = Workspace::read()?;
    names.iter().map(|name| one(&workspace, name.as_ref())).collect()
}

/// Names of what has tests.
#[derive(Debug, Default)]
struct Workspace {
    packages: BTreeSet<String>,
    /// Files and folders of tests, in any package.
    files: BTreeSet<String>,
}

impl Workspace {
    fn read() -> Result<Self> {
        let mut command = cargo(&["metadata", "--no-deps", "--format-version=1"]);
        let output = command.output().context("cannot run cargo metadata")?;
        ensure!(
            output.status.success(),
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")?;
        Ok(Self::parse(&metadata))
    }

    fn parse(metadata: &Value) -> Self {
        let mut workspace = Self::default();
        for package in list(metadata, "packages") {
            workspace.packages.extend(text(package, "name"));
            for target in list(package, "targets") {
                if list(target, "kind").any(|kind| kind == "test") {
                    workspace.files.extend(text(target, "name"));
                }
            }
        }
        workspace
    }
}

fn of(workspace: &Workspace) -> Vec<Suite> {
    let (last, first): (Vec<_>, Vec<_>) = workspace.files.iter().partition(|name| LAST.contains(&name.as_str()));
    let files = first.into_iter().chain(last);
    [unit(), doc()]
        .into_iter()
        .chain(files.map(|name| file(name)))
        .collect()
}

fn one(workspace: &Workspace, name: &str) -> Result<Suite> {
    match name {
        "unit" => Ok(unit()),
        "doc" => Ok(doc()),
        name if workspace.files.contains(name) => Ok(file(name)),
        name if workspace.packages.contains(name) => Ok(suite(name, [format!("--package={name}")])),
        name => {
            let files: Vec<_> = workspace.files.iter().map(String::as_str).collect();
            bail!("there is no suite {name}; there are unit, doc, {}", files.join(", "))
        }
    }
}

/// Tests beside the code, of all packages.
fn unit() -> Suite {
    suite("unit", ["--workspace", "--lib", "--bins"].map(str::to_owned))
}

/// Examples in the documentation.
fn doc() -> Suite {
    suite("doc", ["--workspace", "--doc"].map(str::to_owned))
}

fn file(name: &str) -> Suite {
    suite(name, ["--workspace".to_owned(), format!("--test={name}")])
}

fn suite(name: &str, arguments: impl IntoIterator<Item = String>) -> Suite {
    Suite {
        name: name.to_owned(),
        arguments: arguments.into_iter().collect(),
    }
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn workspace() -> Workspace {
        Workspace::parse(&json!({"packages": [
            {"name": "product", "targets": [
                {"name": "product", "kind": ["lib"]},
                {"name": "cluster", "kind": ["test"]},
                {"name": "wire", "kind": ["test"]},
            ]},
            {"name": "helper", "targets": [{"name": "cluster", "kind": ["test"]}]},
        ]}))
    }

    #[test]
    fn each_file_of_tests_is_run_once_and_the_longest_last() {
        let suites = of(&workspace());
        let names: Vec<_> = suites.iter().map(|suite| suite.name.as_str()).collect();
        assert_eq!(names, ["unit", "doc", "wire", "cluster"]);
    }

    #[test]
    fn a_suite_is_a_file_or_a_package() {
        let arguments = |name| one(&workspace(), name).unwrap().arguments.join(" ");
        assert_eq!(arguments("cluster"), "--workspace --test=cluster");
        assert_eq!(arguments("helper"), "--package=helper");
        assert_eq!(arguments("unit"), "--workspace --lib --bins");
        let error = one(&workspace(), "nothing").unwrap_err().to_string();
        assert_eq!(error, "there is no suite nothing; there are unit, doc, cluster, wire");
    }

    #[test]
    fn what_is_quick_or_last_is_there() {
        let files = Workspace::read().unwrap().files;
        for name in QUICK.iter().chain(&LAST) {
            assert!(files.contains(*name), "{name}");
        }
    }
}
