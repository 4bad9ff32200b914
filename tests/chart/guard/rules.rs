//! Each kind of rule, accepted and refused.

use serde_json::{Value, json};
use support::eventually;

use super::Guarded;
use crate::installed::LIMIT;

const NONE: Option<&str> = None;

fn checks(list: &[(&str, &[&str])]) -> Value {
    let map: serde_json::Map<String, Value> = list
        .iter()
        .map(|(check, actions)| ((*check).to_owned(), json!(actions)))
        .collect();
    json!({ "auditCheckToActionsMapping": map })
}

#[tokio::test]
async fn a_task_needs_one_rule_that_allows_all_of_it() {
    let cluster = Guarded::shared().await;
    let fleet = cluster.namespace("fleet", &json!({ "team": "fleet" })).await;
    let other = cluster.namespace("other", &json!({})).await;
    let team = json!({
        "namespaceSelector": { "matchLabels": { "team": "fleet" } },
        "checks": ["LOGGING_DISABLED_CHECK", "CA_CERTIFICATE_EXPIRING_CHECK"],
        "actions": ["EnableLogging", "Notify"],
        "regions": ["default", "eu-central-1"],
    });
    let by_name = json!({
        "namespaces": [fleet],
        "checks": ["DEVICE_CERTIFICATE_EXPIRING_CHECK"],
        "actions": ["Deactivate"],
        "regions": ["eu-west-1"],
        "wholeAudits": true,
    });
    cluster.guard("whole", &[&fleet, &other], &json!([team, by_name])).await;
    let audit = json!({ "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" });
    let filter = json!({ "auditCheckToReasonCodeFilter": { "LOGGING_DISABLED_CHECK": ["LOGGING_DISABLED"] } });
    let device = json!({ "DEVICE_CERTIFICATE_EXPIRING_CHECK": ["Deactivate"] });
    let fleet = fleet.as_str();
    cluster
        .expect(&[
            (
                &other,
                json!({}),
                Some("may start no tasks: ask who runs the operator for a rule"),
            ),
            (fleet, json!({}), NONE),
            (fleet, json!({ "region": "eu-central-1" }), NONE),
            (
                fleet,
                json!({ "region": "us-east-1" }),
                Some("may use the regions default, eu-central-1; or eu-west-1 (default: none named), not us-east-1"),
            ),
            (
                fleet,
                json!({ "target": audit }),
                Some("name single findings in target.findingIds"),
            ),
            (
                fleet,
                json!({ "target": filter }),
                Some("name single findings in target.findingIds"),
            ),
            (
                fleet,
                json!({ "target": audit, "region": "eu-west-1", "auditCheckToActionsMapping": device }),
                NONE,
            ),
            (
                fleet,
                json!({ "region": "eu-west-1", "auditCheckToActionsMapping": device }),
                NONE,
            ),
            (
                fleet,
                json!({ "auditCheckToActionsMapping": device }),
                Some("may use the checks LOGGING_DISABLED_CHECK, CA_CERTIFICATE_EXPIRING_CHECK; this task has DEVICE_"),
            ),
            (
                fleet,
                checks(&[
                    ("CA_CERTIFICATE_EXPIRING_CHECK", &["Notify"]),
                    ("LOGGING_DISABLED_CHECK", &["EnableLogging", "Notify"]),
                ]),
                NONE,
            ),
            (
                fleet,
                checks(&[
                    ("CA_CERTIFICATE_EXPIRING_CHECK", &["Notify"]),
                    ("LOGGING_DISABLED_CHECK", &["EnableLogging", "Deactivate"]),
                ]),
                // What it has stands in no order: CEL's maps have none.
                Some("may use the actions EnableLogging, Notify for these checks; this task has "),
            ),
            (
                fleet,
                checks(&[
                    ("LOGGING_DISABLED_CHECK", &["EnableLogging"]),
                    ("LOGGING_DISABLED", &["EnableLogging"]),
                ]),
                Some("may use the checks"),
            ),
        ])
        .await;
}

