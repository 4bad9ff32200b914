//! The main job: apply, start once, follow, finish.

use std::collections::BTreeMap;
use std::path::Path;

use audit_mitigation_operator::api::{Phase, StartedBy};
use kube::ResourceExt as _;
use serde_json::{Value, json};
use simulator::{Failure, Operation, Outcome};

use super::{World, condition, has_finalizer, spec, status};

/// Each example leads to a task with exactly the request that the manifest says, and to Complete.
#[tokio::test]
async fn each_example_does_what_it_says() {
    let world = World::new("examples").await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let manifest: Value = serde_saphyr::from_str(&text).unwrap();
        if manifest["kind"] != "AuditMitigationTask" {
            continue;
        }
        world.apply(&text).await;
        let name = manifest["metadata"]["name"].as_str().unwrap().to_owned();
        if manifest["spec"]["suspend"] == true {
            let suspended = world.phase(&name, Phase::Suspended).await;
            assert_eq!(suspended.task_id, None);
            assert_eq!(
                condition(&suspended, "Started"),
                ("False".to_owned(), "Suspended".to_owned())
            );
            world.edit(&name, &json!({ "spec": { "suspend": false } })).await;
        }
        if manifest["spec"]["approval"] == json!({}) {
            let plan = world.phase(&name, Phase::AwaitingApproval).await.plan.expect("a plan");
            world
                .edit(&name, &json!({ "spec": { "approval": { "plan": plan.hash } } }))
                .await;
        }
        world
            .kubectl(&[
                "wait",
                "--for=condition=Complete",
                "--timeout=120s",
                &format!("amt/{name}"),
            ])
            .await;
        let resource = world.get(&name).await;
        let status = status(&resource);
        let id = status.task_id.clone().expect("a taskId");
        let task = world.aws.task(&id).expect("the task is in AWS");
        let mut request = json!({
            "target": manifest["spec"]["target"],
            "auditCheckToActionsMapping": manifest["spec"]["auditCheckToActionsMapping"],
            "clientRequestToken": manifest["spec"].get("clientRequestToken").cloned().unwrap_or(json!(resource.uid().unwrap())),
        });
        assert_eq!(sorted(&mut request), sorted(&mut task.request.clone()), "{name}");
        assert_eq!(task.region, status.region.unwrap(), "{name}");
        assert_eq!(world.aws.starts(&id), 1, "{name}");
        names.push(name);
    }
    assert_eq!(names.len(), 7, "{names:?}");
    assert_eq!(world.calls(Operation::START).len(), 7);
}

/// Finding ids and reason codes are sets; everything else keeps its order.
fn sorted(request: &mut Value) -> &Value {
    let target = request["target"].as_object_mut().expect("a target");
    let filter = target
        .get_mut("auditCheckToReasonCodeFilter")
        .and_then(Value::as_object_mut);
    for codes in filter.into_iter().flat_map(|filter| filter.values_mut()) {
        codes.as_array_mut().expect("codes").sort_by_key(ToString::to_string);
    }
    if let Some(ids) = target.get_mut("findingIds").and_then(Value::as_array_mut) {
        ids.sort_by_key(ToString::to_string);
    }
    request
}

#[tokio::test]
async fn a_task_that_completes() {
    let world = World::new("completes").await;
    world.create("one", &spec("completes")).await;
    let done = world.phase("one", Phase::Completed).await;
    assert_eq!(done.task_id.as_deref(), Some("completes"));
    assert_eq!(done.started_by, Some(StartedBy::This));
    assert_eq!(done.progress.as_deref(), Some("1/1"));
    assert_eq!(done.failed_findings, Some(0));
    assert!(done.start_time.is_some() && done.completion_time.is_some());
    assert_eq!(
        done.task_statistics["LOGGING_DISABLED_CHECK"].succeeded_findings_count,
        Some(1)
    );
    let expected = BTreeMap::from([
        ("Started", "True"),
        ("Complete", "True"),
        ("Failed", "False"),
        ("Finished", "True"),
        ("Ready", "True"),
        ("Reconciling", "False"),
        ("Stalled", "False"),
    ]);
    let conditions: BTreeMap<_, _> = done
        .conditions
        .iter()
        .map(|condition| (condition.type_.as_str(), condition.status.as_str()))
        .collect();
    assert_eq!(conditions, expected);
    world.until_events("one", &["Started", "Completed"]).await;
    for condition in ["Started", "Complete", "Finished", "Ready"] {
        let wait = format!("--for=condition={condition}");
        world.kubectl(&["wait", &wait, "--timeout=60s", "amt/one"]).await;
    }
    world
        .until("one", "the finalizer is off", |task| !has_finalizer(task))
        .await;

    let columns = world.kubectl(&["get", "amt", "one"]).await;
    assert!(
        columns.contains("Completed") && columns.contains("completes") && columns.contains("1/1"),
        "{columns}"
    );
}

