//! What Flux's own controller makes of the Kustomization to copy, and of the ways to keep tasks in Git.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use simulator::{Failure, Outcome};
use support::{Process, eventually, tools};

use crate::approval::{ANOTHER, WAITS, approving, hash};
use crate::argocd::scratch;
use crate::manifests::with_definitions;
use crate::world::{LIMIT, World};

const ONCE: &str = include_str!("../../gitops/tasks/once/2026-01-enable-logging.yaml");
const AGAIN: &str = include_str!("../../gitops/tasks/again/enable-logging.yaml");
const RUN: &str = "2026-01-enable-logging";
const TASK: &str = "enable-logging";

/// The controller on a namespace of its own, and the source that it fetches.
pub(crate) struct Flux {
    pub(crate) world: World,
    /// The manifest to copy.
    manifest: &'static str,
    /// The Kustomization in it, and the folder that it applies.
    kustomization: &'static str,
    folder: &'static str,
    _controller: Process,
}

impl Flux {
    /// With the Kustomization of tasks.
    pub(crate) async fn new(prefix: &str) -> Self {
        let tasks = include_str!("../../gitops/flux/tasks.yaml");
        Self::of(prefix, tasks, "device-defender-tasks", "tasks").await
    }

    /// With the Kustomization of policies.
    pub(crate) async fn of_policies(prefix: &str) -> Self {
        let policies = include_str!("../../gitops/flux/policies.yaml");
        Self::of(prefix, policies, "device-defender-policies", "policies").await
    }

    async fn of(prefix: &str, manifest: &'static str, kustomization: &'static str, folder: &'static str) -> Self {
        let cluster = with_definitions().await;
        let mut world = World::new(prefix).await;
        world.start_operator(&[]);
        let mut command = Command::new(tools::KUSTOMIZE_CONTROLLER.path().unwrap());
        command
            .env("KUBECONFIG", cluster.kubeconfig())
            .env("RUNTIME_NAMESPACE", &world.namespace)
            .args([
                "--watch-all-namespaces=false",
                "--metrics-addr=0",
                "--health-addr=0",
                "--requeue-dependency=1s",
            ]);
        let controller = cluster.spawn("kustomize-controller", command).unwrap();
        Self {
            world,
            manifest,
            kustomization,
            folder,
            _controller: controller,
        }
    }

    /// Creates what the manifest has, in this world's namespace.
    pub(crate) async fn create(&self, change: impl Fn(&mut Value)) {
        let objects: Vec<Value> = serde_saphyr::from_multiple(self.manifest).unwrap();
        for mut object in objects {
            object["metadata"]["namespace"] = json!(self.world.namespace);
            if object["metadata"]["name"] == self.kustomization {
                object["spec"]["targetNamespace"] = json!(self.world.namespace);
            }
            change(&mut object);
            self.world.create_object(&object).await;
        }
    }

    /// Publishes a commit, as the source controller does: an archive to fetch, named in the source's status.
    pub(crate) async fn commit(&self, revision: &str, manifest: &str) {
        let name = format!("{}-{revision}", self.world.namespace);
        let folder = scratch(&name);
        let config = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: operator\n  namespace: NAMESPACE\n";
        for (path, text) in [
            (self.folder, manifest.to_owned()),
            ("operator", config.replace("NAMESPACE", &self.world.namespace)),
        ] {
            fs::create_dir_all(folder.join(path)).unwrap();
            fs::write(folder.join(path).join("manifest.yaml"), text).unwrap();
        }
        let archive = scratch(&format!("{name}.tar.gz"));
        let status = Command::new("tar")
            .arg("-czf")
            .arg(&archive)
            .arg("-C")
            .arg(&folder)
            .arg(".")
            .status();
        assert!(status.unwrap().success());
        let archive = fs::read(archive).unwrap();
        let digest = Sha256::digest(&archive);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = axum::routing::get(async move || archive.clone());
        tokio::spawn(async move {
            axum::serve(listener, axum::Router::new().route("/source.tar.gz", answer))
                .await
                .unwrap();
        });
        let status = json!({ "status": { "artifact": {
            "url": format!("http://127.0.0.1:{port}/source.tar.gz"),
            "path": "source.tar.gz",
            "digest": format!("sha256:{digest:x}"),
            "revision": format!("main@sha1:{revision}"),
            "lastUpdateTime": "2026-01-01T00:00:00Z",
        } } });
        let patch = ["--subresource=status", "--type=merge", "--patch", &status.to_string()];
        let args = [&["patch", "gitrepository", "fleet"], &patch[..]].concat();
        self.world.kubectl(&args).await;
    }

