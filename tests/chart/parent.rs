//! A chart of somebody else's that has this one among its dependencies.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::chart;
use crate::helm::{EACH, Helm, objects, path, the};

/// The parent, with the operator in it under these names: its own, or an alias.
pub(crate) struct Parent(TempDir);

impl Parent {
    pub(crate) fn new(helm: Helm, names: &[&str], values: &Value) -> Self {
        let dependency = |name: &&str| {
            let mut dependency = json!({
                "name": "audit-mitigation-operator",
                "version": env!("CARGO_PKG_VERSION"),
                "repository": format!("file://{}", path(&chart())),
                "condition": format!("{name}.enabled"),
                "tags": ["iot"],
            });
            if *name != "audit-mitigation-operator" {
                dependency["alias"] = json!(name);
            }
            dependency
        };
        let definition = json!({
            "apiVersion": "v2",
            "name": "platform",
            "version": "1.0.0",
            "dependencies": names.iter().map(dependency).collect::<Vec<_>>(),
        });
        Self::of(helm, &definition, values)
    }

    /// One with this Chart.yaml.
    pub(crate) fn of(helm: Helm, definition: &Value, values: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Chart.yaml"), definition.to_string()).unwrap();
        std::fs::write(folder.path().join("values.yaml"), values.to_string()).unwrap();
        helm.ok(&["dependency", "update", path(folder.path())]);
        Self(folder)
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn objects(&self, helm: Helm, args: &[&str]) -> Vec<Value> {
        let fixed = ["template", "all", path(self.folder()), "--namespace", "fleet"];
        objects(&helm.ok(&[&fixed, args].concat()))
    }
}

#[test]
fn a_parent_switches_the_chart_on_and_off_by_the_usual_condition() {
    for helm in EACH {
        let values = json!({
            "global": { "imageRegistry": "images.example.com" },
            "tags": { "iot": false },
            "audit-mitigation-operator": { "enabled": true, "replicaCount": 3 },
        });
        let parent = Parent::new(helm, &["audit-mitigation-operator"], &values);
        helm.ok(&["lint", path(parent.folder())]);
        let on = parent.objects(helm, &[]);
        assert_eq!(the(&on, "Deployment")["spec"]["replicas"], 3);
        let off = parent.objects(helm, &["--set", "audit-mitigation-operator.enabled=false"]);
        assert_eq!(off, [Value::Null; 0]);
        // Without a value for the condition, the tag decides.
        let values = json!({ "tags": { "iot": false } });
        let parent = Parent::new(helm, &["audit-mitigation-operator"], &values);
        assert_eq!(parent.objects(helm, &[]), [Value::Null; 0]);
        assert!(!parent.objects(helm, &["--set", "tags.iot=true"]).is_empty());
    }
}

#[test]
fn a_parent_has_it_twice_under_names_of_its_own() {
    for helm in EACH {
        let values = json!({
            "north": { "enabled": true, "watchNamespaces": ["north"] },
            "south": { "enabled": true, "watchNamespaces": ["south"], "crds": { "install": false } },
        });
        let parent = Parent::new(helm, &["north", "south"], &values);
        let objects = parent.objects(helm, &[]);
        let names = |kind: &str| -> Vec<&Value> {
            let found = objects.iter().filter(|object| object["kind"] == kind);
            found.map(|object| &object["metadata"]["name"]).collect()
        };
        assert_eq!(names("Deployment"), ["all-north", "all-south"]);
        assert_eq!(names("CustomResourceDefinition").len(), 2);
        let selectors: Vec<&Value> = objects
            .iter()
            .filter(|object| object["kind"] == "Deployment")
            .map(|object| &object["spec"]["selector"])
            .collect();
        assert_ne!(selectors[0], selectors[1], "neither takes the other's pods");
    }
}

/// The key would be read by nobody, and the chart installed although somebody has switched it off.
#[test]
fn enabled_is_not_taken_for_a_switch_of_the_chart_itself() {
    for helm in EACH {
        let chart = chart();
        let render = ["template", "amo", path(&chart), "--set"];
        helm.ok(&[&render[..], &["enabled=true"]].concat());
        let said = helm.refused(&[&render[..], &["enabled=false"]].concat());
        assert!(said.contains("name it as the condition of this dependency"), "{said}");
        helm.refused(&[&render[..], &["enabled=maybe"]].concat());
    }
}
