//! No rule locks in a policy that was stored before it: its status and its metadata can be written, its spec can be
//! corrected, and it can be deleted.

use audit_mitigation_operator::api::AuditMitigationPolicy;
use kube::api::PostParams;
use serde_json::{Value, json};

use super::policies::policy;
use super::stored::{dry_run, edit, kind_stored_before, let_go, reads_what_is_stored, write_status};
use super::{Failures, POLICIES, create, message, object};

const CHECK: &str = "LOGGING_DISABLED_CHECK";

/// The spec of a policy that everybody accepts, with these fields; without those that are null.
fn spec(fields: &Value) -> Value {
    policy("one", fields)["spec"].take()
}

/// Specs that today's definition refuses, and the names that they are stored under. All but the last are of the types
/// that the schema says.
fn refused_today() -> Vec<(String, Value)> {
    let mapping = |mapping: Value| spec(&json!({ "auditCheckToActionsMapping": mapping }));
    let filter = |filter: Value| spec(&json!({ "auditCheckToReasonCodeFilter": filter }));
    let mut null_approval = spec(&json!({}));
    null_approval["approval"] = Value::Null;
    let long = "n".repeat(60);
    [
        (long.as_str(), spec(&json!({}))),
        ("with.dots", spec(&json!({}))),
        ("no-spec", Value::Null),
        ("empty-spec", json!({})),
        ("no-approval", spec(&json!({ "approval": null }))),
        ("null-approval", null_approval),
        ("empty-bounds", spec(&json!({ "approval": { "requiredAbove": {} } }))),
        (
            "bad-percent",
            spec(&json!({ "approval": { "requiredAbove": { "percent": 101 } } })),
        ),
        ("bad-plan", spec(&json!({ "approval": { "plan": "none" } }))),
        ("no-schedule", spec(&json!({ "scheduledAuditName": null }))),
        ("bad-schedule", spec(&json!({ "scheduledAuditName": "every night" }))),
        ("bad-region", spec(&json!({ "region": "Frankfurt" }))),
        ("no-mapping", spec(&json!({ "auditCheckToActionsMapping": null }))),
        ("empty-check", mapping(json!({ "": ["a"] }))),
        ("null-actions", mapping(json!({ CHECK: null }))),
        ("six-actions", mapping(json!({ CHECK: ["1", "2", "3", "4", "5", "6"] }))),
        ("filter-of-another", filter(json!({ "OTHER_CHECK": ["X"] }))),
        ("null-codes", filter(json!({ CHECK: null }))),
        ("wide-code", filter(json!({ CHECK: ["é".repeat(256)] }))),
        ("bad-deadline", spec(&json!({ "startingDeadlineSeconds": 59 }))),
        ("text-deadline", spec(&json!({ "startingDeadlineSeconds": "soon" }))),
        ("text-suspend", spec(&json!({ "suspend": "yes" }))),
        ("bad-history", spec(&json!({ "failedTasksHistoryLimit": -1 }))),
        ("bad-deletion-policy", spec(&json!({ "deletionPolicy": "Keep" }))),
        ("bad-active-deadline", spec(&json!({ "activeDeadlineSeconds": 0 }))),
    ]
    .map(|(name, spec)| (name.to_owned(), spec))
    .into()
}

/// Specs whose parts are not of the types that the schema says.
fn broken() -> Vec<(String, Value)> {
    [
        ("text-spec", json!("spec")),
        ("list-spec", json!(["spec"])),
        ("text-approval", spec(&json!({ "approval": "every" }))),
        ("list-approval", spec(&json!({ "approval": ["every"] }))),
        (
            "text-percent",
            spec(&json!({ "approval": { "requiredAbove": { "percent": "2" } } })),
        ),
        (
            "text-mapping",
            spec(&json!({ "auditCheckToActionsMapping": "mapping" })),
        ),
        (
            "list-mapping",
            spec(&json!({ "auditCheckToActionsMapping": [{ "check": CHECK }] })),
        ),
        (
            "text-actions",
            spec(&json!({ "auditCheckToActionsMapping": { CHECK: "a" } })),
        ),
        ("list-filter", spec(&json!({ "auditCheckToReasonCodeFilter": ["X"] }))),
        (
            "number-codes",
            spec(&json!({ "auditCheckToReasonCodeFilter": { CHECK: [5] } })),
        ),
        ("number-schedule", spec(&json!({ "scheduledAuditName": 5 }))),
    ]
    .map(|(name, spec)| (name.to_owned(), spec))
    .into()
}

#[tokio::test]
async fn no_rule_locks_in_a_policy_that_was_stored_before_it() {
    let all: Vec<_> = refused_today().into_iter().chain(broken()).collect();
    let stored = all.iter().map(|(name, spec)| (name.as_str(), spec));
    let (cluster, policies) = kind_stored_before::<AuditMitigationPolicy>(POLICIES, stored).await;
    // What isn't of its type is refused by the CEL of the newest, whatever a rule says: see the same test of tasks.
    let objects = if reads_what_is_stored(&cluster).await {
        all
    } else {
        refused_today()
    };
    let mut failures = Failures::default();
    for (name, spec) in &objects {
        let anew = create(&policies, &object::<AuditMitigationPolicy>(name, spec), &dry_run()).await;
        failures.refused(&format!("{name}: anew"), anew, "is invalid");
        // Twice: the second write finds a status.
        for findings in [1, 2] {
            let status = json!({ "observedGeneration": 1, "findings": findings });
            let written = write_status(&policies, name, &status).await;
            failures.accepted(&format!("{name}: status {findings}"), written);
        }
        let label = json!({ "metadata": { "labels": { "team": "fleet" } } });
        failures.accepted(&format!("{name}: label"), edit(&policies, name, &label).await);
        // One edit of the spec makes it whole, and then the rules hold for it as for any other.
        let mut mended = policies.get(name).await.unwrap();
        mended.data["spec"] = policy(name, &json!({}))["spec"].take();
        let mended = message(policies.replace(name, &PostParams::default(), &mended).await);
        failures.accepted(&format!("{name}: mended"), mended);
        let refused = edit(&policies, name, &json!({ "spec": { "approval": null } })).await;
        failures.refused(&format!("{name}: broken again"), refused, "approval is required");
        let_go(&policies, name, &mut failures).await;
    }
}

/// Deleted as it is, without having been corrected.
#[tokio::test]
async fn a_policy_that_was_stored_before_a_rule_can_be_deleted() {
    let objects = refused_today();
    let stored = objects.iter().map(|(name, spec)| (name.as_str(), spec));
    let (_cluster, policies) = kind_stored_before::<AuditMitigationPolicy>(POLICIES, stored).await;
    let mut failures = Failures::default();
    for (name, _) in &objects {
        let_go(&policies, name, &mut failures).await;
    }
}
