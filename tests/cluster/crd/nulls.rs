//! What null means: refused in a list or a map, else the same as leaving the field out.

use serde_json::json;

use super::{Failures, Server, spec_with, spec_with_null, task};

/// A null in a map or a list must never make a mitigation another one in silence.
#[tokio::test]
async fn null_lists_are_refused() {
    let server = Server::shared("nulls").await;
    let mut failures = Failures::default();
    for (patch, expected) in [
        (
            json!({"auditCheckToActionsMapping": {"OTHER_CHECK": null}}),
            "spec: Invalid value: spec.auditCheckToActionsMapping: the actions of an audit check are null: list at least one, or remove the check",
        ),
        (
            json!({"auditCheckToActionsMapping": {"OTHER_CHECK": ["Action", null]}}),
            "spec.auditCheckToActionsMapping.OTHER_CHECK[1] in body must be of type string: \"null\"",
        ),
        (
            json!({"target": {"auditCheckToReasonCodeFilter": {"CHECK": ["CODE"], "OTHER_CHECK": null}}}),
            "spec: Invalid value: spec.target.auditCheckToReasonCodeFilter: the reason codes of an audit check are null: list at least one, or remove the check",
        ),
        (
            json!({"target": {"auditCheckToReasonCodeFilter": {"CHECK": [null]}}}),
            "spec.target.auditCheckToReasonCodeFilter.CHECK[0] in body must be of type string: \"null\"",
        ),
        (json!({"target": null}), "spec.target: Required value"),
        (
            json!({"auditCheckToActionsMapping": null}),
            "spec.auditCheckToActionsMapping: Required value",
        ),
        (
            json!({"target": {"auditTaskId": null}}),
            "spec: Invalid value: spec.target: target is empty",
        ),
        (
            json!({"target": {"auditTaskId": null, "findingIds": [null]}}),
            "spec.target.findingIds[0] in body must be of type string: \"null\"",
        ),
    ] {
        failures.refused(
            &patch.to_string(),
            server.try_create(&task("nulls", &spec_with_null(&patch))).await,
            expected,
        );
    }
}

/// The API server drops a null from a field that may be absent: it means the same as leaving the field out.
#[tokio::test]
async fn a_null_field_is_an_absent_one() {
    let server = Server::shared("nulls").await;
    let nulls = json!({
        "taskId": null, "clientRequestToken": null, "region": null, "suspend": null, "cancel": null,
        "deletionPolicy": null, "activeDeadlineSeconds": null, "ttlSecondsAfterFinished": null,
        "target": { "findingIds": null, "auditCheckToReasonCodeFilter": null },
    });
    let with = server
        .try_create(&task("nulls", &spec_with_null(&nulls)))
        .await
        .unwrap();
    let without = server.try_create(&task("nulls", &spec_with(&json!({})))).await.unwrap();
    assert_eq!(with.data["spec"], without.data["spec"]);
    assert!(!with.data["spec"].to_string().contains("null"), "{}", with.data["spec"]);
}