#[tokio::test]
async fn a_task_with_failures_says_which() {
    let world = World::new("fails").await;
    world.aws.set_outcome(
        "*",
        Outcome::failing([Failure {
            finding: "f-2".to_owned(),
            check: "*".to_owned(),
            action: "*".to_owned(),
            error_code: "INSUFFICIENT_PERMISSIONS".to_owned(),
            message: "the action's role may not do that".repeat(20),
        }]),
    );
    let spec = json!({
        "taskId": "fails",
        "target": { "findingIds": ["f-1", "f-2"] },
        "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
    });
    world.create("one", &spec).await;
    let failed = world.phase("one", Phase::Failed).await;
    assert_eq!(failed.failed_findings, Some(1));
    let failure = failed.failures.first().expect("a failure");
    assert_eq!(failure.finding_id, "f-2");
    assert_eq!(failure.check_name.as_deref(), Some("LOGGING_DISABLED_CHECK"));
    assert_eq!(failure.action_name.as_deref(), Some("EnableLogging"));
    assert_eq!(failure.error_code.as_deref(), Some("INSUFFICIENT_PERMISSIONS"));
    assert_eq!(
        failure.message.as_ref().map(|message| message.chars().count()),
        Some(256)
    );
    assert_eq!((failed.failures.len(), failed.failures_truncated), (1, None));
    assert_eq!(condition(&failed, "Stalled").0, "True");
    world
        .kubectl(&["wait", "--for=condition=Failed", "--timeout=60s", "amt/one"])
        .await;
    world.until_events("one", &["Started", "ActionsFailed"]).await;
}

/// An audit has findings of many checks: only those of the task's own are looked at.
#[tokio::test]
async fn a_whole_audit_with_failures_says_which() {
    let world = World::new("fails-audit").await;
    let failure = Failure {
        finding: "*".to_owned(),
        check: "*".to_owned(),
        action: "*".to_owned(),
        ..Failure::default()
    };
    world.aws.set_outcome("*", Outcome::failing([failure]));
    world.create("one", &spec("fails-audit")).await;
    let failed = world.phase("one", Phase::Failed).await;
    assert_eq!((failed.failures.len(), failed.failures_truncated), (1, None));
    assert_eq!(failed.failures[0].check_name.as_deref(), Some("LOGGING_DISABLED_CHECK"));
    assert_eq!(world.calls(Operation::EXECUTIONS).len(), 1);
    assert_eq!(
        super::message(&failed),
        "task fails-audit ended, and at least one action failed on 1 of its 1 findings: see status.failures"
    );
}

/// From apply to the end: one start, two metadata patches, two status writes.
#[tokio::test]
async fn a_finished_resource_is_free() {
    let mut world = World::new("free").await;
    world.create("one", &spec("free")).await;
    world.phase("one", Phase::Completed).await;
    let before = world
        .until("one", "the finalizer is off", |task| !has_finalizer(task))
        .await;
    world.operator.take();
    world.aws.clear_calls();

    world.start_operator();
    world.create("two", &spec("free-too")).await;
    world.phase("two", Phase::Completed).await;
    assert_eq!(
        world.get("one").await.metadata.resource_version,
        before.metadata.resource_version
    );
    let about_one: Vec<_> = world
        .aws
        .calls()
        .into_iter()
        .filter(|call| call.task_id.as_deref() == Some("free"))
        .collect();
    assert!(about_one.is_empty(), "{about_one:?}");

    world
        .edit("one", &json!({ "spec": { "ttlSecondsAfterFinished": 86400 } }))
        .await;
    let after = world.phase("one", Phase::Completed).await;
    assert_eq!(after.observed_generation, Some(2));
    assert!(
        after
            .conditions
            .iter()
            .all(|condition| condition.observed_generation == Some(2))
    );
}

#[tokio::test]
async fn a_misspelled_check_is_named_rightly() {
    let world = World::new("misspelled").await;
    let spec = json!({
        "taskId": "misspelled",
        "target": { "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" },
        "auditCheckToActionsMapping": { "REVOKED_CA_CERT_CHECK": ["UpdateCA"] },
    });
    world.create("one", &spec).await;
    world.phase("one", Phase::Completed).await;
    world
        .until_events("one", &["CheckNameMisspelled", "Started", "Completed"])
        .await;
    let events = world.kubectl(&["get", "events.events.k8s.io", "-o", "yaml"]).await;
    assert!(events.contains("REVOKED_CA_CERTIFICATE_STILL_ACTIVE_CHECK"), "{events}");
}