#[tokio::test]
async fn a_star_allows_everything() {
    let cluster = Guarded::shared().await;
    let one = cluster.namespace("star", &json!({})).await;
    let all = json!({ "namespaces": ["*"], "checks": ["*"], "actions": ["*"], "regions": ["*"] });
    cluster.guard("star", &[&one], &json!([all])).await;
    let audit = json!({ "target": { "auditTaskId": "a-1" } });
    let any = json!({ "region": "us-gov-west-1", "auditCheckToActionsMapping": { "A": ["x"], "B": ["y-z", "_"] } });
    cluster
        .expect(&[
            (&one, audit, Some("whole audits")),
            (&one, json!({}), NONE),
            (&one, any, NONE),
        ])
        .await;
}

#[tokio::test]
async fn ids_and_tokens_begin_with_their_namespace() {
    let cluster = Guarded::shared().await;
    let one = cluster.namespace("ids", &json!({})).await;
    let lax = cluster.namespace("lax", &json!({})).await;
    let all = json!([{
        "namespaces": ["*"], "checks": ["*"], "actions": ["*"], "regions": ["*"], "wholeAudits": false
    }]);
    cluster.guard("ids", &[&one], &all).await;
    let not_required = json!({ "rules": all, "requireNamespacePrefix": false });
    cluster.guard_with("lax", &[&lax], &not_required).await;
    let id = |id: &str| json!({ "taskId": id });
    let token = |token: &str| json!({ "clientRequestToken": token });
    let refusal = format!("taskId has to begin with {one}_, so that");
    let refusal = Some(refusal.as_str());
    let token_refusal = format!("clientRequestToken has to begin with {one}_, so that");
    let token_refusal = Some(token_refusal.as_str());
    let audit = json!({ "target": { "auditTaskId": "a-1" } });
    cluster
        .expect(&[
            (&one, id("other_task"), refusal),
            (&one, id(&one), refusal),
            (&one, id(&format!("{one}x_task")), refusal),
            (&one, id(&format!("{one}-x_task")), refusal),
            (&one, id(&format!("x{one}_task")), refusal),
            (&one, id(&format!("{one}_task")), NONE),
            (&one, id(&format!("{one}_")), NONE),
            (&one, token("3f2b8e1c-6f0e-4c0e-9a53-0b1f0c5d7a11"), token_refusal),
            (&one, token(&format!("{one}_1")), NONE),
        ])
        .await;
    cluster
        .expect(&[
            (&lax, audit, Some("whole audits")),
            (&lax, id("other_task"), NONE),
            (&lax, token("other"), NONE),
        ])
        .await;
}

/// Selectors mean what they mean everywhere in Kubernetes.
#[tokio::test]
async fn namespaces_are_selected_by_their_labels() {
    let cluster = Guarded::shared().await;
    let in_fleet = json!({ "key": "example.com/team", "operator": "In", "values": ["fleet", "things"] });
    let not_sandbox = json!({ "key": "stage", "operator": "NotIn", "values": ["sandbox"] });
    let has_owner = json!({ "key": "owner", "operator": "Exists" });
    let not_frozen = json!({ "key": "frozen", "operator": "DoesNotExist" });
    let selector = json!({
        "matchLabels": { "tier": "", "size": "big" },
        "matchExpressions": [in_fleet, not_sandbox, has_owner, not_frozen],
    });
    let base = [
        ("tier", ""),
        ("size", "big"),
        ("example.com/team", "things"),
        ("owner", ""),
    ];
    let mut namespaces = Vec::new();
    // A label that is changed or added, or taken away, and whether the rule then applies.
    for (change, applies) in [
        (("size", Some("small")), false),
        (("size", None), false),
        (("tier", None), false),
        (("example.com/team", Some("other")), false),
        (("example.com/team", None), false),
        (("stage", Some("sandbox")), false),
        (("owner", None), false),
        (("frozen", Some("")), false),
        (("stage", Some("production")), true),
        (("other", Some("label")), true),
        (("owner", Some("me")), true),
    ] {
        let mut labels: serde_json::Map<String, Value> = base
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        match change {
            (key, Some(value)) => labels.insert(key.to_owned(), json!(value)),
            (key, None) => labels.remove(key),
        };
        namespaces.push((cluster.namespace("selected", &json!(labels)).await, applies));
    }
    let watched: Vec<&str> = namespaces.iter().map(|(name, _)| name.as_str()).collect();
    let rule = json!({ "namespaceSelector": selector, "checks": ["*"], "actions": ["*"], "regions": ["*"] });
    cluster.guard("selector", &watched, &json!([rule])).await;
    let rows: Vec<(&str, Value, Option<&str>)> = namespaces
        .iter()
        .map(|(name, applies)| (name.as_str(), json!({}), (!applies).then_some("may start no tasks")))
        .collect();
    cluster.expect(&rows).await;
}

