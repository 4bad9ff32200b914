//! Every state of a resource, as the real operator writes it and the real kubectl prints it.
//!
//! The test data of the scripts are these objects. The test fails when the operator writes something else than they
//! show.

use std::collections::BTreeMap;
use std::time::Duration;

use regex_lite::{Captures, Regex};
use serde_json::{Value, json};
use simulator::{Failure, Fault, FaultKind, Operation, Outcome};
use tokio::sync::OnceCell;

use super::expectations::{STATES, action_test, health_test, offered, patch};
use super::runner::FOLDER;
use crate::generated::{check, files_in, root};
use crate::world::{World, task};

/// The finalizer by which Argo CD holds a hook until it has seen how it ended.
const HOOK_FINALIZER: &str = "argocd.argoproj.io/hook-finalizer";

/// The states by name, captured once.
async fn captured() -> &'static BTreeMap<&'static str, String> {
    static CAPTURED: OnceCell<BTreeMap<&'static str, String>> = OnceCell::const_new();
    CAPTURED
        .get_or_init(|| async {
            let (mut all, waiting) = tokio::join!(one_by_one(), waiting_for_a_slot());
            all.extend(waiting);
            all
        })
        .await
}

#[tokio::test]
async fn the_test_data_are_what_the_operator_writes() {
    let captured = captured().await;
    let objects = captured
        .iter()
        .map(|(name, text)| (*name, serde_saphyr::from_str::<Value>(text).unwrap()))
        .collect();
    let (health, actions) = (health_test(&objects), action_test());
    let mut files = vec![
        (format!("{FOLDER}/health_test.yaml"), health.as_str()),
        (format!("{FOLDER}/actions/action_test.yaml"), actions.as_str()),
    ];
    files.extend(captured.iter().map(|(name, text)| (data(name), text.as_str())));
    check(files);

    // What an action makes of them, by kubectl's own merge and not by the scripts.
    let cluster = crate::world::cluster().await;
    let mut outputs = Vec::new();
    for (name, action) in offered() {
        let file = root().join(data(name));
        let args = [
            "patch",
            "--local",
            "--type=merge",
            "-o",
            "yaml",
            "--patch",
            patch(action),
            "-f",
        ];
        let args = [&args[..], &[file.to_str().unwrap()]].concat();
        outputs.push((output(name, action), cluster.kubectl_ok(&args).await.unwrap()));
    }
    check(outputs.iter().map(|(name, text)| (name.clone(), text.as_str())));

    // No file without a test.
    let names = |names: Vec<String>| {
        let mut names: Vec<String> = names;
        names.sort();
        names
    };
    assert_eq!(
        files_in(&format!("{FOLDER}/testdata")),
        names(STATES.iter().map(|state| format!("{}.yaml", state.name)).collect())
    );
    assert_eq!(
        files_in(&format!("{FOLDER}/actions/testdata")),
        names(
            offered()
                .map(|(name, action)| format!("{name}-{action}.yaml"))
                .collect()
        )
    );
}

fn data(name: &str) -> String {
    format!("{FOLDER}/testdata/{name}.yaml")
}

fn output(name: &str, action: &str) -> String {
    format!("{FOLDER}/actions/testdata/{name}-{action}.yaml")
}