    /// Waits until the Kustomization says this, for this commit.
    pub(crate) async fn until(&self, status: &str, message: &str, revision: &str) {
        eventually(LIMIT, &format!("the Kustomization says {message:?}"), async || {
            let args = ["get", "kustomization", self.kustomization, "-o", "json"];
            let object: Value = serde_json::from_str(&self.world.kubectl(&args).await).unwrap();
            let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let said = conditions.iter().any(|condition| {
                condition["type"] == "Ready"
                    && condition["status"] == status
                    && condition["message"].as_str().unwrap_or_default().contains(message)
            });
            let attempted = object["status"]["lastAttemptedRevision"].as_str().unwrap_or_default();
            if said && attempted.ends_with(revision) {
                Ok(())
            } else {
                Err(object["status"].to_string())
            }
        })
        .await
        .unwrap();
    }
}

/// Without the wait for another Kustomization.
pub(crate) fn alone(object: &mut Value) {
    object["spec"].as_object_mut().unwrap().remove("dependsOn");
}

#[tokio::test]
async fn the_tasks_wait_for_the_operator_and_are_ready_when_they_have_completed() {
    let flux = Flux::new("flux").await;
    flux.world.aws.set_outcome("*", Outcome::held());
    flux.create(|object| {
        if object["metadata"]["name"] == "operator" {
            object["spec"]["suspend"] = json!(true);
        }
    })
    .await;
    flux.commit("first", ONCE).await;
    flux.until("False", "is not ready", "").await;
    assert_eq!(flux.world.started(), 0);

    let resume = json!({ "spec": { "suspend": false } }).to_string();
    let patch = ["patch", "kustomization", "operator", "--type=merge", "--patch", &resume];
    flux.world.kubectl(&patch).await;
    eventually(LIMIT, "the task is applied", async || {
        let resources = flux.world.resources().await;
        if resources.len() == 1 { Ok(()) } else { Err("not yet") }
    })
    .await
    .unwrap();
    let task = flux.world.phase(RUN, "Running").await;
    flux.until("Unknown", "", "first").await;
    flux.world.aws.finish(task["status"]["taskId"].as_str().unwrap());
    flux.until("True", "Applied revision: main@sha1:first", "first").await;
    assert_eq!(flux.world.started(), 1);
}

#[tokio::test]
async fn a_failed_task_fails_the_kustomization_at_once() {
    let flux = Flux::new("flux").await;
    flux.world.aws.set_outcome("*", Outcome::failing([Failure::default()]));
    // By the conditions alone, without the expressions.
    flux.create(|object| {
        alone(object);
        object["spec"].as_object_mut().unwrap().remove("healthCheckExprs");
    })
    .await;
    flux.commit("first", ONCE).await;
    // Long before the time-out of two hours.
    let namespace = &flux.world.namespace;
    let stalled = format!("failed early due to stalled resources: [AuditMitigationTask/{namespace}/{RUN} ");
    flux.until("False", &stalled, "first").await;
    assert_eq!(flux.world.started(), 1);
}

