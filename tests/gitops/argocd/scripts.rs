//! The scripts as files, run as Argo CD's own tests run what it ships.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::expectations::{KINDS, Kind, POLICY, TASK};
use super::runner::{scratch, succeeded, test_files};
use crate::generated::root;

#[test]
fn every_test_passes_in_argo_cd() {
    for kind in KINDS {
        let lines = succeeded(&test_files(&root().join(kind.folder())));
        let of = |test: &str| lines.lines().filter(|line| line.starts_with(test)).count();
        assert_eq!(of("ok health "), kind.states.len());
        assert_eq!(of("ok discovery "), kind.states.len());
        assert_eq!(lines.lines().count(), kind.tests());
    }
}

/// The runner can fail: each of these mistakes is one that a script could have.
#[test]
fn mistakes_are_found() {
    for (number, (kind, file, right, wrong)) in [
        (
            &TASK,
            "health.lua",
            r#"status = "Healthy""#,
            r#"status = "Progressing""#,
        ),
        (&TASK, "health.lua", r#""Pending deletion: ""#, r#""Pending deletion""#),
        (&TASK, "health.lua", r#" or status.phase == "AwaitingApproval""#, ""),
        (
            &TASK,
            "actions/discovery.lua",
            "not started and not unknown",
            "not unknown",
        ),
        (&TASK, "actions/discovery.lua", "finished or foreign", "finished"),
        (&TASK, "actions/discovery.lua", "and not waits", ""),
        (
            &TASK,
            "actions/discovery.lua",
            " and status.observedGeneration == obj.metadata.generation",
            "",
        ),
        (
            &TASK,
            "actions/cancel/action.lua",
            "obj.spec.cancel",
            "obj.spec.suspend",
        ),
        (&TASK, "actions/approve/action.lua", "plan.hash", "plan.time"),
        (&POLICY, "health.lua", r#"is_true("Ready")"#, r#"is_true("Compliant")"#),
        (
            &POLICY,
            "health.lua",
            r#"is_true("Stalled")"#,
            r#"is_true("Reconciling")"#,
        ),
        (
            &POLICY,
            "health.lua",
            "status.observedGeneration ~= obj.metadata.generation",
            "false",
        ),
        (
            &POLICY,
            "actions/discovery.lua",
            "obj.metadata.deletionTimestamp ~= nil",
            "false",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = copied(kind, &format!("argocd-mistake-{number}"));
        change(&folder.join(file), right, wrong);
        let output = test_files(&folder);
        assert!(!output.status.success(), "{file}: {wrong} was not noticed");
    }
}

/// The page has it for whoever wants findings to degrade the policy.
#[test]
fn the_stricter_health_of_a_policy_degrades_with_findings() {
    let page = include_str!("../../../docs/argocd.md");
    let (_, lines) = page.split_once("```lua\n").unwrap();
    let (lines, _) = lines.split_once("```").unwrap();
    let folder = copied(&POLICY, "argocd-stricter");
    let ready = "if is_true(\"Ready\") then\n";
    change(&folder.join("health.lua"), ready, &format!("{lines}{ready}"));

    let mut objects = BTreeMap::new();
    for state in POLICY.states {
        let text = fs::read_to_string(folder.join(format!("testdata/{}.yaml", state.name))).unwrap();
        objects.insert(state.name, serde_saphyr::from_str::<Value>(&text).unwrap());
    }
    let mut expected = POLICY.health_test(&objects);
    let mut degraded = 0;
    for state in POLICY.states.iter().filter(|state| state.health == "Healthy") {
        let object = &objects[state.name];
        let said = |type_: &str| {
            let conditions = object["status"]["conditions"].as_array().unwrap();
            conditions.iter().find(|condition| condition["type"] == type_).unwrap()
        };
        if said("Compliant")["status"] != "False" {
            continue;
        }
        degraded += 1;
        let test = |health: &str, condition: &str| {
            format!(
                "      status: {health}\n      message: {}\n    inputPath: testdata/{}.yaml\n",
                said(condition)["message"],
                state.name
            )
        };
        let strict = expected.replace(&test("Healthy", "Ready"), &test("Degraded", "Compliant"));
        assert_ne!(strict, expected, "{}", state.name);
        expected = strict;
    }
    assert!(degraded > 0, "a state has findings");
    fs::write(folder.join("health_test.yaml"), expected).unwrap();
    succeeded(&test_files(&folder));
}

/// A kind's scripts and tests, to be changed.
fn copied(kind: &Kind, name: &str) -> PathBuf {
    let folder = scratch(name);
    copy(&root().join(kind.folder()), &folder);
    folder
}

fn change(path: &Path, right: &str, wrong: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(right), "{} has no {right}", path.display());
    fs::write(path, text.replace(right, wrong)).unwrap();
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
