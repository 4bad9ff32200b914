//! What each field may hold, by itself and beside others.

use kube::api::PostParams;
use serde_json::{Map, Value, json};

use super::{Failures, Server, spec_with, task};

/// The service's forms and limits, each at its edge.
#[tokio::test]
async fn accepted() {
    let server = Server::shared("values").await;
    let mut failures = Failures::default();
    for patch in [
        json!({}),
        json!({"taskId": "a"}),
        json!({"taskId": "azAZ09_-".repeat(16)}),
        json!({"target": {"auditTaskId": "a"}}),
        json!({"target": {"auditTaskId": "azAZ0-9-".repeat(5)}}),
        json!({"target": {"auditTaskId": null, "findingIds": ["azAZ09_-".repeat(16)]}}),
        json!({"target": {"auditTaskId": null, "findingIds": many(25)}}),
        json!({"target": {"auditCheckToReasonCodeFilter": {"CHECK": many(25)}}}),
        json!({"target": {"auditTaskId": null, "auditCheckToReasonCodeFilter": {"CHECK": ["CODE"]}}}),
        json!({"target": {"auditCheckToReasonCodeFilter": checks(32, &["CODE"])}}),
        json!({"target": {"auditCheckToReasonCodeFilter": {"C".repeat(128): ["C".repeat(256)]}}}),
        // CVE-2017-15361 has hyphens; whatever AWS thinks of next is not refused.
        json!({"target": {"auditCheckToReasonCodeFilter": {"A_NEW_CHECK": ["CERTIFICATE_KEY_VULNERABILITY_CVE-2017-15361", "something new: é"]}}}),
        json!({"auditCheckToActionsMapping": {"A_NEW_CHECK": ["a", "b", "c", "d", "e"]}}),
        json!({"auditCheckToActionsMapping": {"CHECK": ["azAZ09_-".repeat(16)]}}),
        // The same action twice is the service's to judge: order counts, so it is no set.
        json!({"auditCheckToActionsMapping": {"CHECK": ["Notify", "Deactivate", "Notify"]}}),
        // One more is there already.
        json!({"auditCheckToActionsMapping": checks(31, &["Action"])}),
        json!({"auditCheckToActionsMapping": {"é".repeat(64): ["Action"]}}),
        json!({"clientRequestToken": "a"}),
        json!({"clientRequestToken": "azAZ09_-".repeat(8)}),
        json!({"region": "eu-central-1"}),
        json!({"region": "us-gov-west-1"}),
        json!({"region": format!("aa-{}", "b".repeat(29))}),
        json!({"suspend": true, "cancel": true}),
        json!({"suspend": false, "cancel": false}),
        json!({"deletionPolicy": "Cancel"}),
        json!({"deletionPolicy": "Orphan"}),
        json!({"activeDeadlineSeconds": 1, "ttlSecondsAfterFinished": 0}),
        json!({"activeDeadlineSeconds": i64::MAX, "ttlSecondsAfterFinished": i64::MAX}),
    ] {
        failures.accepted(
            &patch.to_string(),
            server.try_create(&task("values", &spec_with(&patch))).await,
        );
    }
}

