//! What an approving update may not bring along, and what the guard has nothing to say about.

use audit_mitigation_operator::api::START_RECORD_ANNOTATION;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{Guard, Guarded, NAME, OTHER_PLAN, PLAN, VERSIONS, approving, said, task, tasks};

/// Who approves has looked at what the task says, so it says the same afterwards. That holds for everybody.
#[tokio::test]
async fn an_approval_brings_nothing_along() {
    const REFUSAL: &str =
        "an update that sets spec.approval.plan changes nothing else in spec: send the other changes first";
    let guard = Guard::new("along", &json!({})).await;
    let mut whole = task(
        "task",
        &json!({ "requiredAbove": { "findings": 5, "percent": 5 }, "plan": OTHER_PLAN }),
    );
    whole.data["spec"]["region"] = json!("eu-central-1");
    guard.given(&whole).await;
    let admin = Guarded::shared().await.admin().await;
    for along in [
        json!({ "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["Another"] } }),
        json!({ "auditCheckToActionsMapping": { "ANOTHER_CHECK": ["EnableLogging"] } }),
        json!({ "target": { "auditTaskId": "another" } }),
        json!({ "region": "us-east-1" }),
        json!({ "region": null }),
        json!({ "taskId": "another" }),
        json!({ "suspend": true }),
        json!({ "cancel": true }),
        json!({ "deletionPolicy": "Orphan" }),
        json!({ "activeDeadlineSeconds": 60 }),
        json!({ "approval": { "requiredAbove": { "findings": 6 } } }),
        json!({ "approval": { "requiredAbove": { "findings": 4 } } }),
        json!({ "approval": { "requiredAbove": { "percent": null } } }),
        json!({ "approval": { "requiredAbove": null } }),
    ] {
        let mut spec = along.clone();
        spec["approval"]["plan"] = json!(PLAN);
        let patch = json!({ "spec": spec });
        for client in [&guard.approver, &admin] {
            let said = guard.try_patch(client, "task", &patch).await.unwrap_err();
            assert!(said.contains(REFUSAL), "{along}: {said}");
        }
        let said = guard.try_patch(&guard.editor, "task", &patch).await.unwrap_err();
        assert!(said.contains(&guard.verb()), "{along}: {said}");
    }
    // What isn't of the spec comes along.
    let mut patch = approving(PLAN);
    patch["metadata"] = json!({ "labels": { "a": "b" } });
    guard.needs_the_verb("task", &patch).await;
}

#[tokio::test]
async fn an_approval_in_a_policy_brings_nothing_along_either() {
    let [_, guard] = Guard::new("policy", &json!({})).await.of_each_kind();
    let bounds = json!({ "requiredAbove": { "findings": 5 }, "plan": OTHER_PLAN });
    guard.given(&guard.object("policy", &bounds)).await;
    for along in [
        json!({ "scheduledAuditName": "another" }),
        json!({ "auditCheckToActionsMapping": { "ANOTHER_CHECK": ["EnableLogging"] } }),
        json!({ "auditCheckToReasonCodeFilter": { "LOGGING_DISABLED_CHECK": ["ANY"] } }),
        json!({ "region": "us-east-1" }),
        json!({ "suspend": true }),
        json!({ "startingDeadlineSeconds": 60 }),
        json!({ "approval": { "requiredAbove": { "findings": 4 } } }),
    ] {
        let mut spec = along.clone();
        spec["approval"]["plan"] = json!(PLAN);
        let patch = json!({ "spec": spec });
        let said = guard.try_patch(&guard.approver, "policy", &patch).await.unwrap_err();
        assert!(said.contains("changes nothing else in spec"), "{along}: {said}");
    }
    guard.needs_the_verb("policy", &approving(PLAN)).await;
}

/// Each way to write: a merge patch is tried everywhere else.
#[tokio::test]
async fn no_way_of_writing_is_a_way_around() {
    let guard = Guard::new("ways", &json!({})).await;
    guard.given(&task("task", &json!({}))).await;
    let api = guard.objects(&guard.editor);
    let mut approved = task("task", &json!({ "plan": PLAN }));
    let apply = api
        .patch("task", &PatchParams::apply("editor").force(), &Patch::Apply(&approved))
        .await;
    let new = api
        .patch(
            "new",
            &PatchParams::apply("editor"),
            &Patch::Apply(task("new", &json!({ "plan": PLAN }))),
        )
        .await;
    approved.metadata.resource_version = api.get("task").await.unwrap().metadata.resource_version;
    let put = api.replace("task", &PostParams::default(), &approved).await;
    let operation = json!([{ "op": "add", "path": "/spec/approval/plan", "value": PLAN }]);
    let operations = serde_json::from_value(operation).unwrap();
    let json = api
        .patch("task", &PatchParams::default(), &Patch::<()>::Json(operations))
        .await;
    let version = tasks(guard.editor.clone(), &guard.namespace, VERSIONS[1]);
    let other_version = version
        .patch("task", &PatchParams::default(), &Patch::Merge(approving(PLAN)))
        .await;
    for (way, answer) in [
        ("apply", apply),
        ("a new one by apply", new),
        ("PUT", put),
        ("JSON patch", json),
        ("another version of the API", other_version),
    ] {
        let text = said(answer.expect_err(way));
        assert!(text.contains(&guard.verb()), "{way}: {text}");
    }
    // Everything is done by one patch of the spec and nothing by one of the status, which people have no right to.
    let answer = api
        .patch_status("task", &PatchParams::default(), &Patch::Merge(approving(PLAN)))
        .await;
    assert!(said(answer.unwrap_err()).contains("cannot patch resource"));
}

/// A role may name single objects.
#[tokio::test]
async fn the_verb_may_be_given_for_one_task() {
    let guard = Guard::new("single", &json!({})).await;
    let cluster = Guarded::shared().await;
    for name in ["one", "another"] {
        guard.given(&task(name, &json!({}))).await;
    }
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
        "metadata": { "name": "one", "namespace": guard.namespace },
        "rules": [{
            "apiGroups": ["devicedefender.dev"], "resources": ["auditmitigationtasks"], "verbs": ["approve"],
            "resourceNames": ["one"],
        }],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": "one", "namespace": guard.namespace },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "one" },
        "subjects": [{
            "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": format!("{}-editor", guard.namespace),
        }],
    });
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": [role, binding] });
    cluster.cluster.apply(&list.to_string()).await.unwrap();
    support::eventually(super::LIMIT, "the role is known", async || {
        guard.try_patch(&guard.editor, "one", &approving(PLAN)).await
    })
    .await
    .unwrap();
    guard.needs_the_verb("another", &approving(PLAN)).await;
}

