//! What the pages for people who install the chart show: their values are taken, and their commands work.

use std::process::Command;

use support::{Cluster, ClusterOptions};

use crate::chart;
use crate::helm::{EACH, path};

const INSTALL: &str = include_str!("../../docs/install.md");
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
        let definition = ["delete", "crd", "auditmitigationtasks.devicedefender.dev"];
        cluster.kubectl_ok(&definition).await.unwrap();
    }
}
