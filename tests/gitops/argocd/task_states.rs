//! Every state of a task.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use simulator::{Audit, Failure, Fault, FaultKind, Operation, Outcome, Redefinition};

use super::capture::capture;
use super::expectations::TASK;
use crate::world::{World, task};

/// The finalizer by which Argo CD holds a hook until it has seen how it ended.
const HOOK_FINALIZER: &str = "argocd.argoproj.io/hook-finalizer";

/// An audit that found nothing.
const CLEAN: &str = "clean";

/// The states by name.
pub(super) async fn captured() -> BTreeMap<&'static str, String> {
    let (mut all, waiting) = tokio::join!(one_by_one(), waiting());
    all.extend(waiting);
    all
}

/// The states that come of an answer of the service, or of a wish of the spec.
async fn one_by_one() -> BTreeMap<&'static str, String> {
    let mut world = World::new("capture").await;
    let mut all = BTreeMap::new();
    world.create("new", json!({})).await;
    all.insert("new", capture(&world, &TASK, "new").await);
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
        ("completed-without-findings", "Completed"),
        ("awaiting-approval", "AwaitingApproval"),
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
    all.insert("running", capture(&world, &TASK, "running").await);
    world
        .until("pending-unanswered", "unanswered", |task| {
            task["status"]["attempt"].is_object()
        })
        .await;
    all.insert("pending-unanswered", capture(&world, &TASK, "pending-unanswered").await);
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
        all.insert(name, capture(&world, &TASK, name).await);
    }
    all.insert("plan-changed", plan_changed(&world).await);
    all
}

/// Approves a plan that isn't true any more.
async fn plan_changed(world: &World) -> String {
    let shown = world.phase("plan-changed", "AwaitingApproval").await;
    let redefinition = Redefinition {
        role_arn: Some("arn:aws:iam::123456789012:role/another".to_owned()),
        ..Redefinition::default()
    };
    world.aws.redefine_action("EnableLogging", redefinition).unwrap();
    let approve = (TASK.action("approve").patch)(&shown);
    world.edit("plan-changed", &approve).await;
    world
        .until("plan-changed", "to be approved again", |task| {
            let conditions = task["status"]["conditions"].as_array();
            conditions
                .into_iter()
                .flatten()
                .any(|condition| condition["reason"] == "PlanChanged")
        })
        .await;
    capture(world, &TASK, "plan-changed").await
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
    capture(world, &TASK, name).await
}

/// What the service will answer.
fn prepare(world: &World) {
    let clean = Audit {
        task_id: CLEAN.to_owned(),
        checks: vec!["LOGGING_DISABLED_CHECK".to_owned()],
        ..Audit::default()
    };
    world.aws.run_audit(clean).unwrap();
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
    for name in ["awaiting-approval", "plan-changed"] {
        world.create(name, json!({ "approval": {} })).await;
    }
    let clean = json!({ "target": { "auditTaskId": CLEAN }, "approval": {} });
    world.create("completed-without-findings", clean).await;
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

/// The states in which nothing is asked of the service yet, and those that no operator has looked at.
async fn waiting() -> BTreeMap<&'static str, String> {
    let mut world = World::new("capture").await;
    world.aws.set_outcome("*_ahead_*", Outcome::held());
    world.start_operator(&["--max-running-tasks", "1"]);
    world.create("ahead", json!({})).await;
    world.phase("ahead", "Running").await;
    world.create("queued", json!({})).await;
    world.phase("queued", "Queued").await;
    world.create("edited", json!({ "suspend": true })).await;
    world.phase("edited", "Suspended").await;
    world.create("approved", json!({ "approval": {} })).await;
    let shown = world.phase("approved", "AwaitingApproval").await;
    let mut all = BTreeMap::from([("queued", capture(&world, &TASK, "queued").await)]);
    world.stop_operator();
    world.edit("edited", &json!({ "spec": { "suspend": false } })).await;
    all.insert("edited", capture(&world, &TASK, "edited").await);
    world.edit("approved", &(TASK.action("approve").patch)(&shown)).await;
    all.insert("approved", capture(&world, &TASK, "approved").await);
    all
}
