//! The examples, and how each has to end.

use std::fmt;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use support::Cluster;

use crate::scene::folder;

/// The resource's name for kubectl.
pub(crate) const RESOURCE: &str = "auditmitigationtasks.devicedefender.dev";

/// Where the one that must not start is.
const SUSPENDED: &str = "suspended.yaml";

/// A resource that an example's file has made.
#[derive(Debug)]
pub(crate) struct Example {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Whether every run of it has to be approved.
    pub(crate) asks: bool,
    /// The phase in which it has to stay.
    expected: &'static str,
}

/// Where an example is on its way.
#[derive(Debug)]
pub(crate) enum State {
    /// At its end.
    AsItShould,
    /// On the way, in this phase.
    Open(String),
    /// Finished, in this phase.
    Wrong(String),
}

impl fmt::Display for Example {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// Applies each file of the examples' folder.
pub(crate) async fn apply(cluster: &Cluster) -> Result<Vec<Example>> {
    let folder = folder("examples");
    let mut files = std::fs::read_dir(&folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .with_context(|| format!("cannot list {}", folder.display()))?;
    files.retain(|file| file.path().extension().is_some_and(|kind| kind == "yaml"));
    files.sort_by_key(std::fs::DirEntry::file_name);
    let mut examples = Vec::new();
    for file in files {
        let name = file.file_name();
        println!("applying examples/{}", name.display());
        let path = file.path().display().to_string();
        let applied = cluster.kubectl_ok(&["apply", "-f", &path, "--output=json"]).await?;
        let expected = if name == SUSPENDED { "Suspended" } else { "Completed" };
        let applied: Value = serde_json::from_str(&applied).context("kubectl printed no JSON")?;
        examples.extend(resources(&applied, expected));
    }
    Ok(examples)
}

/// kubectl prints one object as it is, and several in a list.
fn resources(applied: &Value, expected: &'static str) -> Vec<Example> {
    let one = std::slice::from_ref(applied);
    let objects = applied["items"].as_array().map_or(one, Vec::as_slice);
    objects
        .iter()
        .filter(|object| object["kind"] == "AuditMitigationTask")
        .filter_map(|object| {
            let text = |field| Some(object["metadata"].get(field)?.as_str()?.to_owned());
            Some(Example {
                namespace: text("namespace")?,
                name: text("name")?,
                asks: object["spec"]["approval"] == json!({}),
                expected,
            })
        })
        .collect()
}

impl Example {
    /// Asks the API server.
    pub(crate) async fn state(&self, cluster: &Cluster) -> Result<State> {
        let object = cluster
            .kubectl_ok(&[
                "get",
                RESOURCE,
                &self.name,
                "--namespace",
                &self.namespace,
                "--output=json",
            ])
            .await?;
        Ok(self.judge(&serde_json::from_str(&object).context("kubectl printed no JSON")?))
    }

    fn judge(&self, object: &Value) -> State {
        let status = &object["status"];
        let phase = status["phase"].as_str().unwrap_or("not looked at yet");
        let is_true = |kind: &str| {
            status["conditions"].as_array().is_some_and(|conditions| {
                conditions
                    .iter()
                    .any(|condition| condition["type"] == kind && condition["status"] == "True")
            })
        };
        if phase == self.expected {
            State::AsItShould
        // Stalled without an end (Unknown) doesn't move by itself either.
        } else if is_true("Finished") || is_true("Stalled") {
            State::Wrong(phase.to_owned())
        } else {
            State::Open(phase.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_judged_by_its_phase_and_conditions() {
        let applied = json!({ "kind": "List", "items": [
            { "kind": "Namespace", "metadata": { "name": "b" } },
            { "kind": "AuditMitigationTask", "metadata": { "name": "a", "namespace": "b" }, "spec": { "approval": {} } },
        ]});
        let examples = resources(&applied, "Completed");
        let [example] = examples.as_slice() else {
            panic!("one resource, not {examples:?}");
        };
        assert_eq!((example.to_string().as_str(), example.asks), ("b/a", true));
        let judge = |status: Value| format!("{:?}", example.judge(&json!({ "status": status })));
        let ended = json!([{ "type": "Finished", "status": "True" }]);
        assert_eq!(judge(json!({ "phase": "Completed" })), "AsItShould");
        assert_eq!(judge(json!({ "phase": "Running" })), r#"Open("Running")"#);
        assert_eq!(judge(json!({})), r#"Open("not looked at yet")"#);
        assert_eq!(
            judge(json!({ "phase": "Rejected", "conditions": ended })),
            r#"Wrong("Rejected")"#
        );
    }
}