/// One step beyond each edge, and what a person is told.
#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table")]
async fn refused() {
    let server = Server::shared("values").await;
    let mut failures = Failures::default();
    for (patch, expected) in [
        (
            json!({"taskId": ""}),
            "spec.taskId in body should be at least 1 chars long",
        ),
        (
            json!({"taskId": "a".repeat(129)}),
            "spec.taskId: Too long: may not be more than 128",
        ),
        (
            json!({"taskId": "has.dot"}),
            "spec.taskId in body should match '^[a-zA-Z0-9_-]+$'",
        ),
        (json!({"taskId": "line\n"}), "spec.taskId in body should match"),
        (json!({"target": null}), "spec.target: Required value"),
        (
            json!({"target": {"auditTaskId": null}}),
            "spec: Invalid value: spec.target: target is empty: set auditTaskId, auditCheckToReasonCodeFilter, or both, or findingIds alone",
        ),
        (
            json!({"target": {"auditTaskId": ""}}),
            "spec.target.auditTaskId in body should be at least 1 chars long",
        ),
        (
            json!({"target": {"auditTaskId": "a".repeat(41)}}),
            "spec.target.auditTaskId: Too long: may not be more than 40",
        ),
        (
            json!({"target": {"auditTaskId": "under_score"}}),
            "spec.target.auditTaskId in body should match '^[a-zA-Z0-9-]+$'",
        ),
        (
            json!({"target": {"auditTaskId": null, "findingIds": []}}),
            "spec.target.findingIds in body should have at least 1 items",
        ),
        (
            json!({"target": {"auditTaskId": null, "findingIds": many(26)}}),
            "spec.target.findingIds: Too many: 26: must have at most 25 items",
        ),
        (
            json!({"target": {"auditTaskId": null, "findingIds": [""]}}),
            "spec.target.findingIds[0] in body should be at least 1 chars long",
        ),
        (
            json!({"target": {"auditTaskId": null, "findingIds": ["a".repeat(129)]}}),
            "spec.target.findingIds[0]: Too long: may not be more than 128",
        ),
        (
            json!({"target": {"auditTaskId": null, "findingIds": ["ok", "not:ok"]}}),
            "spec.target.findingIds[1] in body should match",
        ),
        (
            json!({"target": {"auditTaskId": null, "findingIds": ["one", "two", "one"]}}),
            "spec.target.findingIds[2]: Duplicate value: \"one\"",
        ),
        (
            json!({"target": {"findingIds": ["f-1"]}}),
            "spec: Invalid value: spec.target: findingIds stands alone: remove auditTaskId and auditCheckToReasonCodeFilter, or remove findingIds",
        ),
        (
            json!({"target": {"auditTaskId": null, "findingIds": ["f-1"], "auditCheckToReasonCodeFilter": {"CHECK": ["CODE"]}}}),
            "spec: Invalid value: spec.target: findingIds stands alone",
        ),
        (
            json!({"target": {"auditCheckToReasonCodeFilter": {}}}),
            "spec.target.auditCheckToReasonCodeFilter in body should have at least 1 properties",
        ),
        (
            json!({"target": {"auditCheckToReasonCodeFilter": checks(33, &["CODE"])}}),
            "spec.target.auditCheckToReasonCodeFilter: Too many: 33: must have at most 32 items",
        ),
        (
            json!({"target": {"auditCheckToReasonCodeFilter": {"": ["CODE"]}}}),
            "spec: Invalid value: spec.target.auditCheckToReasonCodeFilter: the name of an audit check is empty: write the name, as in LOGGING_DISABLED_CHECK",
        ),
        (
            json!({"target": {"auditCheckToReasonCodeFilter": {"C".repeat(129): ["CODE"]}}}),
            "spec: Invalid value: spec.target.auditCheckToReasonCodeFilter: the name of an audit check is longer than 128 characters (in bytes): write the name, as in LOGGING_DISABLED_CHECK",
        ),
        (
            json!({"target": {"auditCheckToReasonCodeFilter": {"CHECK": []}}}),
            "spec.target.auditCheckToReasonCodeFilter.CHECK in body should have at least 1 items",
        ),
        (
            json!({"target": {"auditCheckToReasonCodeFilter": {"CHECK": many(26)}}}),
            "spec.target.auditCheckToReasonCodeFilter.CHECK: Too many: 26: must have at most 25 items",
        ),
        (
            json!({"target": {"auditCheckToReasonCodeFilter": {"CHECK": [""]}}}),
            "spec.target.auditCheckToReasonCodeFilter.CHECK[0] in body should be at least 1 chars long",
        ),
        (
            json!({"target": {"auditCheckToReasonCodeFilter": {"CHECK": ["a".repeat(257)]}}}),
            "spec.target.auditCheckToReasonCodeFilter.CHECK[0]: Too long: may not be more than 256",
        ),
        (
            json!({"target": {"auditCheckToReasonCodeFilter": {"CHECK": ["CODE", "CODE"]}}}),
            "spec.target.auditCheckToReasonCodeFilter[CHECK][1]: Duplicate value: \"CODE\"",
        ),
        (
            json!({"auditCheckToActionsMapping": null}),
            "spec.auditCheckToActionsMapping: Required value",
        ),
        (
            json!({"auditCheckToActionsMapping": {"LOGGING_DISABLED_CHECK": null}}),
            "spec.auditCheckToActionsMapping in body should have at least 1 properties",
        ),
        (
            json!({"auditCheckToActionsMapping": checks(32, &["Action"])}),
            "spec.auditCheckToActionsMapping: Too many: 33: must have at most 32 items",
        ),
        (
            json!({"auditCheckToActionsMapping": {"": ["Action"]}}),
            "spec: Invalid value: spec.auditCheckToActionsMapping: the name of an audit check is empty: write the name, as in LOGGING_DISABLED_CHECK",
        ),
        (
            json!({"target": {"auditCheckToReasonCodeFilter": {"CHECK": ["CODE", "é".repeat(129)]}}}),
            "spec: Invalid value: spec.target.auditCheckToReasonCodeFilter: a reason code is longer than 256 characters (in bytes): write the code, as in CERTIFICATE_PAST_EXPIRATION",
        ),
        (
            json!({"auditCheckToActionsMapping": {"é".repeat(65): ["Action"]}}),
            "spec: Invalid value: spec.auditCheckToActionsMapping: the name of an audit check is longer than 128 characters (in bytes)",
        ),
        (
            json!({"auditCheckToActionsMapping": {"C".repeat(129): ["Action"]}}),
            "spec: Invalid value: spec.auditCheckToActionsMapping: the name of an audit check is longer than 128 characters (in bytes): write the name, as in LOGGING_DISABLED_CHECK",
        ),
        (
            json!({"auditCheckToActionsMapping": {"CHECK": []}}),
            "spec.auditCheckToActionsMapping.CHECK in body should have at least 1 items",
        ),
        (
            json!({"auditCheckToActionsMapping": {"CHECK": many(6)}}),
            "spec.auditCheckToActionsMapping.CHECK: Too many: 6: must have at most 5 items",
        ),
        (
            json!({"auditCheckToActionsMapping": {"CHECK": [""]}}),
            "spec.auditCheckToActionsMapping.CHECK[0] in body should be at least 1 chars long",
        ),
        (
            json!({"auditCheckToActionsMapping": {"CHECK": ["a".repeat(129)]}}),
            "spec.auditCheckToActionsMapping.CHECK[0]: Too long: may not be more than 128",
        ),
        (
            json!({"auditCheckToActionsMapping": {"CHECK": ["has space"]}}),
            "spec.auditCheckToActionsMapping.CHECK[0] in body should match",
        ),
        (
            json!({"clientRequestToken": ""}),
            "spec.clientRequestToken in body should be at least 1 chars long",
        ),
        (
            json!({"clientRequestToken": "a".repeat(65)}),
            "spec.clientRequestToken: Too long: may not be more than 64",
        ),
        (
            json!({"clientRequestToken": "has.dot"}),
            "spec.clientRequestToken in body should match '^[a-zA-Z0-9_-]+$'",
        ),
        (
            json!({"region": ""}),
            "spec.region in body should match '^[a-z]{2,}(-[a-z0-9]+)+$'",
        ),
        (json!({"region": "Frankfurt"}), "spec.region in body should match"),
        (
            json!({"region": "eu-central-1.evil.example"}),
            "spec.region in body should match",
        ),
        (
            json!({"region": format!("aa-{}", "b".repeat(30))}),
            "spec.region: Too long: may not be more than 32",
        ),
        (
            json!({"suspend": "yes"}),
            "spec.suspend in body must be of type boolean: \"string\"",
        ),
        (
            json!({"cancel": 1}),
            "spec.cancel in body must be of type boolean: \"integer\"",
        ),
        (
            json!({"deletionPolicy": "Retain"}),
            "spec.deletionPolicy: Unsupported value: \"Retain\": supported values: \"Cancel\", \"Orphan\"",
        ),
        (
            json!({"activeDeadlineSeconds": 0}),
            "spec.activeDeadlineSeconds in body should be greater than or equal to 1",
        ),
        (
            json!({"activeDeadlineSeconds": 1.5}),
            "spec.activeDeadlineSeconds in body must be of type int",
        ),
        (
            json!({"activeDeadlineSeconds": 1e19}),
            "spec.activeDeadlineSeconds in body must be of type int",
        ),
        (
            json!({"ttlSecondsAfterFinished": 1e19}),
            "spec.ttlSecondsAfterFinished in body must be of type int",
        ),
        (
            json!({"ttlSecondsAfterFinished": -1}),
            "spec.ttlSecondsAfterFinished in body should be greater than or equal to 0",
        ),
        (
            json!({"ttlSecondsAfterFinished": "1h"}),
            "spec.ttlSecondsAfterFinished in body must be of type integer: \"string\"",
        ),
    ] {
        failures.refused(
            &patch.to_string(),
            server.try_create(&task("values", &spec_with(&patch))).await,
            expected,
        );
    }
}