#[tokio::test]
async fn an_edit_fails_and_with_force_runs_again() {
    let flux = Flux::new("flux").await;
    flux.create(alone).await;
    let edited = |manifest: &str| manifest.replace("- EnableLogging", "- Notify");
    flux.commit("first", ONCE).await;
    flux.until("True", "", "first").await;
    flux.commit("edited", &edited(ONCE)).await;
    flux.until("False", "is immutable once the task has been started", "edited")
        .await;
    assert_eq!(flux.world.started(), 1);

    flux.commit("again", AGAIN).await;
    flux.until("True", "", "again").await;
    assert_eq!(flux.world.started(), 2);
    let uid = flux.world.uid(TASK).await;
    flux.commit("forced", &edited(AGAIN)).await;
    flux.until("True", "", "forced").await;
    assert_ne!(flux.world.uid(TASK).await, uid);
    assert_eq!(flux.world.started(), 3);
    flux.commit("reverted", AGAIN).await;
    flux.until("True", "", "reverted").await;
    assert_eq!(flux.world.started(), 3);

    // What a TTL would do.
    flux.world.kubectl(&["delete", "amt", TASK]).await;
    flux.commit("unrelated", AGAIN).await;
    flux.until("True", "", "unrelated").await;
    flux.world.phase(TASK, "Completed").await;
    assert_eq!(flux.world.started(), 3);
}

#[tokio::test]
async fn a_task_that_waits_for_approval_is_ready_and_the_next_commit_approves_it() {
    let flux = Flux::new("flux").await;
    flux.create(alone).await;
    flux.commit("first", WAITS).await;
    flux.until("True", "", "first").await;
    let plan = hash(&flux.world.phase(RUN, "AwaitingApproval").await);
    // What kubectl sets stays, by the annotation of the manifest.
    let approval = json!({ "spec": { "approval": { "plan": ANOTHER } } });
    flux.world.edit(RUN, &approval).await;
    flux.world.phase(RUN, "AwaitingApproval").await;
    flux.commit("unrelated", WAITS).await;
    flux.until("True", "", "unrelated").await;
    assert_eq!(
        flux.world.get(RUN).await["spec"]["approval"],
        approval["spec"]["approval"]
    );
    assert_eq!(flux.world.started(), 0);

    flux.commit("approved", &approving(&plan)).await;
    flux.until("True", "", "approved").await;
    flux.world.phase(RUN, "Completed").await;
    assert_eq!(flux.world.started(), 1);
}

/// Why the manifest has that annotation.
#[tokio::test]
async fn without_the_annotation_flux_undoes_an_approval_by_kubectl() {
    let flux = Flux::new("flux").await;
    flux.create(alone).await;
    let plain = WAITS.replace("kustomize.toolkit.fluxcd.io/ssa: Merge", "example.com/ssa: Merge");
    assert_ne!(plain, WAITS);
    flux.commit("first", &plain).await;
    flux.until("True", "", "first").await;
    flux.world.phase(RUN, "AwaitingApproval").await;
    let approve = |plan: &str| json!({ "spec": { "approval": { "plan": plan } } });
    flux.world.edit(RUN, &approve(ANOTHER)).await;
    flux.commit("unrelated", &plain).await;
    flux.until("True", "", "unrelated").await;
    let waiting = flux.world.phase(RUN, "AwaitingApproval").await;
    assert_eq!(waiting["spec"]["approval"], json!({}));

    // Once it has been started it can't be undone, and that fails until the commit says the same.
    flux.world.edit(RUN, &approve(&hash(&waiting))).await;
    flux.world.phase(RUN, "Completed").await;
    flux.commit("late", &plain).await;
    flux.until("False", "is immutable once the task has been started", "late")
        .await;
    let approved = approving(&hash(&waiting)).replace("kustomize.toolkit.fluxcd.io/ssa", "example.com/ssa");
    flux.commit("approved", &approved).await;
    flux.until("True", "", "approved").await;
    assert_eq!(flux.world.started(), 1);
}