/// Each release guards what it watches: its neighbour's namespaces have rules of their own.
#[tokio::test]
async fn namespaces_that_are_not_watched_are_not_guarded() {
    let cluster = Guarded::shared().await;
    let watched = cluster.namespace("watched", &json!({})).await;
    let beside = cluster.namespace("beside", &json!({})).await;
    let rule = json!([{ "namespaces": ["nobody"], "checks": ["*"], "actions": ["*"], "regions": ["*"] }]);
    cluster.guard("watching", &[&watched], &rule).await;
    let refusal = Some("may start no tasks");
    cluster
        .expect(&[(&watched, json!({}), refusal), (&beside, json!({}), NONE)])
        .await;
}

/// The API server gives each request a budget for CEL, and would refuse what goes beyond it.
#[tokio::test]
async fn the_largest_task_and_many_rules_are_within_the_budget() {
    let cluster = Guarded::shared().await;
    let one = cluster.namespace("large", &json!({})).await;
    let many = |prefix: &str, count: usize| -> Vec<String> { (0..count).map(|n| format!("{prefix}{n}")).collect() };
    let rules: Vec<Value> = (0..50)
        .map(|n| {
            let checks = many("AN_AUDIT_CHECK_OF_SOME_LENGTH_", if n == 49 { 100 } else { 99 });
            json!({ "namespaces": [one], "checks": checks, "actions": many("ActionOfSomeLength-", 50), "regions": ["default"] })
        })
        .collect();
    cluster.guard("large", &[&one], &json!(rules)).await;
    let actions = ["ActionOfSomeLength-49"; 5];
    let largest = |last: &str| -> Value {
        // With the last as many as the definition allows.
        let mut names = many("AN_AUDIT_CHECK_OF_SOME_LENGTH_", 31);
        names.push(last.to_owned());
        let map: serde_json::Map<String, Value> = names.into_iter().map(|name| (name, json!(actions))).collect();
        json!({ "auditCheckToActionsMapping": map })
    };
    cluster
        .expect(&[
            (&one, largest("ANOTHER"), Some("checks")),
            (&one, largest("AN_AUDIT_CHECK_OF_SOME_LENGTH_99"), NONE),
        ])
        .await;
}

/// The API server compares every expression with the schemas of what it looks at, and finds nothing.
#[tokio::test]
async fn every_expression_has_the_right_types() {
    let cluster = Guarded::shared().await;
    let one = cluster.namespace("types", &json!({})).await;
    let mut values = crate::yaml("ci/tenants-values.yaml");
    values["watchNamespaces"] = json!([one]);
    cluster.install("types", &values, super::is_guard).await;
    for policy in ["guard", "guard-policies", "guard-record", "guard-approval"] {
        let name = format!("types-amo-audit-mitigation-operator-{policy}");
        let get = ["get", "validatingadmissionpolicy", &name, "--output=json"];
        eventually(LIMIT, "the policy is checked", async || {
            let text = cluster
                .cluster
                .kubectl_ok(&get)
                .await
                .map_err(|error| error.to_string())?;
            let policy: Value = serde_json::from_str(&text).unwrap();
            if policy["status"]["observedGeneration"] != policy["metadata"]["generation"] {
                return Err("not yet".to_owned());
            }
            let warnings = &policy["status"]["typeChecking"]["expressionWarnings"];
            assert!(warnings.is_null(), "{warnings:#}");
            Ok(())
        })
        .await
        .unwrap();
    }
}
