//! No rule locks in what was stored before it: the status of such an object can be written, and its finalizer removed.

use audit_mitigation_operator::api::AuditMitigationTask;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt as _};
use serde_json::{Map, Value, json};
use support::{Cluster, ClusterOptions, eventually};

use super::{
    CRD, Failures, LIMIT, create, install, message, object, permissive, served, served_kind, spec_with, spec_with_null,
    task,
};

/// Specs that today's schema refuses, and the names that they are stored under.
fn refused_today() -> Vec<(String, Value)> {
    let long = "n".repeat(60);
    [
        (long.as_str(), spec_with(&json!({}))),
        ("empty-target", spec_with(&json!({"target": {"auditTaskId": null}}))),
        ("no-target", spec_with(&json!({"target": null}))),
        (
            "findings-and-audit",
            spec_with(&json!({"target": {"findingIds": ["f"]}})),
        ),
        (
            "duplicate-finding",
            spec_with(&json!({"target": {"auditTaskId": null, "findingIds": ["f", "f"]}})),
        ),
        ("null-audit", spec_with_null(&json!({"target": {"auditTaskId": null}}))),
        ("no-mapping", spec_with(&json!({"auditCheckToActionsMapping": null}))),
        (
            "empty-check",
            spec_with(&json!({"auditCheckToActionsMapping": {"": ["a"]}})),
        ),
        (
            "null-actions",
            spec_with_null(&json!({"auditCheckToActionsMapping": {"CHECK": null}})),
        ),
        (
            "six-actions",
            spec_with(&json!({"auditCheckToActionsMapping": {"CHECK": ["1", "2", "3", "4", "5", "6"]}})),
        ),
        ("bad-task-id", spec_with(&json!({"taskId": "has space"}))),
        ("bad-token", spec_with(&json!({"clientRequestToken": "t".repeat(65)}))),
        ("bad-region", spec_with(&json!({"region": "Frankfurt"}))),
        ("bad-policy", spec_with(&json!({"deletionPolicy": "Retain"}))),
        ("bad-deadline", spec_with(&json!({"activeDeadlineSeconds": 0}))),
        ("bad-ttl", spec_with(&json!({"ttlSecondsAfterFinished": -1}))),
        (
            "many-checks",
            spec_with(&json!({"auditCheckToActionsMapping": checks(100, "CHECK")})),
        ),
        (
            "long-check",
            spec_with(&json!({"auditCheckToActionsMapping": checks(30, &"C".repeat(6_000))})),
        ),
        (
            "large-filter",
            spec_with(&json!({"target": {"auditCheckToReasonCodeFilter": large_filter()}})),
        ),
        (
            "wide-code",
            spec_with(&json!({"target": {"auditCheckToReasonCodeFilter": {"CHECK": ["é".repeat(256)]}}})),
        ),
        (
            "approval-of-a-filter",
            spec_with(&json!({
                "target": {"auditTaskId": null, "auditCheckToReasonCodeFilter": {"CHECK": ["CODE"]}}, "approval": {},
            })),
        ),
        (
            "percent-of-findings",
            spec_with(&json!({
                "target": {"auditTaskId": null, "findingIds": ["f"]}, "approval": {"requiredAbove": {"percent": 1}},
            })),
        ),
        ("bad-plan", spec_with(&json!({"approval": {"plan": "none"}}))),
        ("empty-bounds", spec_with(&json!({"approval": {"requiredAbove": {}}}))),
        (
            "bad-percent",
            spec_with(&json!({"approval": {"requiredAbove": {"percent": 101}}})),
        ),
        // Nothing can have been started with these: no operator could read them.
        ("unreadable-task-id", spec_with(&json!({"taskId": 5}))),
        ("unreadable-suspend", spec_with(&json!({"suspend": "yes"}))),
        ("unknown-field", spec_with(&json!({"former": {"field": true}}))),
    ]
    .map(|(name, spec)| (name.to_owned(), spec))
    .into()
}