/// As much as fits into every field, in texts of this letter.
pub(crate) fn largest_spec(letter: &str) -> Value {
    let named = |letter: &str, length: usize, number: usize| {
        format!("{number:02}{}", letter.repeat((length - 2) / letter.len()))
    };
    let list = |letter: &str, length, count: usize| (0..count).map(|number| named(letter, length, number)).collect();
    let map = |list: Vec<String>| {
        let check = |number| (named(letter, 128, number), json!(list));
        Value::from((0..32).map(check).collect::<Map<_, _>>())
    };
    json!({
        "taskId": "t".repeat(128),
        "clientRequestToken": "t".repeat(64),
        "region": format!("aa-{}", "b".repeat(29)),
        "suspend": false, "cancel": false, "deletionPolicy": "Orphan",
        "activeDeadlineSeconds": i64::MAX, "ttlSecondsAfterFinished": i64::MAX,
        "target": {
            "auditTaskId": "a".repeat(40),
            "auditCheckToReasonCodeFilter": map(list(letter, 256, 25)),
        },
        "auditCheckToActionsMapping": map(list("A", 128, 5)),
    })
}

/// The limits leave room for what an account needs, and bound what one manifest can cost the operator. The rules look at
/// each part of it within the budget that the API server gives them.
#[tokio::test]
async fn the_largest_spec_is_accepted_and_its_size_documented() {
    let server = Server::shared("values").await;
    let documented = include_str!("../../../docs/resource.md");
    assert!(documented.contains("The largest spec that is accepted has 240 kB"));
    for (name, letter) in [("ascii", "C"), ("wide", "\u{1F600}")] {
        let largest = largest_spec(letter);
        let size = largest.to_string().len();
        assert!((230_000..=240_000).contains(&size), "{name}: {size}");
        server.create(name, &largest).await;
        // An update costs the rules more: they compare.
        let mut edited = server.tasks.get(name).await.unwrap();
        edited.data["spec"]["suspend"] = json!(true);
        server
            .tasks
            .replace(name, &PostParams::default(), &edited)
            .await
            .unwrap();
        let status = json!({"phase": "Running", "taskId": "t"});
        server.write_status(name, &status).await.unwrap();
        server.write_status(name, &json!({"progress": "1/1"})).await.unwrap();
        let refused = server
            .try_edit(name, &json!({"spec": {"target": {"auditTaskId": "b"}}}))
            .await;
        assert!(refused.unwrap_err().contains("target is immutable"), "{name}");
    }
}

