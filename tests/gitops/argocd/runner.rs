//! Argo CD's own Lua VM.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::expectations::Kind;
use crate::generated::root;

fn program() -> Command {
    Command::new(support::tools::ARGOCD_RUNNER.path().unwrap())
}

/// Tests the scripts in this folder, as upstream's tests do.
pub(crate) fn test_files(folder: &Path) -> Output {
    program().arg("files").arg(folder).output().unwrap()
}

/// Tests the scripts in `argocd-cm` of this namespace on the same test data.
pub(crate) fn test_config_map(kubeconfig: &Path, namespace: &str, kind: &Kind) -> Output {
    let mut program = program();
    program.env("KUBECONFIG", kubeconfig);
    program
        .args(["configmap", namespace])
        .arg(root().join(kind.folder()))
        .output()
        .unwrap()
}

/// The patch that Argo CD sends for an action on an object.
pub(crate) fn patch(kind: &Kind, name: &str, action: &str, object: &Value) -> Value {
    let file = scratch(&format!("{name}-{action}.json"));
    fs::write(&file, object.to_string()).unwrap();
    let output = program()
        .args(["action", action])
        .arg(root().join(kind.folder()))
        .stdin(File::open(&file).unwrap())
        .output()
        .unwrap();
    serde_json::from_str(&succeeded(&output)).unwrap()
}

/// The lines of a run in which every test passed.
pub(crate) fn succeeded(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    out.into_owned()
}

/// A path for a test's own files.
pub(crate) fn scratch(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}
