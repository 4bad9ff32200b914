//! Every state of a policy.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Operation, Problem, Schedule};

use super::capture::capture;
use super::expectations::POLICY;
use crate::policies::{CHECK, SCHEDULE, policy};
use crate::world::World;

/// A schedule that nobody may look at.
const DENIED: &str = "Denied";

/// The states by name.
pub(super) async fn captured() -> BTreeMap<&'static str, String> {
    let mut world = World::new("capture").await;
    let mut all = BTreeMap::new();
    create(&world, "new", json!({})).await;
    all.insert("new", capture(&world, &POLICY, "new").await);
    world.kubectl(&["delete", "amp", "new"]).await;

    for schedule in [SCHEDULE, DENIED, "Clean"] {
        world.aws.add_schedule(Schedule::new(schedule, [CHECK])).unwrap();
    }
    let denied = Fault::new(FaultKind::AccessDenied).on(Operation::DescribeScheduledAudit);
    world.aws.inject(denied.name(DENIED));
    world.start_operator(&[]);
    // Nothing has been audited yet.
    create(&world, "compliant", json!({ "scheduledAuditName": "Clean" })).await;
    create(
        &world,
        "findings-left",
        json!({ "approval": { "requiredAbove": { "percent": 100 } } }),
    )
    .await;
    create(&world, "task-awaiting-approval", json!({})).await;
    create(&world, "suspended", json!({ "suspend": true })).await;
    for name in ["compliant", "findings-left", "task-awaiting-approval", "suspended"] {
        world
            .until_policy(name, "ready", |policy| is(policy, "Ready", "True"))
            .await;
    }
    world.audit("Clean");
    world
        .until_policy("compliant", "compliant", |policy| is(policy, "Compliant", "True"))
        .await;
    world.aws.add_problem(&Problem::new(CHECK).count(3)).unwrap();
    world.audit(SCHEDULE);
    for name in ["findings-left", "task-awaiting-approval", "suspended"] {
        world
            .until_policy(name, "not compliant", |policy| is(policy, "Compliant", "False"))
            .await;
    }
    world
        .until_policy("findings-left", "without a task", |policy| {
            policy["status"]["audits"][0]["task"].is_string() && policy["status"]["activeTask"].is_null()
        })
        .await;
    let waits = |policy: &Value| says(policy, "waits for the approval of its plan");
    world.until_policy("task-awaiting-approval", "waiting", waits).await;

    create(&world, "watching", json!({})).await;
    create(&world, "access-denied", json!({ "scheduledAuditName": DENIED })).await;
    create(&world, "schedule-not-found", json!({ "scheduledAuditName": "Nightlu" })).await;
    create(&world, "edited", json!({})).await;
    create(&world, "deleting", json!({})).await;
    for name in ["watching", "edited", "deleting"] {
        world
            .until_policy(name, "ready", |policy| is(policy, "Ready", "True"))
            .await;
    }
    for (name, reason) in [
        ("access-denied", "AccessDenied"),
        ("schedule-not-found", "ScheduledAuditNotFound"),
    ] {
        let gives = |policy: &Value| {
            let conditions = policy["status"]["conditions"].as_array();
            conditions
                .into_iter()
                .flatten()
                .any(|condition| condition["reason"] == reason)
        };
        world.until_policy(name, reason, gives).await;
    }
    // Somebody else's finalizer: the operator has none on policies.
    let held = json!({ "metadata": { "finalizers": ["example.com/held"] } });
    world.edit_policy("deleting", &held).await;
    world.kubectl(&["delete", "amp", "deleting", "--wait=false"]).await;
    world
        .until_policy("deleting", "seen by the operator", |policy| {
            policy["metadata"]["deletionTimestamp"].is_string()
        })
        .await;
    world.stop_operator();
    world
        .edit_policy("edited", &json!({ "spec": { "suspend": true } }))
        .await;
    world
        .edit_policy("edited", &json!({ "spec": { "suspend": false } }))
        .await;
    for state in POLICY.states.iter().filter(|state| state.name != "new") {
        all.insert(state.name, capture(&world, &POLICY, state.name).await);
    }
    all
}

async fn create(world: &World, name: &str, members: Value) {
    world.create_object(&policy(name, members)).await;
}

/// Whether a condition has this status.
fn is(policy: &Value, type_: &str, status: &str) -> bool {
    let conditions = policy["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition["type"] == type_ && condition["status"] == status)
}

/// Whether Ready says this.
fn says(policy: &Value, words: &str) -> bool {
    let conditions = policy["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| {
        condition["type"] == "Ready" && condition["message"].as_str().unwrap_or_default().contains(words)
    })
}
