//! What Flux's own controller makes of the Kustomization of policies.

use crate::approval::hash;
use crate::kustomize_controller::{Flux, alone};
use crate::policies::{MANIFEST, NIGHTLY, SCHEDULE, approving};

#[tokio::test]
async fn tasks_are_left_alone_and_go_with_their_policy() {
    let flux = Flux::of_policies("flux").await;
    flux.world.add_schedule();
    flux.world.add_problems(60);
    flux.create(alone).await;
    flux.commit("first", MANIFEST).await;
    flux.until("True", "Applied revision: main@sha1:first", "first").await;

    let task = format!("{NIGHTLY}-{}", flux.world.audit(SCHEDULE));
    flux.world.until_made(&task).await;
    let waiting = flux.world.phase(&task, "AwaitingApproval").await;
    // One that waits, and findings, don't keep the Kustomization from being ready.
    let edited = MANIFEST.replace("findings: 50", "findings: 40");
    flux.commit("edited", &edited).await;
    flux.until("True", "", "edited").await;
    let after = flux.world.phase(&task, "AwaitingApproval").await;
    assert_eq!(after["metadata"]["uid"], waiting["metadata"]["uid"]);
    let labels = after["metadata"]["labels"].as_object().unwrap();
    assert_eq!(labels.keys().collect::<Vec<_>>(), ["devicedefender.dev/policy"]);

    // The hash in the policy approves the plan of its task.
    flux.commit("approved", &approving(&hash(&after))).await;
    flux.until("True", "", "approved").await;
    flux.world.phase(&task, "Completed").await;

    // Another file stays in the folder: one without any object is refused.
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: another\n";
    flux.commit("removed", config).await;
    flux.until("True", "", "removed").await;
    flux.world.until_empty().await;
    assert_eq!(flux.world.started(), 1);
}

#[tokio::test]
async fn a_policy_whose_schedule_does_not_exist_fails_the_kustomization_at_once() {
    let flux = Flux::of_policies("flux").await;
    flux.create(alone).await;
    flux.commit("first", MANIFEST).await;
    let namespace = &flux.world.namespace;
    let stalled = format!("failed early due to stalled resources: [AuditMitigationPolicy/{namespace}/{NIGHTLY} ");
    flux.until("False", &stalled, "first").await;
}
