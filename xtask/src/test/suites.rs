//! The suites of tests that there are, as cargo knows them: none can be forgotten here.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use tools::kubernetes::{OLDEST, Version};

use super::programs::Program;
use crate::step::cargo;

/// Tests that are run in one go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Suite {
    pub(super) name: String,
    of: Of,
    /// For the test programs: those tests whose name has one of these in it; none is all.
    pub(super) filters: &'static [&'static str],
    /// The Kubernetes that its cluster is of, where that is not left to others.
    pub(super) kubernetes: Option<Version>,
}

/// Where the tests of a suite stand.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    /// Beside the code, in all packages.
    Code,
    /// In examples of the documentation.
    Documentation,
    /// In files and folders with these names, in any package.
    Files(Vec<String>),
    /// In this package.
    Package(String),
}

impl Suite {
    fn new(name: &str, of: Of) -> Self {
        Self {
            name: name.to_owned(),
            of,
            filters: &[],
            kubernetes: None,
        }
    }

    /// The arguments of `cargo test` by which the programs of suites are built, for each time that it has to be called.
    pub(super) fn builds(suites: &[Self]) -> Vec<Vec<String>> {
        let (mut together, mut alone) = (BTreeSet::new(), BTreeSet::new());
        for suite in suites {
            match &suite.of {
                Of::Code => together.extend(["--lib", "--bins"].map(str::to_owned)),
                Of::Documentation => {}
                Of::Files(names) => together.extend(names.iter().map(|name| format!("--test={name}"))),
                Of::Package(name) => _ = alone.insert(name),
            }
        }
        let together = (!together.is_empty()).then(|| ["--workspace".to_owned()].into_iter().chain(together).collect());
        let alone = alone
            .into_iter()
            .map(|name| vec![format!("--package={name}"), "--tests".to_owned()]);
        together.into_iter().chain(alone).collect()
    }

    /// Whether its tests are run by cargo, which makes programs of examples.
    pub(super) fn is_doc(&self) -> bool {
        self.of == Of::Documentation
    }

    /// Whether its tests are in this program.
    pub(super) fn takes(&self, program: &Program) -> bool {
        match &self.of {
            Of::Code => !program.is_file,
            Of::Documentation => false,
            Of::Files(names) => program.is_file && names.contains(&program.name),
            Of::Package(name) => program.package == *name,
        }
    }
}

/// Files of tests that need no cluster, and no tool that has to be built first.
const QUICK: [&str; 9] = [
    "architecture",
    "aws",
    "command_line",
    "credentials",
    "docs",
    "flags",
    "fuzz",
    "http",
    "tls_provider",
];

/// Those that take longest, and mostly wait; run beside all others.
const FRONT: [&str; 1] = ["cluster"];

/// The longest of the others, which come last.
const LAST: [&str; 2] = ["gitops", "chart"];

/// What is tried on the oldest Kubernetes in each run: the rules of the CRD, the main job, the guard, helm.
const ON_THE_OLDEST: [&str; 4] = ["crd::", "operator::main_job::", "guard::", "lifecycle::"];

/// All that there is: what is run in front, and what beside it, the quickest first.
pub(super) fn all() -> Result<(Vec<Suite>, Vec<Suite>)> {
    Ok(of(&Workspace::read()?))
}

