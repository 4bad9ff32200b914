//! What the pages for people who install the chart show: their values are taken, and their commands work.

use std::process::Command;

use serde_json::{Value, json};
use support::{Cluster, ClusterOptions};

use crate::chart;
use crate::helm::{EACH, Helm, path};
use crate::parent::Parent;

const INSTALL: &str = include_str!("../../docs/install.md");
const PLATFORMS: &str = include_str!("../../docs/platforms.md");
const OPERATING: &str = include_str!("../../docs/operating.md");
const README: &str = include_str!("../../README.md");
const CHARTS_README: &str = include_str!("../../charts/audit-mitigation-operator/README.md");

/// The blocks of a page in this language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    let parts = page.split(&begin).skip(1);
    parts.map(|part| part.split_once("```").unwrap().0).collect()
}

/// The arguments of each `helm install` of a page, as a shell takes them.
fn installs(page: &str) -> Vec<Vec<String>> {
    let joined: Vec<String> = blocks(page, "console")
        .into_iter()
        .map(|block| block.replace("\\\n", " "))
        .collect();
    let lines = joined.iter().flat_map(|block| block.lines());
    lines
        .filter_map(|line| line.strip_prefix("helm install "))
        .map(|arguments| {
            let print = format!("printf '%s\\n' {arguments}");
            let words = Command::new("sh").args(["-c", &print]).output().unwrap();
            let words = String::from_utf8(words.stdout).unwrap();
            words.lines().map(str::to_owned).collect()
        })
        .collect()
}

#[test]
fn the_values_on_the_install_page_are_taken() {
    let blocks = blocks(INSTALL, "yaml");
    assert!(blocks.len() > 2);
    let folder = tempfile::tempdir().unwrap();
    let values = folder.path().join("values.yaml");
    for block in blocks {
        std::fs::write(&values, block).unwrap();
        for helm in EACH {
            helm.ok(&["lint", "--strict", path(&chart()), "--values", path(&values)]);
        }
    }
}

/// The values of a page, where a parent chart has pages of its own: each block that names no file.
fn values(page: &str) -> Vec<Value> {
    let own = blocks(page, "yaml")
        .into_iter()
        .filter(|block| !block.starts_with("# "));
    own.map(|block| serde_saphyr::from_str(block).unwrap()).collect()
}

/// Both helms take them, and each of them does something: without it, the chart renders otherwise or not at all.
#[test]
fn every_value_on_the_pages_is_taken_and_has_an_effect() {
    for (page, at_least) in [(PLATFORMS, 8), (OPERATING, 1)] {
        let all = values(page);
        assert!(all.len() >= at_least, "{all:?}");
        for values in all {
            for helm in EACH {
                let rendered = render(helm, &values).unwrap();
                if helm.name() != EACH[0].name() {
                    continue;
                }
                for (place, without) in with_one_less(&values) {
                    assert_ne!(render(helm, &without), Some(rendered.clone()), "{place} of {values}");
                }
            }
        }
    }
}

/// What the chart makes of these values, if it takes them.
fn render(helm: Helm, values: &Value) -> Option<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), values.to_string()).unwrap();
    let chart = chart();
    let output = helm.run(&["template", "amo", path(&chart), "--values", path(file.path())]);
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

/// The same values without one of the leaves: each in turn, with its place.
fn with_one_less(values: &Value) -> Vec<(String, Value)> {
    let mut places = Vec::new();
    leaves(values, "", &mut places);
    let less = |place: String| {
        let mut values = values.clone();
        let (parent, last) = place.rsplit_once('/').unwrap();
        let last = last.replace("~1", "/").replace("~0", "~");
        match values.pointer_mut(parent).unwrap() {
            Value::Object(members) => _ = members.remove(&last),
            Value::Array(items) => _ = items.remove(last.parse().unwrap()),
            other => panic!("{other} has no members"),
        }
        (place, values)
    };
    places.into_iter().map(less).collect()
}

fn leaves(value: &Value, at: &str, places: &mut Vec<String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                // As a JSON pointer has it.
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(member, &format!("{at}/{name}"), places);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, &format!("{at}/{index}"), places);
            }
        }
        _ => places.push(at.to_owned()),
    }
}

#[test]
fn the_parent_chart_on_the_page_renders_the_chart() {
    let file = |name: &str| -> Value {
        let begin = format!("# {name}\n");
        let block = blocks(PLATFORMS, "yaml")
            .into_iter()
            .find(|block| block.starts_with(&begin));
        serde_saphyr::from_str(block.unwrap()).unwrap()
    };
    let mut definition = file("Chart.yaml");
    assert_eq!(definition["dependencies"][0]["version"], env!("CARGO_PKG_VERSION"));
    // In place of a registry.
    definition["dependencies"][0]["repository"] = json!(format!("file://{}", path(&chart())));
    for helm in EACH {
        let parent = Parent::of(helm, &definition, &file("values.yaml"));
        let text = parent
            .objects(helm, &[])
            .iter()
            .map(Value::to_string)
            .collect::<String>();
        assert!(text.contains("eu-central-1") && !text.contains("65532"), "{text}");
        let off = ["--set", "audit-mitigation-operator.enabled=false"];
        assert_eq!(parent.objects(helm, &off), [Value::Null; 0]);
    }
}

#[test]
fn every_install_command_renders_the_chart() {
    for (page, at_least) in [(INSTALL, 2), (README, 1), (CHARTS_README, 1)] {
        let commands = installs(page);
        assert!(commands.len() >= at_least, "{commands:?}");
        for command in commands {
            for helm in EACH {
                // The tests run in the project's folder, like whoever reads the page.
                let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
                let rendered = helm.ok(&[&["template"], &arguments[..]].concat());
                assert!(rendered.contains("image: \"IMAGE:"), "{arguments:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_kubectl_applied_is_taken_over_as_the_page_says() {
    let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
    let kubeconfig = path(cluster.kubeconfig());
    let commands = installs(INSTALL);
    let option = "--take-ownership";
    let command = commands
        .iter()
        .find(|command| command.iter().any(|word| word == option))
        .unwrap();
    for helm in EACH {
        cluster
            .kubectl_ok(&["apply", "--server-side", "--filename", "crds/"])
            .await
            .unwrap();
        let arguments = |taken: bool| -> Vec<&str> {
            let words = command
                .iter()
                .map(String::as_str)
                .filter(|word| taken || *word != option);
            ["install"]
                .into_iter()
                .chain(words)
                .chain(["--kubeconfig", kubeconfig])
                .collect()
        };
        let said = helm.refused(&arguments(false));
        assert!(said.contains("auditmitigationtasks.devicedefender.dev"), "{said}");
        helm.ok(&arguments(true));

        let release = [
            "uninstall",
            "amo",
            "--namespace",
            "audit-mitigation",
            "--kubeconfig",
            kubeconfig,
        ];
        helm.ok(&release);
        // For the next helm.
        let definitions = [
            "delete",
            "crd",
            "auditmitigationtasks.devicedefender.dev",
            "auditmitigationpolicies.devicedefender.dev",
        ];
        cluster.kubectl_ok(&definitions).await.unwrap();
    }
}
