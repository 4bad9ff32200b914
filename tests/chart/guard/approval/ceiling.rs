//! `required`: what may go without the verb is bounded for everybody.

use serde_json::{Value, json};

use super::{Guard, dry_run, said, task};

/// A new object with this approval, and whether it needs the verb.
async fn expect(guard: &Guard, approval: &Value, needs_the_verb: Option<&str>) {
    let object = guard.object("new", approval);
    let by_editor = guard.objects(&guard.editor).create(&dry_run(), &object).await;
    let by_editor = by_editor.map(|_| ()).map_err(said);
    match (&by_editor, needs_the_verb) {
        (Ok(()), None) => {}
        (Err(said), Some(words)) if said.contains(words) && said.contains(&guard.verb()) => {}
        other => panic!("{approval}: {other:?}"),
    }
    let by_approver = guard.objects(&guard.approver).create(&dry_run(), &object).await;
    assert!(by_approver.is_ok(), "{approval}: {by_approver:?}");
}

#[tokio::test]
async fn what_is_new_stays_within_the_ceiling() {
    let values = json!({ "required": true, "maxFindings": 50, "maxPercent": 2 });
    let bounds = |findings: u64, percent: u64| json!({ "requiredAbove": { "findings": findings, "percent": percent } });
    let beyond = Some("for bounds beyond findings 50 and percent 2 you need");
    let [of_tasks, of_policies] = Guard::new("ceiling", &values).await.of_each_kind();
    expect(&of_tasks, &Value::Null, Some("without spec.approval you need")).await;
    for guard in [of_tasks, of_policies] {
        expect(&guard, &json!({}), None).await;
        expect(&guard, &bounds(50, 2), None).await;
        expect(&guard, &bounds(0, 0), None).await;
        expect(&guard, &bounds(51, 2), beyond).await;
        expect(&guard, &bounds(50, 3), beyond).await;
        // A bound that isn't there bounds nothing.
        expect(&guard, &json!({ "requiredAbove": { "findings": 1 } }), beyond).await;
        expect(&guard, &json!({ "requiredAbove": { "percent": 1 } }), beyond).await;
    }
}

#[tokio::test]
async fn each_ceiling_stands_for_itself_and_none_asks_for_an_approval_alone() {
    let findings = Guard::new("findings", &json!({ "required": true, "maxFindings": 0 })).await;
    expect(&findings, &json!({ "requiredAbove": { "findings": 0 } }), None).await;
    let beyond = Some("for bounds beyond findings 0 you need");
    expect(
        &findings,
        &json!({ "requiredAbove": { "findings": 1, "percent": 0 } }),
        beyond,
    )
    .await;

    let percent = Guard::new("percent", &json!({ "required": true, "maxPercent": 100 })).await;
    expect(&percent, &json!({ "requiredAbove": { "percent": 100 } }), None).await;
    let beyond = Some("for bounds beyond percent 100 you need");
    expect(&percent, &json!({ "requiredAbove": { "findings": 1 } }), beyond).await;

    let none = Guard::new("none", &json!({ "required": true })).await;
    expect(&none, &json!({ "requiredAbove": { "percent": 100 } }), None).await;
    expect(&none, &Value::Null, Some("without spec.approval you need")).await;
}

/// Another request, or the end of a pause, is as good as a new task.
#[tokio::test]
async fn a_task_from_before_starts_nothing_more_without_the_verb() {
    let guard = Guard::new("before", &json!({ "required": true, "maxFindings": 5 })).await;
    for (name, approval) in [
        ("without", Value::Null),
        ("beyond", json!({ "requiredAbove": { "findings": 9 } })),
    ] {
        let mut before = task(name, &approval);
        before.data["spec"]["suspend"] = json!(true);
        guard.given(&before).await;
        for spec in [
            json!({ "suspend": false }),
            json!({ "target": { "auditTaskId": "another" } }),
            json!({ "auditCheckToActionsMapping": { "ANOTHER_CHECK": ["EnableLogging"] } }),
            json!({ "region": "us-east-1" }),
            json!({ "taskId": "another" }),
            json!({ "clientRequestToken": "another" }),
        ] {
            guard.needs_the_verb(name, &json!({ "spec": spec })).await;
        }
        // Within the ceiling it is let go.
        let within = json!({ "spec": { "suspend": false, "approval": { "requiredAbove": { "findings": 5 } } } });
        guard.is_free(name, &within).await;
    }
}

/// A policy from before the ceiling goes on as it is, which the page says; to change what it does needs the verb.
#[tokio::test]
async fn a_policy_from_before_is_not_edited_without_the_verb() {
    let values = json!({ "required": true, "maxFindings": 5 });
    let [_, guard] = Guard::new("policy", &values).await.of_each_kind();
    let mut before = guard.object("before", &json!({ "requiredAbove": { "findings": 9 } }));
    before.data["spec"]["suspend"] = json!(true);
    guard.given(&before).await;
    for spec in [
        json!({ "suspend": false }),
        json!({ "scheduledAuditName": "another" }),
        json!({ "auditCheckToActionsMapping": { "ANOTHER_CHECK": ["EnableLogging"] } }),
        json!({ "auditCheckToReasonCodeFilter": { "LOGGING_DISABLED_CHECK": ["ANY"] } }),
        json!({ "region": "us-east-1" }),
    ] {
        guard.needs_the_verb("before", &json!({ "spec": spec })).await;
    }
    for patch in [
        json!({ "metadata": { "labels": { "a": "b" } } }),
        json!({ "spec": { "startingDeadlineSeconds": 60, "successfulTasksHistoryLimit": 1, "failedTasksHistoryLimit": 1 } }),
        json!({ "spec": { "deletionPolicy": "Orphan", "activeDeadlineSeconds": 60 } }),
        json!({ "spec": { "suspend": false, "approval": { "requiredAbove": { "findings": 5 } } } }),
    ] {
        guard.is_free("before", &patch).await;
    }
}
