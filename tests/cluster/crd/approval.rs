//! The approval of a task: what it may hold, when it may be edited, and who owns what of it.

use serde_json::{Value, json};

use super::{Failures, Server, spec_with, task};

const PLAN: &str = "yar7ayjn7lrgixxi";

fn with(approval: Value) -> Value {
    let mut spec = spec_with(&json!({}));
    spec["approval"] = approval;
    spec
}

fn of_findings(approval: Value) -> Value {
    let mut spec = with(approval);
    spec["target"] = json!({"findingIds": ["f-1"]});
    spec
}

/// What a filter alone means, nobody knows.
fn of_a_filter(approval: Value) -> Value {
    let mut spec = with(approval);
    spec["target"] = json!({"auditCheckToReasonCodeFilter": {"CHECK": ["CODE"]}});
    spec
}

#[tokio::test]
async fn accepted() {
    let server = Server::shared("approval").await;
    let mut failures = Failures::default();
    let mut filtered = with(json!({"requiredAbove": {"percent": 2}}));
    filtered["target"]["auditCheckToReasonCodeFilter"] = json!({"CHECK": ["CODE"]});
    for spec in [
        with(json!({})),
        with(json!({"requiredAbove": {"findings": 0}})),
        with(json!({"requiredAbove": {"findings": i64::MAX, "percent": 100}})),
        with(json!({"requiredAbove": {"percent": 0}})),
        with(json!({"plan": PLAN})),
        with(json!({"plan": "234567abcdefghij"})),
        with(json!({"requiredAbove": {"findings": 50}, "plan": PLAN})),
        of_findings(json!({})),
        of_findings(json!({"requiredAbove": {"findings": 1}, "plan": PLAN})),
        filtered,
    ] {
        failures.accepted(&spec.to_string(), server.try_create(&task("values", &spec)).await);
    }
}

#[tokio::test]
async fn refused() {
    let server = Server::shared("approval").await;
    let mut failures = Failures::default();
    let needs_findings = "spec: Invalid value: spec.approval: approval needs findings that can be counted: set \
                          target.auditTaskId or target.findingIds, or remove approval";
    let pattern = "spec.approval.plan in body should match '^[a-z2-7]{16}$'";
    for (spec, expected) in [
        (of_a_filter(json!({})), needs_findings),
        (of_a_filter(json!({"plan": PLAN})), needs_findings),
        (
            of_findings(json!({"requiredAbove": {"percent": 2}})),
            "spec: Invalid value: spec.approval.requiredAbove.percent: percent is a share of the resources that an audit looked \
             at: set target.auditTaskId, or bound the findings instead",
        ),
        (
            with(json!({"requiredAbove": {}})),
            "spec.approval.requiredAbove in body should have at least 1 properties",
        ),
        (
            with(json!({"requiredAbove": {"findings": -1}})),
            "spec.approval.requiredAbove.findings in body should be greater than or equal to 0",
        ),
        (
            with(json!({"requiredAbove": {"findings": "50"}})),
            "spec.approval.requiredAbove.findings in body must be of type integer: \"string\"",
        ),
        (
            with(json!({"requiredAbove": {"percent": -1}})),
            "spec.approval.requiredAbove.percent in body should be greater than or equal to 0",
        ),
        (
            with(json!({"requiredAbove": {"percent": 101}})),
            "spec.approval.requiredAbove.percent in body should be less than or equal to 100",
        ),
        (with(json!({"plan": ""})), pattern),
        (with(json!({"plan": "yar7ayjn7lrgixx"})), pattern),
        (with(json!({"plan": "YAR7AYJN7LRGIXXI"})), pattern),
        (with(json!({"plan": "yar7ayjn7lrgixx1"})), pattern),
        (
            with(json!({"plan": "yar7ayjn7lrgixxii"})),
            "spec.approval.plan: Too long: may not be more than 16",
        ),
        (
            with(json!(true)),
            "spec.approval in body must be of type object: \"boolean\"",
        ),
    ] {
        failures.refused(
            &spec.to_string(),
            server.try_create(&task("values", &spec)).await,
            expected,
        );
    }
}

/// Edits of the approval: what it was, and the edit.
fn edits() -> [(Value, Value); 8] {
    let bounded = json!({"requiredAbove": {"findings": 50}});
    [
        (Value::Null, json!({})),
        (Value::Null, bounded.clone()),
        (json!({}), json!({"plan": PLAN})),
        (json!({}), Value::Null),
        (bounded.clone(), json!({"plan": PLAN})),
        (bounded.clone(), json!({"requiredAbove": {"findings": 51}})),
        (bounded.clone(), json!({"requiredAbove": null})),
        (json!({"plan": PLAN}), json!({"plan": null})),
    ]
}