/// So many checks with one action each.
fn checks(count: usize, name: &str) -> Value {
    let check = |number| (format!("{name}_{number}"), json!(["Action"]));
    (0..count).map(check).collect::<Map<_, _>>().into()
}

/// 100 checks with 25 codes of 256 letters each.
fn large_filter() -> Value {
    let codes: Vec<_> = (0..25).map(|number| format!("{number:0>256}")).collect();
    let check = |number| (format!("CHECK_{number}"), json!(codes));
    (0..100).map(check).collect::<Map<_, _>>().into()
}

/// Specs that are not what they should be, from the outside to the inside; null is no spec at all.
fn broken() -> Vec<(&'static str, Value)> {
    let target = |target: Value| {
        let mut spec = spec_with(&json!({}));
        spec["target"] = target;
        spec
    };
    let mapping = |mapping: Value| {
        let mut spec = spec_with(&json!({}));
        spec["auditCheckToActionsMapping"] = mapping;
        spec
    };
    vec![
        ("no-spec", Value::Null),
        ("text-spec", json!("spec")),
        ("list-spec", json!(["spec"])),
        ("number-spec", json!(5)),
        ("empty-spec", json!({})),
        ("text-target", target(json!("target"))),
        ("list-target", target(json!(["a3aea009955e501a31b764abe1bebd3d"]))),
        ("number-audit", target(json!({"auditTaskId": 5}))),
        (
            "object-audit",
            target(json!({"auditTaskId": {"id": "a"}, "findingIds": ["f"]})),
        ),
        ("text-findings", target(json!({"findingIds": "f-1"}))),
        ("numbers-findings", target(json!({"findingIds": [1, 2]}))),
        ("text-filter", target(json!({"auditCheckToReasonCodeFilter": "CODE"}))),
        ("list-filter", target(json!({"auditCheckToReasonCodeFilter": ["CODE"]}))),
        (
            "text-codes",
            target(json!({"auditCheckToReasonCodeFilter": {"CHECK": "CODE"}})),
        ),
        (
            "number-codes",
            target(json!({"auditCheckToReasonCodeFilter": {"CHECK": [5]}})),
        ),
        ("text-mapping", mapping(json!("mapping"))),
        ("list-mapping", mapping(json!([{"check": "CHECK", "actions": ["a"]}]))),
        ("text-actions", mapping(json!({"CHECK": "a"}))),
        ("object-actions", mapping(json!({"CHECK": {"name": "a"}}))),
        ("number-actions", mapping(json!({"CHECK": [5]}))),
        ("number-task-id", spec_with(&json!({"taskId": 5}))),
        ("list-token", spec_with(&json!({"clientRequestToken": ["t"]}))),
        ("object-region", spec_with(&json!({"region": {"name": "eu-central-1"}}))),
        ("text-approval", spec_with(&json!({"approval": "every"}))),
        ("list-approval", spec_with(&json!({"approval": ["every"]}))),
        ("text-bounds", spec_with(&json!({"approval": {"requiredAbove": "50"}}))),
        (
            "text-percent",
            spec_with(&json!({"approval": {"requiredAbove": {"percent": "2"}}})),
        ),
        ("number-plan", spec_with(&json!({"approval": {"plan": 5}}))),
        ("text-cancel", spec_with(&json!({"cancel": "true"}))),
        ("list-suspend", spec_with(&json!({"suspend": [true]}))),
        ("number-policy", spec_with(&json!({"deletionPolicy": 5}))),
        (
            "text-deadline",
            spec_with(&json!({"activeDeadlineSeconds": "1h", "ttlSecondsAfterFinished": "1h"})),
        ),
    ]
}

