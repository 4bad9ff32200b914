//! Somebody with rights on the status writes one by hand.

use audit_mitigation_operator::api::Phase;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use simulator::{Operation, Outcome};

use super::super::until_older_than;
use super::{World, region_of, spec_of, status};

/// By its status the task of an older resource is its own, token and all: neither an edit nor a deletion cancels it.
#[tokio::test]
async fn a_status_written_by_hand_over_an_older_resources_task_cancels_nothing() {
    let world = World::new("outage-claim").await;
    let case = "claimed";
    world.aws.set_outcome(case, Outcome::held());
    world.create("older", &spec_of(case, &json!({}))).await;
    world.phase("older", Phase::Running).await;
    let created = world.get("older").await.creation_timestamp().unwrap().0;
    until_older_than(created, 2).await;
    for (name, edit) in [("edited", true), ("deleted", false)] {
        world.create(name, &spec_of(case, &json!({ "suspend": true }))).await;
        world.phase(name, Phase::Suspended).await;
        let theirs: Value = serde_json::to_value(status(&world.get("older").await)).unwrap();
        let mut written = theirs;
        written["clientRequestToken"] = world.get(name).await.uid().unwrap().into();
        assert_eq!(written["startedBy"], "Self");
        assert_eq!(written["region"], region_of(case));
        let finalizer = json!({ "metadata": { "finalizers": ["devicedefender.dev/task"] } });
        world.edit(name, &finalizer).await;
        let patch = Patch::Merge(json!({ "status": written }));
        world
            .tasks()
            .patch_status(name, &PatchParams::default(), &patch)
            .await
            .unwrap();
        if edit {
            world.edit(name, &json!({ "spec": { "cancel": true } })).await;
            world
                .until_told(name, Phase::Running, "not started by this resource")
                .await;
        }
        world.delete(name).await;
        world.until_gone(name).await;
    }
    assert!(world.calls(Operation::CANCEL).is_empty());
    assert_eq!(world.aws.task(case).unwrap().status, "IN_PROGRESS");
    world.phase("older", Phase::Running).await;
    world.delete("older").await;
    world.until_gone("older").await;
    assert_eq!(world.aws.task(case).unwrap().status, "CANCELED");
}
