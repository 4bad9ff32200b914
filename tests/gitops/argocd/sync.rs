//! Syncs of an Application, by Argo CD's own engine with the health that `argocd-cm` gives it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use support::{Process, eventually, tools};

use super::config_map::FILE;
use super::runner::{scratch, succeeded};
use crate::generated::root;
use crate::world::{LIMIT, World};

/// The Application to copy, for its sync options.
const APPLICATION: &str = "gitops/argocd/applications/tasks.yaml";

/// The same for policies.
const POLICIES: &str = "gitops/argocd/applications/policies.yaml";

/// How a sync ended.
pub(crate) struct Synced {
    pub(crate) succeeded: bool,
    /// A line for each step, then one for each resource.
    pub(crate) log: String,
}

impl Synced {
    #[track_caller]
    pub(crate) fn succeeded(self) {
        assert!(self.succeeded, "{}", self.log);
    }

    #[track_caller]
    pub(crate) fn failed(self, because: &str) {
        assert!(!self.succeeded, "{}", self.log);
        assert!(self.log.contains(because), "{}", self.log);
    }
}

impl World {
    /// A world with an operator, and with the `argocd-cm` of an Argo CD that got our patch.
    pub(crate) async fn with_argo_cd(prefix: &str) -> Self {
        let world = Self::with_unpatched_argo_cd(prefix).await;
        let patch = root().join(FILE);
        world
            .kubectl(&[
                "patch",
                "configmap",
                "argocd-cm",
                "--patch-file",
                patch.to_str().unwrap(),
            ])
            .await;
        world
    }

    pub(crate) async fn with_unpatched_argo_cd(prefix: &str) -> Self {
        let mut world = Self::new(prefix).await;
        let config = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": "argocd-cm", "labels": { "app.kubernetes.io/part-of": "argocd" } },
        });
        world.create_object(&config).await;
        world.start_operator(&[]);
        world
    }

    /// Begins to sync the Application that has these manifests in this commit.
    pub(crate) fn begin_sync(&self, revision: &str, manifests: &[&str]) -> Process {
        self.begin_sync_of(APPLICATION, revision, manifests)
    }

    fn begin_sync_of(&self, application: &str, revision: &str, manifests: &[&str]) -> Process {
        let file = self.commit(revision, manifests);
        let mut command = self.argo_cd("sync", application);
        command.arg(revision).arg(file);
        self.cluster.spawn("argocd", command).unwrap()
    }

    /// Syncs to the end.
    pub(crate) async fn sync(&self, revision: &str, manifests: &[&str]) -> Synced {
        ended(self.begin_sync(revision, manifests)).await
    }

    /// Syncs the Application of policies to the end.
    pub(crate) async fn sync_policies(&self, revision: &str, manifests: &[&str]) -> Synced {
        ended(self.begin_sync_of(POLICIES, revision, manifests)).await
    }

    /// What the Application shows with these manifests: its resources, and what they own, a line each.
    pub(crate) fn tree(&self, manifests: &[&str]) -> Vec<String> {
        self.tree_of(APPLICATION, manifests)
    }

    /// The same of the Application of policies.
    pub(crate) fn tree_of_policies(&self, manifests: &[&str]) -> Vec<String> {
        self.tree_of(POLICIES, manifests)
    }

    fn tree_of(&self, application: &str, manifests: &[&str]) -> Vec<String> {
        let file = self.commit("shown", manifests);
        let output = self.argo_cd("tree", application).arg(file).output().unwrap();
        succeeded(&output).lines().map(str::to_owned).collect()
    }

    fn commit(&self, revision: &str, manifests: &[&str]) -> PathBuf {
        let file = scratch(&format!("{}-{revision}.yaml", self.namespace));
        fs::write(&file, manifests.join("\n---\n")).unwrap();
        file
    }

    fn argo_cd(&self, does: &str, application: &str) -> Command {
        let mut command = Command::new(tools::ARGOCD_RUNNER.path().unwrap());
        command
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .args([does, &self.namespace])
            .arg(root().join(application));
        command
    }

    /// Whether wave 2, a `ConfigMap` of this name, was applied.
    pub(crate) async fn has_config_map(&self, name: &str) -> bool {
        let args = ["get", "configmap", name, "--ignore-not-found", "-o", "name"];
        !self.kubectl(&args).await.is_empty()
    }

    pub(crate) async fn uid(&self, name: &str) -> String {
        self.get(name).await["metadata"]["uid"].as_str().unwrap().to_owned()
    }

    /// The resources that there are, whatever they are called.
    pub(crate) async fn resources(&self) -> Vec<Value> {
        let list = self.kubectl(&["get", "amt", "-o", "json"]).await;
        let list: Value = serde_json::from_str(&list).unwrap();
        list["items"].as_array().unwrap().clone()
    }

    /// Waits until no resource is left.
    pub(crate) async fn until_empty(&self) {
        eventually(LIMIT, "every resource is deleted", async || {
            let left = self.resources().await;
            if left.is_empty() {
                Ok(())
            } else {
                Err(format!("{left:?}"))
            }
        })
        .await
        .unwrap();
    }

    /// How many tasks were ever started.
    pub(crate) fn started(&self) -> usize {
        self.aws.tasks().len()
    }
}

/// Waits until a sync says that it waits for a task's health, and has looked twice again since then.
pub(crate) async fn held(sync: &mut Process, task: &str) {
    let waits = format!("Running: waiting for healthy state of devicedefender.dev/AuditMitigationTask/{task}");
    let looks = |sync: &Process| sync.log().matches(&waits).count();
    let before = looks(sync);
    eventually(LIMIT, "the sync waits", async || {
        if looks(sync) >= before + 2 {
            Ok(())
        } else {
            Err(sync.log())
        }
    })
    .await
    .unwrap();
    assert!(sync.ended().unwrap().is_none(), "{}", sync.log());
}

pub(crate) async fn ended(mut sync: Process) -> Synced {
    let status = sync.wait(LIMIT).await.unwrap();
    Synced {
        succeeded: status.success(),
        log: sync.log(),
    }
}
