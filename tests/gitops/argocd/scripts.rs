//! The scripts as files, run as Argo CD's own tests run what it ships.

use std::fs;
use std::path::Path;

use super::expectations::{STATES, offered};
use super::runner::{FOLDER, scratch, succeeded, test_files};
use crate::generated::root;

#[test]
fn every_test_passes_in_argo_cd() {
    let lines = succeeded(&test_files(&root().join(FOLDER)));
    let of = |kind: &str| lines.lines().filter(|line| line.starts_with(kind)).count();
    assert_eq!(of("ok health "), STATES.len());
    assert_eq!(of("ok discovery "), STATES.len());
    assert_eq!(lines.lines().count(), 2 * STATES.len() + offered().count());
}

/// The runner can fail: each of these mistakes is one that a script could have.
#[test]
fn mistakes_are_found() {
    for (number, (file, right, wrong)) in [
        ("health.lua", r#"status = "Healthy""#, r#"status = "Progressing""#),
        ("health.lua", r#""Pending deletion: ""#, r#""Pending deletion""#),
        ("actions/discovery.lua", "not started and not unknown", "not unknown"),
        ("actions/discovery.lua", "finished or foreign", "finished"),
        ("actions/cancel/action.lua", "obj.spec.cancel", "obj.spec.suspend"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = scratch(&format!("argocd-mistake-{number}"));
        copy(&root().join(FOLDER), &folder);
        let path = folder.join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(right), "{file} has no {right}");
        fs::write(&path, text.replace(right, wrong)).unwrap();
        let output = test_files(&folder);
        assert!(!output.status.success(), "{file}: {wrong} was not noticed");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
