//! What kube-score and checkov, by which platform teams judge manifests, hold against the chart.
//!
//! Each finding is expected by name, so that neither a new one nor an exception that is no longer needed goes unseen.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use support::tools;

use crate::rendered;

/// A check that finds something, and on which kind of object.
type Finding = (String, String);

/// The two exceptions of the chart as such: the operator needs its service account's token, and a tag that is never
/// moved, the version's, needs no pull at each start.
const ACCEPTED: [(&str, &[&str]); 2] = [
    ("CKV_K8S_38", &["Deployment", "Pod"]),
    ("container-image-pull-policy", &["Deployment", "Pod"]),
];

/// What sets of values leave or switch off on purpose.
const SWITCHED_OFF: [(&[&str], &str, &[&str]); 7] = [
    // No digest can stand in the chart: it isn't known before the image is made. Without one, checkov minds the pull
    // policy too.
    (&["default", "tenants"], "CKV_K8S_43", &["Deployment", "Pod"]),
    (&["default", "tenants"], "CKV_K8S_15", &["Deployment", "Pod"]),
    (&["default", "tenants"], "pod-networkpolicy", &["Deployment", "Pod"]),
    // OpenShift gives them.
    (&["openshift"], "CKV_K8S_40", &["Deployment", "Pod"]),
    (
        &["openshift"],
        "container-security-context-user-group-id",
        &["Deployment", "Pod"],
    ),
    (&["single"], "deployment-replicas", &["Deployment"]),
    (&["single"], "deployment-strategy", &["Deployment"]),
];

/// What is expected of a set by one of the two tools.
fn expected(set: &str, is_of_tool: fn(&str) -> bool) -> BTreeSet<Finding> {
    let switched_off = SWITCHED_OFF
        .into_iter()
        .filter(|(sets, _, _)| sets.contains(&set))
        .map(|(_, check, kinds)| (check, kinds));
    ACCEPTED
        .into_iter()
        .chain(switched_off)
        .filter(|(check, _)| is_of_tool(check))
        .flat_map(|(check, kinds)| kinds.iter().map(move |kind| (check.to_owned(), (*kind).to_owned())))
        .collect()
}

fn is_checkovs(check: &str) -> bool {
    check.starts_with("CKV")
}

#[test]
fn kube_score_finds_nothing_but_what_is_accepted() {
    for rendered in rendered::all() {
        let output = Command::new(tools::KUBE_SCORE.path().unwrap())
            .args(["score", "--output-format=json"])
            .arg(&rendered.file)
            .output()
            .unwrap();
        let objects: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        assert!(objects.len() > 3, "it looked at something");
        let mut found = BTreeSet::new();
        for object in &objects {
            let kind = object["type_meta"]["kind"].as_str().unwrap();
            for check in object["checks"].as_array().unwrap() {
                let passed = check["grade"].as_u64().unwrap() == 10;
                if check["skipped"] == false && !passed {
                    found.insert((check["check"]["id"].as_str().unwrap().to_owned(), kind.to_owned()));
                }
            }
        }
        let expected = expected(&rendered.set, |check| !is_checkovs(check));
        assert_eq!(found, expected, "{}", rendered.file.display());
    }
}

#[test]
fn checkov_finds_nothing_but_what_is_accepted() {
    let rendered = rendered::all();
    let python = crate::python();
    let output = Command::new(&python)
        // It would find nothing in a target folder under one such as `.cache`.
        .env("CKV_IGNORE_HIDDEN_DIRECTORIES", "False")
        .arg(python.with_file_name("checkov"))
        // It would ask its vendor's site for guidance.
        .args(["--framework", "kubernetes", "--skip-download", "--output=json"])
        .arg("--directory")
        .arg(rendered::folder())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(report["summary"]["parsing_errors"], 0, "{report}");
    let (failed, passed) = (&report["results"]["failed_checks"], &report["results"]["passed_checks"]);
    let in_file = |check: &Value, name: &str| check["file_path"].as_str().unwrap().trim_start_matches('/') == name;
    for rendered in rendered {
        let name = rendered.file.file_name().unwrap().to_str().unwrap();
        let passed = passed.as_array().unwrap().iter().filter(|check| in_file(check, name));
        assert!(passed.count() > 50, "it looked at {name}");
        let found: BTreeSet<Finding> = failed
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| in_file(check, name))
            .map(|check| {
                let (kind, _) = check["resource"].as_str().unwrap().split_once('.').unwrap();
                (check["check_id"].as_str().unwrap().to_owned(), kind.to_owned())
            })
            .collect();
        assert_eq!(found, expected(&rendered.set, is_checkovs), "{name}");
    }
}