/// What the status says of such an object: nothing yet, that its spec can't be read, and that its task was started
/// when its spec could be.
fn statuses() -> [(&'static str, Option<Value>); 3] {
    [
        ("new", None),
        ("rejected", Some(json!({"phase": "Rejected"}))),
        (
            "started",
            Some(json!({"phase": "Running", "taskId": "t", "clientRequestToken": "t"})),
        ),
    ]
}

/// Each broken spec under each status, with its name. Some names are too long for what their specs say.
fn broken_objects() -> Vec<(String, Value, Option<Value>)> {
    let mut objects = Vec::new();
    for (shape, spec) in broken() {
        for (state, status) in statuses() {
            objects.push((format!("{shape}-{state}"), spec.clone(), status.clone()));
            objects.push((format!("{shape}-{state}-{}", "n".repeat(60)), spec.clone(), status));
        }
    }
    objects
}

/// A finalizer, so that what is deleted has to be let go.
const FINALIZER: &str = "devicedefender.dev/task";

/// A cluster with these tasks, each with the finalizer, stored before the rules that hold now.
async fn stored_before<'a>(objects: impl IntoIterator<Item = (&'a str, &'a Value)>) -> (Cluster, Api<DynamicObject>) {
    kind_stored_before::<AuditMitigationTask>(CRD, objects).await
}

/// The same with objects of any kind.
pub(super) async fn kind_stored_before<'a, K: Resource<DynamicType = ()>>(
    definition: &str,
    objects: impl IntoIterator<Item = (&'a str, &'a Value)>,
) -> (Cluster, Api<DynamicObject>) {
    // Not the shared cluster: the definition changes under the others' feet.
    let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
    install(&cluster, &permissive(definition)).await;
    let api = served_kind::<K>(&cluster, "default").await;
    for (name, spec) in objects {
        let mut object = object::<K>(name, spec);
        object["metadata"]["finalizers"] = json!([FINALIZER]);
        create(&api, &object, &PostParams::default()).await.unwrap();
    }
    install(&cluster, definition).await;
    eventually(LIMIT, "the schema is in force", async || {
        match create(&api, &object::<K>("probe", &json!({})), &dry_run()).await {
            Ok(_) => Err("an empty spec is still accepted"),
            Err(_) => Ok(()),
        }
    })
    .await
    .unwrap();
    (cluster, api)
}

pub(super) fn dry_run() -> PostParams {
    PostParams {
        dry_run: true,
        ..PostParams::default()
    }
}

pub(super) async fn write_status(
    tasks: &Api<DynamicObject>,
    name: &str,
    status: &Value,
) -> Result<DynamicObject, String> {
    let patch = Patch::Merge(json!({ "status": status }));
    message(tasks.patch_status(name, &PatchParams::default(), &patch).await)
}

/// A label, the deletion, and the end of the finalizer.
pub(super) async fn let_go(tasks: &Api<DynamicObject>, name: &str, failures: &mut Failures) {
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    failures.accepted(&format!("{name}: label"), edit(tasks, name, &label).await);
    tasks.delete(name, &DeleteParams::default()).await.unwrap();
    let released = edit(tasks, name, &json!({"metadata": {"finalizers": null}})).await;
    failures.accepted(&format!("{name}: finalizer"), released);
    let left = tasks.get_opt(name).await.unwrap();
    failures.accepted(
        &format!("{name}: gone"),
        left.map_or(Ok(()), |_| Err("it is still there".to_owned())),
    );
}

#[tokio::test]
async fn no_rule_locks_in_what_was_stored_before_it() {
    let (_cluster, tasks) = stored_before(refused_today().iter().map(|(name, spec)| (name.as_str(), spec))).await;
    let mut failures = Failures::default();
    for (name, spec) in refused_today() {
        if name != "unknown-field" {
            failures.refused(
                &format!("{name}: anew"),
                create(&tasks, &task(&name, &spec), &dry_run()).await,
                "is invalid",
            );
        }
        // Twice: the second write finds a status whose task has been started.
        for progress in ["0/1", "1/1"] {
            let status = if name.starts_with("unreadable") {
                json!({"phase": "Unknown", "progress": progress})
            } else {
                json!({"phase": "Running", "taskId": "t", "progress": progress})
            };
            let written = write_status(&tasks, &name, &status).await;
            failures.accepted(&format!("{name}: status {progress}"), written);
        }
        let_go(&tasks, &name, &mut failures).await;
    }
}

