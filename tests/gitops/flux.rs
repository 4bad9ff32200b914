//! Flux's health check expressions, evaluated by Flux's own library on what the operator writes.

use std::fs::{self, File};
use std::process::Command;

use serde_json::Value;

use crate::argocd::{TASK, scratch};
use crate::generated::root;

/// What the expressions make of a state; by its health in Argo CD, which follows the same conditions.
fn expected(health: &str) -> &'static str {
    match health {
        // What they are for: kstatus takes it to be in progress.
        "Healthy" | "Suspended" => "Current",
        "Degraded" => "Failed",
        _ => "InProgress",
    }
}

/// Flux sees a deleted resource with a status older than the deletion; such a resource isn't applied by Flux.
const HOOKS_OF_ARGO_CD: &str = "deleted-hook-";

#[test]
fn the_expressions_judge_every_state() {
    let manifests = include_str!("../../gitops/flux/tasks.yaml");
    let manifests: Vec<Value> = serde_saphyr::from_multiple(manifests).unwrap();
    let checks = manifests
        .iter()
        .map(|object| &object["spec"]["healthCheckExprs"])
        .find(|checks| checks.is_array())
        .unwrap();
    let file = scratch("flux-expressions.json");
    fs::write(&file, checks.to_string()).unwrap();

    let states = || {
        TASK.states
            .iter()
            .filter(|state| !state.name.starts_with(HOOKS_OF_ARGO_CD))
    };
    let objects: Vec<String> = states()
        .map(|state| {
            let path = root().join(TASK.folder()).join(format!("testdata/{}.yaml", state.name));
            let object: Value = serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            object.to_string()
        })
        .collect();
    let input = scratch("flux-objects.json");
    fs::write(&input, objects.join("\n")).unwrap();
    let output = Command::new(support::tools::FLUX_HEALTH.path().unwrap())
        .arg(file)
        .stdin(File::open(input).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let expected: Vec<String> = states()
        .map(|state| format!("{} {}", state.name, expected(state.health)))
        .collect();
    let judged = String::from_utf8(output.stdout).unwrap();
    assert_eq!(judged.lines().collect::<Vec<_>>(), expected);
}
