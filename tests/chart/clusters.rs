//! Alerts and dashboard where one Prometheus, Thanos or Mimir has the metrics of several clusters.

use std::process::Command;

use serde_json::{Value, json};
use support::tools;

use crate::helm::{EACH, Helm, path, the};
use crate::yaml;

/// The groups of the `PrometheusRule` that the chart makes of these values.
fn groups(helm: Helm, values: &str) -> Value {
    let objects = helm.objects("fleet", &["--set", &format!("prometheusRule.enabled=true,{values}")]);
    the(&objects, "PrometheusRule")["spec"]["groups"].clone()
}

#[test]
fn an_alert_of_one_cluster_is_not_that_of_another() {
    for helm in EACH {
        let folder = tempfile::tempdir().unwrap();
        let groups = groups(helm, "prometheusRule.additionalAggregationLabels={cluster}");
        let rules = json!({ "groups": groups });
        std::fs::write(folder.path().join("rules.json"), rules.to_string()).unwrap();
        let cases = folder.path().join("clusters_test.yaml");
        std::fs::write(&cases, include_str!("clusters_test.yaml")).unwrap();
        let tested = Command::new(tools::PROMTOOL.path().unwrap())
            .args(["test", "rules", path(&cases)])
            .output()
            .unwrap();
        let said = [&tested.stdout, &tested.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        assert!(tested.status.success(), "{}", said.concat());
        // An alert that is added later is among those of the test.
        for rule in groups[0]["rules"].as_array().unwrap() {
            let name = rule["alert"].as_str().unwrap();
            assert!(include_str!("clusters_test.yaml").contains(name), "{name}");
        }
    }
}

#[test]
fn without_further_labels_the_rules_are_those_of_the_file() {
    for helm in EACH {
        assert_eq!(groups(helm, "replicaCount=2"), yaml("files/alerts.yaml")["groups"]);
    }
}

/// An aggregation without "by" would lose the labels that the values add.
#[test]
fn each_aggregation_keeps_the_labels_that_are_added() {
    let labels = "prometheusRule.additionalAggregationLabels={region_of_cluster,cluster}";
    for rule in groups(EACH[0], labels)[0]["rules"].as_array().unwrap() {
        let expr = rule["expr"].as_str().unwrap();
        let words: Vec<&str> = expr.split_whitespace().collect();
        let aggregations = ["sum", "count", "max", "min", "avg", "group"];
        for (place, word) in words.iter().enumerate() {
            let bare = word.trim_start_matches('(');
            let name = bare.split_once('(').map_or(bare, |(name, _)| name);
            if aggregations.contains(&name) {
                let by = words.get(place + 1..place + 4).unwrap().join(" ");
                assert!(by.starts_with("by (region_of_cluster, cluster"), "{expr}");
            }
        }
    }
}

#[test]
fn the_dashboard_is_narrowed_to_clusters_by_the_label_that_the_values_name() {
    for (set, label) in [
        ("grafanaDashboard.clusterLabel=site", "site"),
        ("replicaCount=2", "cluster"),
    ] {
        let set = format!("grafanaDashboard.enabled=true,{set}");
        let objects = EACH[0].objects("fleet", &["--set", &set]);
        let text = &the(&objects, "ConfigMap")["data"]["amo-audit-mitigation-operator.json"];
        let dashboard: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
        let targets = dashboard["panels"].as_array().unwrap().iter();
        let targets: Vec<&Value> = targets
            .filter_map(|panel| panel["targets"].as_array())
            .flatten()
            .collect();
        assert!(targets.len() > 10);
        let narrowed = format!("{label}=~\"$cluster\"");
        for target in targets {
            let expr = target["expr"].as_str().unwrap();
            let selectors = expr.matches("audit_mitigation_operator_").count();
            assert_eq!(expr.matches(&narrowed).count(), selectors, "{expr}");
        }
        let variables = dashboard["templating"]["list"].as_array().unwrap();
        let cluster = variables.iter().find(|variable| variable["name"] == "cluster").unwrap();
        let lists = format!("label_values(audit_mitigation_operator_leader, {label})");
        assert_eq!(cluster["query"]["query"], lists);
        // Where no metric has the label, all are shown.
        assert_eq!(cluster["allValue"], ".*");
        assert_eq!(cluster["current"]["value"], json!(["$__all"]));
    }
}