/// Whether the API server's CEL reads what is stored as it is. That of 1.37 reads it by the schema, and a rule ends with
/// an error on what isn't of its type: no rule that looks at the spec can let such an object pass.
pub(crate) async fn reads_what_is_stored(cluster: &Cluster) -> bool {
    let version = cluster.client().await.unwrap().apiserver_version().await.unwrap();
    version.minor.trim_end_matches('+').parse::<u32>().unwrap() < 37
}

/// Where a rule can't let a broken object pass, a definition without rules can: this is the way out that the docs name.
async fn is_let_go_by_a_definition_without_rules(cluster: &Cluster, tasks: &Api<DynamicObject>, name: &str) {
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    let refused = edit(tasks, name, &label).await.unwrap_err();
    assert!(refused.contains("invalid data, expected"), "{refused}");
    install(cluster, &permissive(CRD)).await;
    eventually(LIMIT, "the rules are gone", async || edit(tasks, name, &label).await)
        .await
        .unwrap();
    let mut failures = Failures::default();
    let_go(tasks, name, &mut failures).await;
}

/// A spec whose parts are not what they should be can't be read by any operator, and is let go all the same.
#[tokio::test]
async fn no_broken_spec_is_locked_in() {
    let objects = broken_objects();
    let (cluster, tasks) = stored_before(objects.iter().map(|(name, spec, _)| (name.as_str(), spec))).await;
    if !reads_what_is_stored(&cluster).await {
        return is_let_go_by_a_definition_without_rules(&cluster, &tasks, "text-spec-new").await;
    }
    let mut failures = Failures::default();
    for (name, spec, status) in &objects {
        failures.refused(
            &format!("{name}: anew"),
            create(&tasks, &task(name, spec), &dry_run()).await,
            "is invalid",
        );
        for progress in ["0/1", "1/1"] {
            if let Some(status) = status {
                let mut status = status.clone();
                status["progress"] = json!(progress);
                let written = write_status(&tasks, name, &status).await;
                failures.accepted(&format!("{name}: status {progress}"), written);
            }
        }
        let_go(&tasks, name, &mut failures).await;
    }
}

/// What is broken can be made whole by one edit, and then the rules hold for it as for any other.
#[tokio::test]
async fn each_broken_spec_can_be_corrected() {
    let objects = broken_objects();
    let (cluster, tasks) = stored_before(objects.iter().map(|(name, spec, _)| (name.as_str(), spec))).await;
    if !reads_what_is_stored(&cluster).await {
        return;
    }
    let mut failures = Failures::default();
    for (name, spec, status) in &objects {
        // After a start, only what no rule can compare may be put right: the outermost member that is broken.
        let is_deep = [
            "numbers-findings",
            "text-codes",
            "number-codes",
            "text-actions",
            "object-actions",
            "number-actions",
        ]
        .iter()
        .chain(&[
            "number-audit",
            "object-audit",
            "text-findings",
            "text-filter",
            "list-filter",
            "text-bounds",
            "text-percent",
            "number-plan",
        ])
        .any(|shape| name.starts_with(shape));
        if let Some(status) = status {
            write_status(&tasks, name, status).await.unwrap();
        }
        let stored = tasks.get(name).await.unwrap();
        let mut empty = stored.clone();
        empty.data["spec"] = spec_with(&json!({"target": {"auditTaskId": null}}));
        let emptied = message(tasks.replace(name, &dry_run(), &empty).await);
        failures.refused(&format!("{name}: with an empty target"), emptied, "is invalid");
        let mut whole = stored.clone();
        whole.data["spec"] = spec_with(&json!({"taskId": spec.get("taskId").map(|_| "mine")}));
        let corrected = message(tasks.replace(name, &PostParams::default(), &whole).await);
        if is_deep && name.contains("-started") {
            failures.refused(name, corrected, "is immutable once the task has been started");
            continue;
        }
        failures.accepted(&format!("{name}: corrected"), corrected);
        if let Some(status) = status {
            failures.accepted(&format!("{name}: status"), write_status(&tasks, name, status).await);
        }
        assert_eq!(tasks.get(name).await.unwrap().name_any(), *name);
    }
}