/// Those that need nothing but cargo.
pub(super) fn quick() -> Result<Vec<Suite>> {
    let files = Workspace::read()?.files;
    if let Some(absent) = QUICK.iter().find(|name| !files.contains(**name)) {
        bail!("there is no file of tests {absent} any more");
    }
    Ok([unit()].into_iter().chain(QUICK.map(file)).collect())
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

fn of(workspace: &Workspace) -> (Vec<Suite>, Vec<Suite>) {
    let files = |names: &[&str]| -> Vec<_> { names.iter().copied().map(file).collect() };
    let is_known = |name: &&String| !FRONT.contains(&name.as_str()) && !LAST.contains(&name.as_str());
    let small = workspace.files.iter().filter(is_known).map(|name| file(name));
    let front = files(&FRONT).into_iter().chain([oldest()]).collect();
    let back = [unit(), doc()].into_iter().chain(small).chain(files(&LAST)).collect();
    (front, back)
}

fn one(workspace: &Workspace, name: &str) -> Result<Suite> {
    match name {
        "unit" => Ok(unit()),
        "doc" => Ok(doc()),
        "oldest" => Ok(oldest()),
        name if workspace.files.contains(name) => Ok(file(name)),
        name if workspace.packages.contains(name) => Ok(Suite::new(name, Of::Package(name.to_owned()))),
        name => {
            let files: Vec<_> = workspace.files.iter().map(String::as_str).collect();
            bail!(
                "there is no suite {name}; there are unit, doc, oldest, {}",
                files.join(", ")
            )
        }
    }
}

fn unit() -> Suite {
    Suite::new("unit", Of::Code)
}

fn doc() -> Suite {
    Suite::new("doc", Of::Documentation)
}

fn file(name: &str) -> Suite {
    Suite::new(name, Of::Files(vec![name.to_owned()]))
}

fn oldest() -> Suite {
    Suite {
        filters: &ON_THE_OLDEST,
        kubernetes: Some(OLDEST),
        ..Suite::new("oldest", Of::Files(vec!["cluster".to_owned(), "chart".to_owned()]))
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

    fn names(suites: &[Suite]) -> Vec<&str> {
        suites.iter().map(|suite| suite.name.as_str()).collect()
    }

    #[test]
    fn each_file_of_tests_is_run_once_and_the_longest_beside_all_others() {
        let (front, back) = of(&workspace());
        assert_eq!(names(&front), ["cluster", "oldest"]);
        assert_eq!(names(&back), ["unit", "doc", "wire", "gitops", "chart"]);
        let builds = Suite::builds(&[front, back].concat()).concat();
        let expected = [
            "--workspace",
            "--bins",
            "--lib",
            "--test=chart",
            "--test=cluster",
            "--test=gitops",
            "--test=wire",
        ];
        assert_eq!(builds, expected);
    }

    #[test]
    fn a_suite_is_a_file_or_a_package() {
        let program = |package: &str, name: &str, is_file| Program {
            package: package.to_owned(),
            name: name.to_owned(),
            is_file,
            path: name.into(),
            folder: package.into(),
        };
        let programs = [
            program("product", "product", false),
            program("product", "cluster", true),
            program("product", "wire", true),
            program("helper", "cluster", true),
        ];
        let taken = |name| {
            let suite = one(&workspace(), name).unwrap();
            let taken = programs.iter().filter(|program| suite.takes(program));
            taken
                .map(|p| format!("{}/{}", p.package, p.name))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(taken("unit"), "product/product");
        assert_eq!(taken("cluster"), "product/cluster helper/cluster");
        assert_eq!(taken("helper"), "helper/cluster");
        assert_eq!(taken("oldest"), "product/cluster helper/cluster");
        let suites = named_in(&workspace(), &["helper", "doc"]);
        assert_eq!(Suite::builds(&suites), [["--package=helper", "--tests"]]);
        let error = one(&workspace(), "nothing").unwrap_err().to_string();
        assert_eq!(
            error,
            "there is no suite nothing; there are unit, doc, oldest, cluster, wire"
        );
    }

    fn named_in(workspace: &Workspace, names: &[&str]) -> Vec<Suite> {
        names.iter().map(|name| one(workspace, name).unwrap()).collect()
    }

    #[test]
    fn what_is_named_here_is_there() {
        let files = Workspace::read().unwrap().files;
        for name in QUICK.iter().chain(&FRONT).chain(&LAST) {
            assert!(files.contains(*name), "{name}");
        }
    }
}
