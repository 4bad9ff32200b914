//! `cargo xtask pictures`: the pictures of the docs, made of a run of the demo.

use anyhow::{Context as _, Result};
use tools::Prerequisite;

use crate::step::{cargo, program, root, succeed};

pub(crate) fn run() -> Result<()> {
    tools::require(&[Prerequisite::GO, Prerequisite::KUBECTL, Prerequisite::PYTHON])?;
    succeed(&mut cargo(&["build", "--workspace", "--bins"]))?;
    let demo = std::env::current_exe()
        .context("cannot tell where the built programs are")?
        .with_file_name("demo");
    let scripts = root().join("tests/pictures");
    let python = tools::python::environment(&scripts.join("requirements.txt"))?;
    let mut draw = program(&python, &[]);
    draw.arg(scripts.join("pictures.py"))
        .arg("--demo")
        .arg(demo)
        .arg("--prometheus")
        .arg(tools::PROMETHEUS.path()?)
        .arg("--dashboard")
        .arg(root().join("charts/audit-mitigation-operator/files/dashboard.json"))
        .arg("--output")
        .arg(root().join("docs/pictures"));
    succeed(&mut draw)
}
