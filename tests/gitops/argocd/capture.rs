//! Every state of a resource, as the real operator writes it and the real kubectl prints it.
//!
//! The test data of the scripts are these objects. The test fails when the operator writes something else than they
//! show.

use std::collections::BTreeMap;

use regex_lite::{Captures, Regex};
use serde_json::Value;

use super::expectations::{Kind, POLICY, TASK};
use super::{policy_states, task_states};
use crate::generated::{check, files_in, root};
use crate::world::World;

#[tokio::test]
async fn the_test_data_of_tasks_are_what_the_operator_writes() {
    compare(&TASK, &task_states::captured().await).await;
}

#[tokio::test]
async fn the_test_data_of_policies_are_what_the_operator_writes() {
    compare(&POLICY, &policy_states::captured().await).await;
}

/// Compares the test files of a kind with what was captured, by the names of the states.
async fn compare(kind: &Kind, captured: &BTreeMap<&'static str, String>) {
    let folder = kind.folder();
    let data = |name: &str| format!("{folder}/testdata/{name}.yaml");
    let objects: BTreeMap<&str, Value> = captured
        .iter()
        .map(|(name, text)| (*name, serde_saphyr::from_str(text).unwrap()))
        .collect();
    let (health, actions) = (kind.health_test(&objects), kind.action_test());
    let mut files = vec![
        (format!("{folder}/health_test.yaml"), health.as_str()),
        (format!("{folder}/actions/action_test.yaml"), actions.as_str()),
    ];
    files.extend(captured.iter().map(|(name, text)| (data(name), text.as_str())));
    check(files);

    // What an action makes of them, by kubectl's own merge and not by the scripts.
    let cluster = crate::world::cluster().await;
    let mut outputs = Vec::new();
    for (name, action) in kind.offered() {
        let file = root().join(data(name));
        let patch = (kind.action(action).patch)(&objects[name]).to_string();
        let args = [
            "patch",
            "--local",
            "--type=merge",
            "-o",
            "yaml",
            "--patch",
            &patch,
            "-f",
            file.to_str().unwrap(),
        ];
        let output = format!("{folder}/actions/testdata/{name}-{action}.yaml");
        outputs.push((output, cluster.kubectl_ok(&args).await.unwrap()));
    }
    check(outputs.iter().map(|(name, text)| (name.clone(), text.as_str())));

    // No file without a test.
    let names = |names: Vec<String>| {
        let mut names: Vec<String> = names;
        names.sort();
        names
    };
    assert_eq!(
        files_in(&format!("{folder}/testdata")),
        names(kind.states.iter().map(|state| format!("{}.yaml", state.name)).collect())
    );
    assert_eq!(
        files_in(&format!("{folder}/actions/testdata")),
        names(
            kind.offered()
                .map(|(name, action)| format!("{name}-{action}.yaml"))
                .collect()
        )
    );
}

/// Captures a resource as it is now.
pub(super) async fn capture(world: &World, kind: &Kind, name: &str) -> String {
    let text = world.kubectl(&["get", kind.short_name, name, "-o", "yaml"]).await;
    let object: Value = serde_saphyr::from_str(&text).unwrap();
    let uid = object["metadata"]["uid"].as_str().unwrap();
    let text = text.replace(&world.namespace, "security");
    let text = Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
        .unwrap()
        .replace_all(&text, |found: &Captures<'_>| {
            if &found[0] == uid {
                "6f1c0f0e-0d6a-4f5e-9a53-6ad1a2c5b0d1"
            } else {
                "0b7d4c1e-55a1-4c39-8f0e-2d6c9e7a1b34"
            }
        });
    // An audit of a schedule; the one of the samples stays.
    let text = Regex::new(r"\b[0-9a-f]{32}\b")
        .unwrap()
        .replace_all(&text, |found: &Captures<'_>| {
            if &found[0] == simulator::AUDIT_OF_EVERYTHING {
                found[0].to_owned()
            } else {
                "3f2ad1c05e8b4a7f9c6d2e1b0a9f8e7d".to_owned()
            }
        });
    let text = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
        .unwrap()
        .replace_all(&text, "2026-01-01T00:00:00Z");
    let text = Regex::new(r#"resourceVersion: "\d+""#)
        .unwrap()
        .replace_all(&text, r#"resourceVersion: "1""#);
    // The request's hash covers the namespace and the uid.
    Regex::new(r#"(requestHash"?: ?"?)[0-9a-f]{64}"#)
        .unwrap()
        .replace_all(&text, format!("${{1}}{}", "0".repeat(64)))
        .into_owned()
}