#[tokio::test]
async fn it_can_be_edited_until_the_start_and_not_after_it() {
    let server = Server::shared("approval").await;
    let mut failures = Failures::default();
    let attempt = json!({"taskId": "a", "requestHash": "b", "region": "eu-central-1", "time": "2026-01-02T03:04:05Z"});
    for (state, status, may_be_edited) in [
        ("waits", json!({"phase": "AwaitingApproval"}), true),
        ("queued", json!({"phase": "Queued"}), true),
        ("rejected", json!({"phase": "Rejected"}), true),
        ("running", json!({"phase": "Running", "taskId": "ours"}), false),
        ("attempt", json!({"phase": "Pending", "attempt": attempt}), false),
    ] {
        for (number, (before, edit)) in edits().into_iter().enumerate() {
            let name = format!("{state}-{number}");
            let spec = if before.is_null() {
                spec_with(&json!({}))
            } else {
                with(before)
            };
            server.create(&name, &spec).await;
            server.write_status(&name, &status).await.unwrap();
            let answer = server.try_edit(&name, &json!({"spec": {"approval": edit}})).await;
            let case = format!("{state}: {edit}");
            if may_be_edited {
                failures.accepted(&case, answer);
            } else {
                let expected =
                    "spec: Invalid value: spec.approval: approval is immutable once the task has been started";
                failures.refused(&case, answer, expected);
            }
        }
    }
}

/// A target can't be edited away from under an approval that needs it.
#[tokio::test]
async fn an_edit_of_the_target_is_held_against_the_approval() {
    let server = Server::shared("approval").await;
    server
        .create("target", &with(json!({"requiredAbove": {"percent": 2}})))
        .await;
    let findings = json!({"auditTaskId": null, "findingIds": ["f-1"]});
    let refused = server.try_edit("target", &json!({"spec": {"target": findings}})).await;
    assert!(refused.unwrap_err().contains("percent is a share of the resources"));
    let bounded =
        json!({"spec": {"target": findings, "approval": {"requiredAbove": {"percent": null, "findings": 2}}}});
    server.try_edit("target", &bounded).await.unwrap();
}

/// Git owns the bounds, whoever approves owns the plan: applying the one leaves the other.
#[tokio::test]
async fn bounds_and_plan_can_have_owners_of_their_own() {
    let server = Server::shared("approval").await;
    let apply = async |manager: &str, spec: Value| {
        let manager = format!("--field-manager={manager}");
        let args = [
            "--namespace",
            &server.namespace,
            "apply",
            "--server-side",
            &manager,
            "-f",
            "-",
        ];
        let answer = server
            .cluster
            .kubectl_stdin(&args, &task("owned", &spec).to_string())
            .await
            .unwrap();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        server.tasks.get("owned").await.unwrap().data["spec"]["approval"].clone()
    };
    let bounds = |findings: i64| with(json!({"requiredAbove": {"findings": findings}}));
    apply("argocd-controller", bounds(50)).await;
    let approval = json!({"spec": {"approval": {"plan": PLAN}}}).to_string();
    server
        .kubectl(&["patch", "amt", "owned", "--type=merge", "-p", &approval])
        .await;
    let after = apply("argocd-controller", bounds(40)).await;
    assert_eq!(after, json!({"requiredAbove": {"findings": 40}, "plan": PLAN}));
}

#[tokio::test]
async fn approval_and_plan_read_well() {
    let server = Server::shared("approval").await;
    for (field, expected) in [
        (
            "spec.approval",
            &[
                "FIELD: approval <Object>",
                "An empty object: every run has to be approved, which is the dry run.",
                "plan <string>",
                "requiredAbove <Object>",
                "It approves that very plan, and nothing that the plan becomes.",
            ][..],
        ),
        (
            "spec.approval.requiredAbove",
            &["findings <integer>", "percent <integer>", "the worst check counts"],
        ),
        (
            "status.plan",
            &[
                "FIELD: plan <Object>",
                "What the task would do, or did",
                "hash <string> -required-",
                "Whoever approves the plan writes it to spec.approval.plan.",
                "checks <map[string]Object>",
                "actions <[]Object>",
            ],
        ),
        (
            "status.plan.checks",
            &["examples <[]Object>", "reasonCodes <map[string]integer>"],
        ),
        (
            "status.plan.actions",
            &["roleArn <string>", "parameters <map[string]string>"],
        ),
    ] {
        let path = format!("auditmitigationtask.{field}");
        let text = server.kubectl(&["explain", &path]).await;
        // kubectl breaks the lines for a terminal.
        let text: Vec<&str> = text.split_whitespace().collect();
        let text = text.join(" ");
        for part in expected {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }
}