/// What makes nothing go further passes, and an object that is there is never shut in.
#[tokio::test]
async fn everything_else_is_free() {
    let guard = Guard::new("free", &json!({ "required": true, "maxFindings": 0 })).await;
    // Beyond what would be taken now.
    let mut before = task("before", &Value::Null);
    before.metadata.finalizers = Some(vec!["example.com/finalizer".to_owned()]);
    before.data["spec"]["suspend"] = json!(true);
    guard.given(&before).await;
    guard
        .given(&task(
            "bounded",
            &json!({ "requiredAbove": { "findings": 9 }, "plan": PLAN }),
        ))
        .await;
    for name in ["before", "bounded"] {
        for patch in [
            json!({ "metadata": { "labels": { "a": "b" } } }),
            json!({ "metadata": { "finalizers": null } }),
            json!({ "spec": { "suspend": true } }),
            json!({ "spec": { "cancel": true } }),
            json!({ "spec": { "deletionPolicy": "Orphan", "activeDeadlineSeconds": 60 } }),
            json!({ "spec": { "approval": { "plan": null } } }),
        ] {
            guard.is_free(name, &patch).await;
        }
    }
    let api = guard.objects(&guard.editor);
    api.delete("before", &DeleteParams::default()).await.unwrap();
    let patch = json!({ "metadata": { "finalizers": null } });
    api.patch("before", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
    assert!(api.get_opt("before").await.unwrap().is_none());
}

/// A start is sent again by the record of it: who could write it could have one sent that nobody has approved.
#[tokio::test]
async fn the_record_of_a_start_is_guarded_too() {
    let guard = Guard::new("record", &json!({})).await;
    guard.given(&task("task", &json!({}))).await;
    let patch = json!({ "metadata": { "annotations": { START_RECORD_ANNOTATION: "{}" } } });
    for client in [&guard.editor, &guard.approver] {
        let said = guard.try_patch(client, "task", &patch).await.unwrap_err();
        assert!(said.contains("are written by the operator alone"), "{said}");
    }
}

/// The operator writes the record and the finalizer, and creates what a policy asks for.
#[tokio::test]
async fn the_operator_needs_no_verb() {
    let guard = Guard::new("operator", &json!({ "required": true, "maxFindings": 0 })).await;
    let operator: Api<DynamicObject> = guard.objects(&guard.account(&guard.namespace, NAME).await);
    let further = json!({ "requiredAbove": { "percent": 100 } });
    operator
        .create(&PostParams::default(), &task("task", &further))
        .await
        .unwrap();
    let record = json!({ "metadata": {
        "annotations": { START_RECORD_ANNOTATION: "{}" }, "finalizers": ["devicedefender.dev/task"],
    } });
    operator
        .patch("task", &PatchParams::default(), &Patch::Merge(record))
        .await
        .unwrap();
}

/// The API server gives each request a budget for CEL, and would refuse what goes beyond it.
#[tokio::test]
async fn the_largest_task_is_within_the_budget() {
    let guard = Guard::new(
        "budget",
        &json!({ "required": true, "maxFindings": 5, "maxPercent": 5 }),
    )
    .await;
    let many =
        |prefix: &str, count: usize| -> Vec<String> { (0..count).map(|n| format!("{prefix}_{n:0>100}")).collect() };
    let each = |list: &[String]| -> Value {
        many("CHECK", 32)
            .into_iter()
            .map(|check| (check, json!(list)))
            .collect()
    };
    let mut whole = task("task", &json!({ "requiredAbove": { "findings": 9, "percent": 9 } }));
    whole.data["spec"]["auditCheckToActionsMapping"] = each(&many("Action", 5));
    whole.data["spec"]["target"]["auditCheckToReasonCodeFilter"] = each(&many("CODE", 25));
    whole.data["spec"]["suspend"] = json!(true);
    guard.given(&whole).await;
    guard.needs_the_verb("task", &approving(PLAN)).await;
    guard
        .needs_the_verb("task", &json!({ "spec": { "suspend": false } }))
        .await;
}
