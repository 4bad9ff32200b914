//! The Helm chart: rendered, refused and installed by the real helm, tried on a real API server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod api_server;
mod check;
mod checkers;
mod clusters;
mod definition;
mod drift;
mod guard;
mod helm;
mod image;
mod installed;
mod kubeconform;
mod lifecycle;
mod linters;
mod openshift;
mod package;
mod pages;
mod parent;
mod policy;
mod refused;
mod rendered;
mod rendering;
mod schemas;
mod uninstall;
mod upgrade;

use std::path::{Path, PathBuf};

/// The chart's folder.
fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/audit-mitigation-operator")
}

/// The text of one of the chart's files.
fn file(name: &str) -> String {
    let path = chart().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One of the chart's YAML files.
fn yaml(name: &str) -> serde_json::Value {
    serde_saphyr::from_str(&file(name)).unwrap()
}

/// The python that has the packages of requirements.txt.
fn python() -> PathBuf {
    let requirements = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chart/requirements.txt");
    support::tools::python::environment(&requirements).unwrap()
}

/// The sets of values that the chart is tried with: `ci/*-values.yaml`.
fn value_sets() -> Vec<PathBuf> {
    let mut sets: Vec<PathBuf> = std::fs::read_dir(chart().join("ci"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    sets.sort();
    assert!(!sets.is_empty());
    sets
}
