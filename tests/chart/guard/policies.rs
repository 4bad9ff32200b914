//! Policies under the guard for tenants: what they ask for is judged when they are written, and once more with each task
//! that the operator makes for them.

use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use support::eventually;

use super::{Guarded, VERSIONS, policies, policy, said, task, tasks};
use crate::installed::{LIMIT, NAME};

/// A rule for a namespace: one check with one action, in the operator's region, on whole audits or not.
fn rule(namespace: &str, whole_audits: bool) -> Value {
    json!({
        "namespaces": [namespace], "checks": ["LOGGING_DISABLED_CHECK"], "actions": ["EnableLogging"],
        "regions": ["default"], "wholeAudits": whole_audits,
    })
}

/// What the API server says of a policy that the tenant would create.
async fn create(namespace: &str, spec: &Value) -> Result<(), String> {
    let api = policies(Guarded::shared().await.tenant().await, namespace);
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    api.create(&dry_run, &policy("probe", spec)).await.map_err(said)?;
    Ok(())
}

#[tokio::test]
async fn a_policy_needs_one_rule_that_allows_all_of_it() {
    let cluster = Guarded::shared().await;
    let whole = cluster.namespace("whole", &json!({})).await;
    let single = cluster.namespace("single", &json!({})).await;
    let none = cluster.namespace("none", &json!({})).await;
    let rules = json!([rule(&whole, true), rule(&single, false)]);
    cluster.guard("policies", &[&whole, &single, &none], &rules).await;
    eventually(LIMIT, "the guard is in force", async || {
        match create(&none, &json!({})).await {
            Err(said) if said.contains("may start no tasks: ask who runs the operator for a rule") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
    for (namespace, spec, refusal) in [
        (&whole, json!({}), None),
        (
            &whole,
            json!({ "auditCheckToReasonCodeFilter": { "LOGGING_DISABLED_CHECK": ["ANY"] }, "suspend": true }),
            None,
        ),
        (
            &single,
            json!({}),
            Some(
                "may not act on whole audits (region default), as a policy does: write tasks that name single findings",
            ),
        ),
        (
            &whole,
            json!({ "region": "eu-west-1" }),
            Some("may use the regions default (default: none named), not eu-west-1"),
        ),
        (
            &whole,
            json!({ "auditCheckToActionsMapping": { "ANOTHER_CHECK": ["EnableLogging"] } }),
            Some("may use the checks LOGGING_DISABLED_CHECK; this policy has ANOTHER_CHECK"),
        ),
        (
            &whole,
            json!({ "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["Another"] } }),
            Some("may use the actions EnableLogging for these checks; this policy has Another"),
        ),
    ] {
        let answer = create(namespace, &spec).await;
        match (&answer, refusal) {
            (Ok(()), None) => {}
            (Err(said), Some(words)) if said.contains(words) => {}
            other => panic!("{namespace}, {spec}: {other:?}"),
        }
    }
}

/// A policy that was there before its rule went away is edited, paused and deleted, and neither changed nor let go.
#[tokio::test]
async fn what_a_policy_asks_for_is_judged_and_nothing_else() {
    const REFUSAL: &str = "may start no tasks";
    let cluster = Guarded::shared().await;
    let namespace = cluster.namespace("policy", &json!({})).await;
    let api = policies(cluster.tenant().await, &namespace);
    let paused = json!({ "suspend": true });
    for (name, spec) in [("paused", &paused), ("at-work", &json!({}))] {
        api.create(&PostParams::default(), &policy(name, spec)).await.unwrap();
    }
    cluster
        .guard(&namespace, &[&namespace], &json!([rule("nobody", true)]))
        .await;
    let edit = async |name: &str, patch: &Value| {
        let answer = api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        answer.map(|_| ()).map_err(said)
    };
    eventually(LIMIT, "the guard is in force", async || {
        match create(&namespace, &json!({})).await {
            Err(said) if said.contains(REFUSAL) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
    for spec in [
        json!({ "scheduledAuditName": "another" }),
        json!({ "region": "eu-west-1" }),
        json!({ "auditCheckToActionsMapping": { "ANOTHER_CHECK": ["EnableLogging"] } }),
        json!({ "auditCheckToReasonCodeFilter": { "LOGGING_DISABLED_CHECK": ["ANY"] } }),
        json!({ "suspend": false }),
        json!({ "suspend": null }),
    ] {
        let said = edit("paused", &json!({ "spec": spec }))
            .await
            .expect_err(&spec.to_string());
        assert!(said.contains(REFUSAL), "{spec}: {said}");
    }
    for patch in [
        json!({ "metadata": { "labels": { "a": "b" } } }),
        json!({ "spec": { "approval": { "requiredAbove": { "findings": 5 } } } }),
        json!({ "spec": { "startingDeadlineSeconds": 60, "successfulTasksHistoryLimit": 0 } }),
        json!({ "spec": { "deletionPolicy": "Orphan", "activeDeadlineSeconds": 60 } }),
        json!({ "spec": { "suspend": true } }),
    ] {
        edit("at-work", &patch).await.unwrap();
    }
    api.delete("at-work", &DeleteParams::default()).await.unwrap();
}

/// A rule that is taken away stops the next task of a policy; what the operator has begun it brings to its end.
#[tokio::test]
async fn a_task_that_the_operator_creates_is_judged_like_anybodys() {
    let cluster = Guarded::shared().await;
    let namespace = cluster.namespace("made", &json!({})).await;
    let operator = operator(&namespace).await;
    cluster
        .guard(&namespace, &[&namespace], &json!([rule(&namespace, true)]))
        .await;
    let of_audit = |name: &str, further: &Value| {
        let mut spec = json!({ "target": { "auditTaskId": "a-1" }, "taskId": format!("{namespace}_{name}") });
        spec.as_object_mut()
            .unwrap()
            .extend(further.as_object().unwrap().clone());
        task(name, &spec)
    };
    let another_check = json!({ "auditCheckToActionsMapping": { "ANOTHER_CHECK": ["EnableLogging"] } });
    refused(&operator, &of_audit("first", &another_check), "may use the checks").await;
    operator
        .create(&PostParams::default(), &of_audit("first", &json!({})))
        .await
        .unwrap();

    cluster
        .guard(&namespace, &[&namespace], &json!([rule("nobody", true)]))
        .await;
    refused(&operator, &of_audit("second", &json!({})), "may start no tasks").await;
    let finalizer = json!({ "metadata": { "finalizers": ["devicedefender.dev/task"] } });
    operator
        .patch("first", &PatchParams::default(), &Patch::Merge(finalizer))
        .await
        .unwrap();
}

/// The account of the release in this namespace, with more rights than it has: they are the matter of other tests.
async fn operator(namespace: &str) -> Api<DynamicObject> {
    let cluster = Guarded::shared().await;
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": NAME, "namespace": namespace },
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": "operator", "namespace": namespace },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "everything" },
        "subjects": [{ "kind": "ServiceAccount", "name": NAME, "namespace": namespace }],
    });
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": [account, binding] });
    cluster.cluster.apply(&list.to_string()).await.unwrap();
    let kubeconfig = cluster.cluster.kubeconfig_for_service_account(namespace, NAME).await;
    let client = cluster.cluster.client_from(&kubeconfig.unwrap()).await.unwrap();
    tasks(client, namespace, VERSIONS[0])
}

/// Waits until the creation of a task is refused with these words.
async fn refused(api: &Api<DynamicObject>, task: &DynamicObject, words: &str) {
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    eventually(LIMIT, "the guard is in force", async || {
        match api.create(&dry_run, task).await.map_err(said) {
            Err(said) if said.contains(words) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
}
