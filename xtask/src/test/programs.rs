//! The test programs, as cargo builds them. They are run without cargo: it holds the target folder while it builds, and
//! lints and documentation are made while tests run.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::lane::Output;
use crate::step::{cargo, check_status};

/// A program with the tests of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) package: String,
    /// The target's name: of a file or folder of tests, or of a library or binary.
    pub(super) name: String,
    /// Whether it is a file or folder of tests; else the tests stand beside the code.
    pub(super) is_file: bool,
    pub(super) path: PathBuf,
    /// Where cargo would run it: the package's folder.
    pub(super) folder: PathBuf,
}

/// Builds the test programs that these arguments of `cargo test` select.
pub(super) fn build(arguments: &[String], output: &Output) -> Result<Vec<Program>> {
    let mut command = cargo(&["test", "--no-run", "--message-format=json-render-diagnostics"]);
    let mut child = command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(output.stdio()?)
        .spawn()
        .context("cannot run cargo")?;
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        std::io::Read::read_to_string(&mut stdout, &mut text).context("cargo printed no text")?;
    }
    check_status(child.wait(), &command)?;
    Ok(parse(&text))
}

/// The programs in cargo's messages, one a line.
fn parse(messages: &str) -> Vec<Program> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter_map(|message: Value| program(&message))
        .collect()
}

fn program(message: &Value) -> Option<Program> {
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
    if text("/reason") != Some("compiler-artifact") || message.pointer("/profile/test") != Some(&Value::Bool(true)) {
        return None;
    }
    let folder = Path::new(text("/manifest_path")?).parent()?;
    Some(Program {
        package: text("/package_id").and_then(package)?.to_owned(),
        name: text("/target/name")?.to_owned(),
        is_file: text("/target/kind/0") == Some("test"),
        path: text("/executable")?.into(),
        folder: folder.to_owned(),
    })
}

/// The name in an id such as `path+file:///folder/support#0.1.0` or `path+file:///folder#name@0.1.0`.
fn package(id: &str) -> Option<&str> {
    let (folder, name) = id.rsplit_once('#')?;
    match name.split_once('@') {
        Some((name, _)) => Some(name),
        None => folder.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_what_cargo_has_built_for_tests() {
        let artifact = |id: &str, kind: &str, name: &str, test: bool| {
            serde_json::json!({
                "reason": "compiler-artifact", "package_id": id, "manifest_path": "/checkout/part/Cargo.toml",
                "target": {"kind": [kind], "name": name}, "profile": {"test": test}, "executable": format!("/{name}-1"),
            })
            .to_string()
        };
        let messages = [
            artifact("path+file:///checkout/part#0.1.0", "test", "cluster", true),
            artifact("path+file:///checkout/folder#part@0.1.0", "lib", "part", true),
            artifact("path+file:///checkout/part#0.1.0", "bin", "part", false),
            r#"{"reason": "build-finished"}"#.to_owned(),
        ];
        let found = parse(&messages.join("\n"));
        let program = |name: &str, is_file| Program {
            package: "part".to_owned(),
            name: name.to_owned(),
            is_file,
            path: format!("/{name}-1").into(),
            folder: "/checkout/part".into(),
        };
        assert_eq!(found, [program("cluster", true), program("part", false)]);
    }
}
