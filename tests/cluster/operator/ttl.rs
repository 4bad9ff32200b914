//! `ttlSecondsAfterFinished`, and what it means when the resource is applied again.

use audit_mitigation_operator::api::{Phase, StartedBy};
use serde_json::{Value, json};
use simulator::Operation;

use super::{World, spec};

fn with_ttl(task_id: &str, seconds: u32) -> Value {
    let mut spec = spec(task_id);
    spec["ttlSecondsAfterFinished"] = json!(seconds);
    spec
}

#[tokio::test]
async fn a_finished_resource_is_deleted_after_its_ttl_and_applied_again_runs_nothing() {
    let world = World::new("ttl").await;
    world.create("one", &with_ttl("ttl", 2)).await;
    world.until_gone("one").await;
    assert_eq!(world.aws.starts("ttl"), 1);
    // As Argo CD and Flux do: applied again. It lives for its TTL after it was found to be finished.
    world.create("one", &with_ttl("ttl", 3600)).await;
    let again = world.phase("one", Phase::Completed).await;
    assert_eq!(again.started_by, Some(StartedBy::Other));
    assert_eq!(world.aws.starts("ttl"), 1);
}

#[tokio::test]
async fn a_ttl_that_passes_while_no_operator_runs_is_kept() {
    let mut world = World::new("ttl-restart").await;
    world.create("one", &with_ttl("ttl-restart", 86_400)).await;
    world.phase("one", Phase::Completed).await;
    world
        .until("one", "the finalizer is off", |task| !super::has_finalizer(task))
        .await;
    world.operator.take().unwrap().kill().unwrap();
    world
        .edit("one", &json!({ "spec": { "ttlSecondsAfterFinished": 0 } }))
        .await;
    world.aws.clear_calls();
    world.start_operator();
    world.until_gone("one").await;
    assert!(world.aws.calls().is_empty(), "{:?}", world.aws.calls());
}

/// Rejected and Conflict are for somebody to look at: no TTL deletes them.
#[tokio::test]
async fn a_rejected_resource_is_kept() {
    let world = World::new("ttl-rejected").await;
    let invalid = simulator::FaultKind::Error {
        status: 400,
        code: "InvalidRequestException".to_owned(),
        message: "no".to_owned(),
    };
    world
        .aws
        .inject(simulator::Fault::new(invalid).on(Operation::START).task("rejected"));
    world.create("rejected", &with_ttl("rejected", 0)).await;
    world.create("completed", &with_ttl("completed", 0)).await;
    world.phase("rejected", Phase::Rejected).await;
    world.until_gone("completed").await;
    world.phase("rejected", Phase::Rejected).await;
}

/// The loop that Argo CD and Flux make of a TTL is told once, also when the operator is restarted.
#[tokio::test]
async fn a_ttl_on_a_resource_that_argo_cd_or_flux_makes_again_is_warned_of_once() {
    let mut world = World::new("ttl-gitops").await;
    let tracking_id = format!("fleet:devicedefender.dev/AuditMitigationTask:{}/argo", world.namespace);
    let flux =
        json!({ "kustomize.toolkit.fluxcd.io/name": "fleet", "kustomize.toolkit.fluxcd.io/namespace": "flux-system" });
    let told = ["TTLUnderGitOps", "Started", "Completed"];
    for (name, metadata) in [
        (
            "argo",
            json!({ "annotations": { "argocd.argoproj.io/tracking-id": tracking_id } }),
        ),
        ("flux", json!({ "labels": flux })),
    ] {
        let mut object = super::object(name, &with_ttl(name, 3600));
        object["metadata"]
            .as_object_mut()
            .unwrap()
            .extend(metadata.as_object().unwrap().clone());
        world.apply(&object.to_string()).await;
        // Not its phase: events are written on the side, and a kill loses those that wait.
        world.until_events(name, &told).await;
    }
    world.operator.take();
    world.start_operator();
    // Something that happens after the operator has looked at everything.
    world.create("after", &spec("after")).await;
    world.until_events("after", &["Started", "Completed"]).await;
    for name in ["argo", "flux"] {
        world.until_events(name, &told).await;
    }
}
