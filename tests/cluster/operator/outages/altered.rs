//! The API server stores another status than was written.

use audit_mitigation_operator::api::{Phase, StoredTask};
use serde_json::{Value, json};
use simulator::{Operation, Outcome};
use support::webhook::Webhook;
use support::{AuditedUser, eventually};

use kube::api::{Patch, PatchParams};

use super::super::faults::own_cluster;
use super::{LIMIT, World, requests, spec_of, status};
use crate::crd::{CRD, install};

const SAID_ONCE: &str = "the API server stores another status than was written";

/// It is followed to its end as ever, with as many writes as ever, and it is said once.
async fn is_followed_to_its_end(mut world: World, user: &AuditedUser) {
    let case = "altered";
    world.aws.set_outcome(case, Outcome::held());
    world.start_operator();
    world.create(case, &spec_of(case, &json!({}))).await;
    world.until_called_again(Operation::DESCRIBE, case, 4).await;
    assert_eq!(world.aws.finish(case), 1);
    world.phase(case, Phase::Completed).await;
    let is_free = |task: &StoredTask| !super::super::has_finalizer(task);
    world.until(case, "the finalizer is off", is_free).await;
    let requests = requests::requests(&mut world, user).await;
    requests::assert_documented("seen running", &requests::by_verb(&requests, case));
    let log = world.log();
    let lines = log.lines().filter(|line| line.contains(SAID_ONCE));
    assert_eq!(lines.filter(|line| line.contains(case)).count(), 1, "{log}");
}

/// A definition of an older version, which doesn't have a field of the status yet.
#[tokio::test]
async fn a_field_that_the_definition_lacks_holds_up_nothing() {
    let cluster = own_cluster(&[]).await;
    let mut definition: Value = serde_saphyr::from_str(CRD).unwrap();
    let properties = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties";
    let properties = definition.pointer_mut(properties).unwrap().as_object_mut().unwrap();
    assert!(properties.remove("progress").is_some());
    install(cluster, &definition.to_string()).await;
    let mut world = World::in_cluster(cluster, "outage-field", &["--max-poll-interval=500ms"], |_| {}).await;
    let user = world.audit().await;
    // The API server takes up a definition some time later.
    world
        .create("trial", &spec_of("trial", &json!({ "suspend": true })))
        .await;
    until_written_as(&world, &json!({ "progress": "1/2", "phase": "Suspended" }), |status| {
        status["progress"].is_null()
    })
    .await;
    is_followed_to_its_end(world, &user).await;
    cluster.shut_down();
}

/// A mutating webhook that knows better.
#[tokio::test]
async fn a_webhook_that_changes_the_status_holds_up_nothing() {
    let (world, user) = requests::audited("outage-webhook", &["--max-poll-interval=500ms"]).await;
    let patch = json!([{ "op": "replace", "path": "/status/conditions/0/message", "value": "changed" }]);
    let webhook = Webhook::patching(&patch).await.unwrap();
    let (group, resource) = ("devicedefender.dev", "auditmitigationtasks");
    let configuration = webhook.of_statuses(&world.namespace, &world.namespace, group, resource);
    world.cluster.apply(&configuration.to_string()).await.unwrap();
    world
        .create("trial", &spec_of("trial", &json!({ "suspend": true })))
        .await;
    let condition = json!({
        "type": "Ready", "status": "False", "reason": "Suspended", "message": "as written",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    until_written_as(&world, &json!({ "conditions": [condition] }), |status| {
        status["conditions"][0]["message"] == "changed"
    })
    .await;
    is_followed_to_its_end(world, &user).await;
}

/// Waits until a status that is written comes out as expected; nothing is stored.
async fn until_written_as(world: &World, written: &Value, expected: impl Fn(&Value) -> bool) {
    let dry_run = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let patch = Patch::Merge(json!({ "status": written }));
    eventually(LIMIT, "the API server alters the status", async || {
        let task = world.tasks().patch_status("trial", &dry_run, &patch).await;
        let stored = serde_json::to_value(status(&task.map_err(|error| error.to_string())?)).unwrap();
        if expected(&stored) {
            Ok(())
        } else {
            Err(stored.to_string())
        }
    })
    .await
    .unwrap();
}