/// A status that isn't one is written anew.
#[tokio::test]
async fn a_broken_status_locks_nothing_in() {
    let shapes = [("text", json!("Running")), ("list", json!([1])), ("number", json!(5))];
    let deep = [
        ("number-phase", json!({"phase": 5, "taskId": "t"})),
        ("list-task-id", json!({"phase": "Running", "taskId": ["t"]})),
        ("text-attempt", json!({"attempt": "open"})),
    ];
    let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
    install(&cluster, &permissive(CRD)).await;
    let tasks = served(&cluster, "default").await;
    let statuses: Vec<_> = shapes.into_iter().chain(deep).collect();
    for (name, status) in &statuses {
        let mut object = task(name, &spec_with(&json!({})));
        object["metadata"]["finalizers"] = json!([FINALIZER]);
        create(&tasks, &object, &PostParams::default()).await.unwrap();
        write_status(&tasks, name, status).await.unwrap();
    }
    install(&cluster, CRD).await;
    eventually(LIMIT, "the schema is in force", async || {
        match create(&tasks, &task("probe", &json!({})), &dry_run()).await {
            Ok(_) => Err("an empty spec is still accepted"),
            Err(_) => Ok(()),
        }
    })
    .await
    .unwrap();
    let mut failures = Failures::default();
    for (name, _) in &statuses {
        let label = json!({"metadata": {"labels": {"c": "d"}}});
        failures.accepted(&format!("{name}: label"), edit(&tasks, name, &label).await);
        let status = json!([{"op": "replace", "path": "/status", "value": {"phase": "Pending"}}]);
        let patch: Patch<Value> = Patch::Json(serde_json::from_value(status).unwrap());
        let written = tasks.patch_status(name, &PatchParams::default(), &patch).await;
        failures.accepted(&format!("{name}: status"), message(written));
        let_go(&tasks, name, &mut failures).await;
    }
}

#[tokio::test]
async fn what_was_stored_before_a_rule_can_be_repaired() {
    let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
    install(&cluster, &permissive(CRD)).await;
    let tasks = served(&cluster, "default").await;
    let spec = spec_with(&json!({"target": {"findingIds": ["f"]}, "taskId": "has space"}));
    create(&tasks, &task("broken", &spec), &PostParams::default())
        .await
        .unwrap();
    install(&cluster, CRD).await;
    // Not by an edit of it: one that is accepted before the rules are in force changes nothing when it is tried again.
    eventually(LIMIT, "the rules are in force", async || {
        match create(&tasks, &task("probe", &json!({})), &dry_run()).await {
            Ok(_) => Err("an empty spec is still accepted"),
            Err(_) => Ok(()),
        }
    })
    .await
    .unwrap();
    edit(
        &tasks,
        "broken",
        &json!({"spec": {"taskId": "good", "target": {"findingIds": null}}}),
    )
    .await
    .unwrap();
    let refused = edit(&tasks, "broken", &json!({"spec": {"taskId": "has space"}}))
        .await
        .unwrap_err();
    assert!(refused.contains("spec.taskId in body should match"), "{refused}");
}

pub(super) async fn edit(tasks: &Api<DynamicObject>, name: &str, patch: &Value) -> Result<DynamicObject, String> {
    message(tasks.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await)
}