/// Captures a resource as it is now.
async fn capture(world: &World, name: &str) -> String {
    let text = world.kubectl(&["get", "amt", name, "-o", "yaml"]).await;
    let object: Value = serde_saphyr::from_str(&text).unwrap();
    let uid = object["metadata"]["uid"].as_str().unwrap();
    let text = text.replace(&world.namespace, "security");
    let text = Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
        .unwrap()
        .replace_all(&text, |found: &Captures<'_>| {
            if &found[0] == uid {
                "6f1c0f0e-0d6a-4f5e-9a53-6ad1a2c5b0d1"
            } else {
                "0b7d4c1e-55a1-4c39-8f0e-2d6c9e7a1b34"
            }
        });
    let text = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
        .unwrap()
        .replace_all(&text, "2026-01-01T00:00:00Z");
    let text = Regex::new(r#"resourceVersion: "\d+""#)
        .unwrap()
        .replace_all(&text, r#"resourceVersion: "1""#);
    // The request's hash covers the namespace and the uid.
    Regex::new(r#"(requestHash"?: ?"?)[0-9a-f]{64}"#)
        .unwrap()
        .replace_all(&text, format!("${{1}}{}", "0".repeat(64)))
        .into_owned()
}

/// The states that come of an answer of the service, or of a wish of the spec.
async fn one_by_one() -> BTreeMap<&'static str, String> {
    let mut world = World::new("capture").await;
    let mut all = BTreeMap::new();
    world.create("new", json!({})).await;
    all.insert("new", capture(&world, "new").await);
    prepare(&world);
    world.start_operator(&[]);

    create(&world).await;
    ask_for_endings(&world).await;
    for (name, phase) in [
        ("pending", "Pending"),
        ("suspended", "Suspended"),
        ("running-other", "Running"),
        ("canceling", "Canceling"),
        ("completed", "Completed"),
        ("completed-other", "Completed"),
        ("failed", "Failed"),
        ("canceled", "Canceled"),
        ("canceled-before-start", "Canceled"),
        ("rejected", "Rejected"),
        ("conflict", "Conflict"),
        ("unknown-not-found", "Unknown"),
        ("unknown-expired", "Unknown"),
        ("unknown-token-in-use", "Unknown"),
    ] {
        world.phase(name, phase).await;
        all.insert(name, settled(&world, name).await);
    }
    world
        .until("running", "seen by the service", |task| {
            task["status"]["progress"].is_string()
        })
        .await;
    all.insert("running", capture(&world, "running").await);
    world
        .until("pending-unanswered", "unanswered", |task| {
            task["status"]["attempt"].is_object()
        })
        .await;
    all.insert("pending-unanswered", capture(&world, "pending-unanswered").await);
    world
        .until("deleting", "being cancelled, which is refused", |task| {
            task["status"]["phase"] == "Canceling"
                && task["metadata"]["deletionTimestamp"].is_string()
                && task["status"]["nextAttemptTime"].is_string()
        })
        .await;
    all.insert("deleting", settled(&world, "deleting").await);
    for name in ["deleted-hook-completed", "deleted-hook-failed"] {
        world
            .until(name, "deleted by its time to live", |task| {
                task["metadata"]["deletionTimestamp"].is_string()
                    && task["metadata"]["finalizers"] == json!([HOOK_FINALIZER])
            })
            .await;
        all.insert(name, capture(&world, name).await);
    }
    all
}

/// Captures a resource from which the operator has taken or left its finalizer as its phase demands.
async fn settled(world: &World, name: &str) -> String {
    world
        .until(name, "settled", |task| {
            let finished = task["status"]["conditions"]
                .as_array()
                .into_iter()
                .flatten()
                .any(|condition| condition["type"] == "Finished" && condition["status"] == "True");
            !finished || task["metadata"]["finalizers"].is_null()
        })
        .await;
    capture(world, name).await
}

/// What the service will answer.
fn prepare(world: &World) {
    for name in ["running", "canceling", "canceled", "deleting", "unknown-not-found"] {
        world.aws.set_outcome(&format!("*_{name}_*"), Outcome::held());
    }
    for task_id in ["long", "short"] {
        world.aws.set_outcome(task_id, Outcome::held());
    }
    for name in ["failed", "deleted-hook-failed"] {
        world
            .aws
            .set_outcome(&format!("*_{name}_*"), Outcome::failing([Failure::default()]));
    }
    let start = |kind, name: &str| world.aws.inject(Fault::new(kind).on(Operation::START).task(name));
    start(FaultKind::AccessDenied, "*_pending_*");
    start(FaultKind::Cut, "*_pending-unanswered_*");
    let refusal = FaultKind::Error {
        status: 400,
        code: "InvalidRequestException".to_owned(),
        message: "No mitigation action with the name EnableLogging exists.".to_owned(),
    };
    start(refusal, "*_rejected_*");
    // Otherwise the resource is gone as soon as the service has taken the cancellation.
    let cancel = Fault::new(FaultKind::AccessDenied).on(Operation::CANCEL);
    world.aws.inject(cancel.task("*_deleting_*"));
}

async fn create(world: &World) {
    for name in [
        "pending",
        "pending-unanswered",
        "running",
        "canceling",
        "canceled",
        "deleting",
    ] {
        world.create(name, json!({})).await;
    }
    for name in ["completed", "failed", "rejected", "unknown-not-found"] {
        world.create(name, json!({})).await;
    }
    world.create("suspended", json!({ "suspend": true })).await;
    world.create("canceled-before-start", json!({ "cancel": true })).await;
    for name in ["deleted-hook-completed", "deleted-hook-failed"] {
        let mut hook = task(name, json!({ "ttlSecondsAfterFinished": 0 }));
        hook["metadata"]["annotations"] = json!({ "argocd.argoproj.io/hook": "PostSync" });
        hook["metadata"]["finalizers"] = json!([HOOK_FINALIZER]);
        world.create_object(&hook).await;
    }
    beside_others(world).await;
}

/// Resources whose task, or token, another resource had first.
async fn beside_others(world: &World) {
    world.create("first", json!({ "taskId": "long" })).await;
    world.create("once", json!({ "taskId": "short" })).await;
    world.create("earlier", json!({ "taskId": "restored" })).await;
    world
        .create("token", json!({ "taskId": "token", "clientRequestToken": "mine" }))
        .await;
    world.phase("first", "Running").await;
    world.create("running-other", json!({ "taskId": "long" })).await;
    let other = json!({ "taskId": "long", "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["Notify"] } });
    world.create("conflict", other).await;
    world.phase("once", "Running").await;
    world.create("completed-other", json!({ "taskId": "short" })).await;
    world.phase("completed-other", "Running").await;
    world.aws.finish("short");
    world.phase("token", "Completed").await;
    world
        .create("unknown-token-in-use", json!({ "clientRequestToken": "mine" }))
        .await;

    // Restored from a backup, with its start record, when the service has forgotten the task.
    let earlier = world.phase("earlier", "Completed").await;
    world
        .aws
        .inject(Fault::new(FaultKind::NotFound).on(Operation::DESCRIBE).task("restored"));
    let mut copy = task("unknown-expired", json!({ "taskId": "restored" }));
    copy["metadata"]["annotations"] = earlier["metadata"]["annotations"].clone();
    world.create_object(&copy).await;
}

/// What people ask of a task that runs, and the service's forgetting one.
async fn ask_for_endings(world: &World) {
    for name in ["canceled", "canceling", "deleting", "unknown-not-found"] {
        world
            .until(name, "running", |task| task["status"]["progress"].is_string())
            .await;
    }
    world.edit("canceled", &json!({ "spec": { "cancel": true } })).await;
    world.phase("canceled", "Canceled").await;
    world
        .aws
        .set_readings(|readings| readings.cancel_takes = Duration::from_hours(1));
    world.edit("canceling", &json!({ "spec": { "cancel": true } })).await;
    world.kubectl(&["delete", "amt", "deleting", "--wait=false"]).await;
    let describe = Fault::new(FaultKind::NotFound).on(Operation::DESCRIBE);
    world.aws.inject(describe.task("*_unknown-not-found_*"));
}

/// The states in which nothing is asked of the service yet.
async fn waiting_for_a_slot() -> BTreeMap<&'static str, String> {
    let mut world = World::new("capture").await;
    world.aws.set_outcome("*_ahead_*", Outcome::held());
    world.start_operator(&["--max-running-tasks", "1"]);
    world.create("ahead", json!({})).await;
    world.phase("ahead", "Running").await;
    world.create("queued", json!({})).await;
    world.phase("queued", "Queued").await;
    world.create("edited", json!({ "suspend": true })).await;
    world.phase("edited", "Suspended").await;
    let mut all = BTreeMap::from([("queued", capture(&world, "queued").await)]);
    world.stop_operator();
    world.edit("edited", &json!({ "spec": { "suspend": false } })).await;
    all.insert("edited", capture(&world, "edited").await);
    all
}
