//! The policy as the API server serves it: each rule accepted and refused, with the message that a person sees.

use audit_mitigation_operator::api::AuditMitigationPolicy;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use support::{Cluster, shared};
use tokio::sync::OnceCell;

use super::{create, install_all, message};

struct Server {
    cluster: &'static Cluster,
    namespace: String,
    policies: Api<DynamicObject>,
}

impl Server {
    async fn shared(namespace: &str) -> Self {
        static INSTALLED: OnceCell<()> = OnceCell::const_new();
        let cluster = shared().await.unwrap();
        INSTALLED.get_or_init(|| install_all(cluster)).await;
        let namespace = cluster.namespace(namespace).await.unwrap();
        let resource = ApiResource::erase::<AuditMitigationPolicy>(&());
        let policies: Api<DynamicObject> = Api::namespaced_with(cluster.client().await.unwrap(), &namespace, &resource);
        Self {
            cluster,
            namespace,
            policies,
        }
    }

    async fn try_create(&self, object: &Value) -> Result<DynamicObject, String> {
        let dry_run = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        create(&self.policies, object, &dry_run).await
    }

    async fn kubectl(&self, args: &[&str]) -> String {
        let args = [&["--namespace", &self.namespace], args].concat();
        self.cluster.kubectl_ok(&args).await.unwrap()
    }
}

/// A policy that everybody accepts, with these fields of the spec; without those that are null.
pub(super) fn policy(name: &str, fields: &Value) -> Value {
    let mut spec = json!({
        "scheduledAuditName": "Nightly",
        "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
        "approval": {},
    });
    for (field, value) in fields.as_object().unwrap() {
        if value.is_null() {
            spec.as_object_mut().unwrap().remove(field);
        } else {
            spec[field] = value.clone();
        }
    }
    json!({
        "apiVersion": "devicedefender.dev/v1alpha1",
        "kind": "AuditMitigationPolicy",
        "metadata": { "name": name },
        "spec": spec,
    })
}

/// Each row: fields of the spec, and a part of the message, or nothing where they are taken.
fn rows() -> Vec<(Value, Option<&'static str>)> {
    let check = "LOGGING_DISABLED_CHECK";
    let mapping = "auditCheckToActionsMapping";
    let filter = "auditCheckToReasonCodeFilter";
    vec![
        (json!({}), None),
        (
            json!({ "scheduledAuditName": null }),
            Some("spec.scheduledAuditName: Required value"),
        ),
        (json!({ "scheduledAuditName": "" }), Some("spec.scheduledAuditName")),
        (
            json!({ "scheduledAuditName": "a b" }),
            Some("should match '^[a-zA-Z0-9_-]+$'"),
        ),
        (json!({ "scheduledAuditName": "a".repeat(128) }), None),
        (json!({ "scheduledAuditName": "a".repeat(129) }), Some("Too long")),
        (json!({ "region": "eu-central-1" }), None),
        (json!({ "region": "Frankfurt" }), Some("spec.region")),
        (
            json!({ mapping: null }),
            Some("spec.auditCheckToActionsMapping: Required value"),
        ),
        (json!({ mapping: {} }), Some("should have at least 1 properties")),
        (
            json!({ mapping: { "": ["A"] } }),
            Some("the name of an audit check is empty"),
        ),
        (json!({ mapping: { check: [] } }), Some("should have at least 1 items")),
        (
            json!({ mapping: { check: ["1", "2", "3", "4", "5", "6"] } }),
            Some("must have at most 5 items"),
        ),
        (json!({ filter: { check: ["LOGGING_DISABLED"] } }), None),
        (json!({ filter: { check: [] } }), Some("should have at least 1 items")),
        (
            json!({ filter: { "OTHER_CHECK": ["X"] } }),
            Some("auditCheckToReasonCodeFilter names a check that auditCheckToActionsMapping doesn't"),
        ),
        (
            json!({ "approval": null }),
            Some("approval is required, so that nothing starts by itself"),
        ),
        (
            json!({ "approval": { "requiredAbove": {} } }),
            Some("should have at least 1 properties"),
        ),
        (
            json!({ "approval": { "requiredAbove": { "findings": 0, "percent": 100 } } }),
            None,
        ),
        (
            json!({ "approval": { "requiredAbove": { "findings": -1 } } }),
            Some("should be greater than or equal to 0"),
        ),
        (
            json!({ "approval": { "requiredAbove": { "percent": 101 } } }),
            Some("should be less than or equal to 100"),
        ),
        (json!({ "approval": { "plan": "k7d2m4q3h5xw6tza" } }), None),
        (json!({ "approval": { "plan": "K7D2" } }), Some("spec.approval.plan")),
        (json!({ "suspend": true }), None),
        (json!({ "suspend": "yes" }), Some("spec.suspend")),
        (json!({ "startingDeadlineSeconds": 60 }), None),
        (
            json!({ "startingDeadlineSeconds": 59 }),
            Some("should be greater than or equal to 60"),
        ),
        (json!({ "startingDeadlineSeconds": 6_912_000 }), None),
        (
            json!({ "startingDeadlineSeconds": 6_912_001 }),
            Some("should be less than or equal to 6912000"),
        ),
        (
            json!({ "successfulTasksHistoryLimit": 0, "failedTasksHistoryLimit": 100 }),
            None,
        ),
        (
            json!({ "successfulTasksHistoryLimit": -1 }),
            Some("should be greater than or equal to 0"),
        ),
        (
            json!({ "failedTasksHistoryLimit": 101 }),
            Some("should be less than or equal to 100"),
        ),
        (json!({ "deletionPolicy": "Orphan" }), None),
        (
            json!({ "deletionPolicy": "Keep" }),
            Some("supported values: \"Cancel\", \"Orphan\""),
        ),
        (json!({ "activeDeadlineSeconds": 1 }), None),
        (
            json!({ "activeDeadlineSeconds": 0 }),
            Some("should be greater than or equal to 1"),
        ),
    ]
}

