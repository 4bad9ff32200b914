//! Metrics, alerts and dashboard: judged by the tools of Prometheus and Grafana, and held against a live operator.

mod live;
mod queries;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use support::tools;

use queries::{Query, alerts, dashboard};

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs promtool, with a text for its input.
fn promtool(args: &[&str], input: &str) -> Output {
    run(Command::new(tools::PROMTOOL.path().unwrap()).args(args), input)
}

fn run(command: &mut Command, input: &str) -> Output {
    use std::io::Write as _;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn succeeds(output: &Output) {
    let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(output.status.success(), "{}", said.concat());
}

#[test]
fn the_alerts_are_good_rules() {
    let rules = file(queries::ALERTS);
    succeeds(&promtool(
        &["check", "rules", "--lint=all", "--lint-fatal", rules.to_str().unwrap()],
        "",
    ));
    for alert in alerts() {
        for member in ["summary", "description"] {
            assert!(alert["annotations"][member].is_string(), "{alert}");
        }
        assert!(
            ["critical", "warning"].contains(&alert["labels"]["severity"].as_str().unwrap()),
            "{alert}"
        );
    }
}

#[test]
fn each_alert_fires_when_it_should_and_only_then() {
    let path = file("tests/cluster/monitoring/alerts_test.yaml");
    succeeds(&promtool(&["test", "rules", path.to_str().unwrap()], ""));
    let tests: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let names = |fires: bool| -> BTreeSet<String> {
        let tests = tests["tests"].as_array().unwrap();
        let cases = tests
            .iter()
            .flat_map(|test| test["alert_rule_test"].as_array().unwrap());
        cases
            .filter(|case| case["exp_alerts"].is_array() == fires)
            .map(|case| case["alertname"].as_str().unwrap().to_owned())
            .collect()
    };
    let all: BTreeSet<String> = alerts()
        .iter()
        .map(|alert| alert["alert"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names(true), all);
    assert_eq!(names(false), all);
}

#[test]
fn grafana_knows_each_member_of_the_dashboard() {
    let folder = file("tests/cluster/monitoring");
    let python = tools::python::environment(&folder.join("requirements.txt")).unwrap();
    let script = folder.join("dashboard.py");
    let check = |dashboard: &Value| run(Command::new(&python).arg("-B").arg(&script), &dashboard.to_string());
    let mut dashboard = dashboard();
    succeeds(&check(&dashboard));
    // The check itself can fail.
    for (place, value) in [
        ("/panels/1/tittle", json!("misspelt")),
        ("/panels/1/title", json!(3)),
        ("/panels/1/options/colorMode", json!("loud")),
        ("/panels/1/targets/0/expression", json!("1")),
    ] {
        let (parent, key) = place.rsplit_once('/').unwrap();
        let before = dashboard.clone();
        dashboard.pointer_mut(parent).unwrap()[key] = value;
        assert!(!check(&dashboard).status.success(), "{place}");
        dashboard = before;
    }
}

#[test]
fn panels_have_ids_of_their_own_and_do_not_overlap() {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + w <= 24, "{panel}");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{panel}");
        }
    }
}

/// Prometheus's own parser reads each query of the dashboard: as a rule, since it has no other command for that.
#[test]
fn prometheus_understands_the_queries_of_the_dashboard() {
    let rules: Vec<Value> = queries::of_dashboard()
        .iter()
        .enumerate()
        .map(|(number, Query { expr, .. })| json!({ "record": format!("dashboard:query:{number}"), "expr": expr }))
        .collect();
    assert!(rules.len() > 10);
    let rules = json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard-rules.json");
    std::fs::write(&path, rules.to_string()).unwrap();
    succeeds(&promtool(&["check", "rules", path.to_str().unwrap()], ""));
}