/// So many different names.
fn many(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("item-{number}")).collect()
}

/// A map of so many checks, each with the same list.
fn checks(count: usize, list: &[&str]) -> Value {
    many(count)
        .into_iter()
        .map(|check| (check, json!(list)))
        .collect::<Map<_, _>>()
        .into()
}

/// The rules are one for the API server; its answer has room for each mistake, and names no other.
#[tokio::test]
async fn each_mistake_is_told_at_once() {
    let server = Server::shared("mistakes").await;
    let spec = spec_with(&json!({
        "target": { "findingIds": ["f-1"] },
        "auditCheckToActionsMapping": { "": ["EnableLogging"] },
    }));
    let message = server.try_create(&task(&"n".repeat(53), &spec)).await.unwrap_err();
    let (_, told) = message.split_once(" is invalid: ").unwrap();
    assert_eq!(
        told,
        "spec: Invalid value: metadata.name: without spec.taskId the name may have at most 52 characters, since it \
         becomes part of the task's id: shorten the name or set spec.taskId. spec.target: findingIds stands alone: \
         remove auditTaskId and auditCheckToReasonCodeFilter, or remove findingIds. \
         spec.auditCheckToActionsMapping: the name of an audit check is empty: write the name, as in \
         LOGGING_DISABLED_CHECK."
    );
}