#[tokio::test]
async fn each_value_is_taken_or_refused_with_what_to_do() {
    let server = Server::shared("policy-values").await;
    let mut failures = Vec::new();
    for (fields, refused) in rows() {
        let answer = server.try_create(&policy("one", &fields)).await;
        let is_right = match (&answer, refused) {
            (Ok(_), None) => true,
            (Err(message), Some(part)) => message.contains(part),
            _ => false,
        };
        if !is_right {
            failures.push(format!("{fields}: {:?} instead of {refused:?}", answer.map(|_| ())));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[tokio::test]
async fn a_name_is_a_label_of_at_most_52_characters() {
    let server = Server::shared("policy-names").await;
    for (name, is_good) in [
        ("a".repeat(52), true),
        ("a".repeat(53), false),
        ("a.b".to_owned(), false),
        ("nightly-1".to_owned(), true),
    ] {
        let answer = server.try_create(&policy(&name, &json!({}))).await;
        assert_eq!(answer.is_ok(), is_good, "{name}: {answer:?}");
        if let Err(message) = answer {
            assert!(
                message.contains("the name may have at most 52 characters and no dots"),
                "{message}"
            );
        }
    }
}

/// What is dropped from the mapping is dropped from the filter too, and nothing else is frozen.
#[tokio::test]
async fn everything_can_be_edited_and_a_new_policy_is_seen_by_nobody_yet() {
    let server = Server::shared("policy-edits").await;
    let filter = json!({ "auditCheckToReasonCodeFilter": { "LOGGING_DISABLED_CHECK": ["LOGGING_DISABLED"] } });
    let made = create(&server.policies, &policy("one", &filter), &PostParams::default())
        .await
        .unwrap();
    assert_eq!(made.data["status"], json!({ "observedGeneration": -1 }));
    assert_eq!(made.data["spec"]["deletionPolicy"], "Cancel");
    let edit = async |spec: Value| {
        let patch = Patch::Merge(json!({ "spec": spec }));
        message(server.policies.patch("one", &PatchParams::default(), &patch).await)
    };
    let other = json!({ "LOGGING_DISABLED_CHECK": null, "OTHER_CHECK": ["A"] });
    let refused = edit(json!({ "auditCheckToActionsMapping": other })).await.unwrap_err();
    assert!(
        refused.contains("auditCheckToReasonCodeFilter names a check"),
        "{refused}"
    );
    let both = json!({ "auditCheckToActionsMapping": other, "auditCheckToReasonCodeFilter": null });
    edit(both).await.unwrap();
    edit(json!({ "scheduledAuditName": "Weekly", "region": "us-east-1", "approval": { "plan": "a".repeat(16) } }))
        .await
        .unwrap();
    let refused = edit(json!({ "approval": null })).await.unwrap_err();
    assert!(refused.contains("approval is required"), "{refused}");
}

#[tokio::test]
async fn explain_and_the_columns_say_what_it_is() {
    let server = Server::shared("policy-explain").await;
    let text = server.kubectl(&["explain", "amp"]).await;
    assert!(
        text.contains("after each audit with findings, one AuditMitigationTask is made"),
        "{text}"
    );
    let text = server.kubectl(&["explain", "amp.spec", "--recursive"]).await;
    for field in [
        "scheduledAuditName",
        "requiredAbove",
        "startingDeadlineSeconds",
        "failedTasksHistoryLimit",
    ] {
        assert!(text.contains(field), "{text}");
    }
    let text = server.kubectl(&["explain", "amp.status.audits.outcome"]).await;
    assert!(text.contains("AuditFailed") && !text.contains('`'), "{text}");
    create(&server.policies, &policy("one", &json!({})), &PostParams::default())
        .await
        .unwrap();
    let table = server.kubectl(&["get", "amp", "--output=wide"]).await;
    let titles = table.lines().next().unwrap();
    let titles: Vec<&str> = titles
        .split("  ")
        .map(str::trim)
        .filter(|title| !title.is_empty())
        .collect();
    assert_eq!(
        titles,
        [
            "NAME",
            "SCHEDULE",
            "COMPLIANT",
            "FINDINGS",
            "LAST AUDIT",
            "TASK",
            "READY",
            "AGE",
            "REGION",
            "SUSPEND",
            "REASON"
        ]
    );
}
