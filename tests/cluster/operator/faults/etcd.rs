//! An etcd that has forgotten what a watch was to go on from.

use audit_mitigation_operator::api::Phase;
use kube::api::DeleteParams;
use serde_json::json;
use simulator::Outcome;
use support::wire::Condition;

use super::bounds::Bounds;
use super::{World, cancel, own_cluster, spec_with};
use crate::operator::spec;

/// The watch breaks, and etcd is compacted beyond its last version before it can be taken up again. Whatever has
/// changed meanwhile is acted upon: what was created, edited, and deleted, with a finalizer and without one.
#[tokio::test]
async fn what_changed_before_a_compaction_is_seen_though_the_watch_is_too_old() {
    // From its cache the API server could answer a watch that etcd can't.
    let cluster = own_cluster(&["--watch-cache=false"]).await;
    let mut world = World::in_cluster(cluster, "compaction", &["--max-running-tasks=3"], |_| {}).await;
    let user = world.audit().await;
    let wire = world.lay_wire().await;
    world.start_operator();
    for name in ["deleted", "canceled", "holding"] {
        world.aws.set_outcome(name, Outcome::held());
        world.create(name, &spec(name)).await;
        world.phase(name, Phase::Running).await;
    }
    world.create("resumed", &spec_with("resumed", "suspend", true)).await;
    world.phase("resumed", Phase::Suspended).await;
    for name in ["ghost", "queued"] {
        world.create(name, &spec(name)).await;
        world.phase(name, Phase::Queued).await;
    }

    wire.set(Condition::Breaks(0));
    wire.reset();
    world.until_logged("the watch broke off", 1).await;
    world.create("created", &spec("created")).await;
    world.edit("resumed", &json!({ "spec": { "suspend": false } })).await;
    world.edit("canceled", &cancel()).await;
    for name in ["deleted", "ghost"] {
        world.tasks().delete(name, &DeleteParams::default()).await.unwrap();
    }
    cluster.compact_etcd().await.unwrap();
    wire.set(Condition::Whole);

    world.until_gone("deleted").await;
    world.phase("canceled", Phase::Canceled).await;
    for name in ["queued", "created", "resumed"] {
        world.phase(name, Phase::Completed).await;
    }
    assert!(world.log().contains("too old"), "{}", world.log());
    assert_eq!(world.aws.task("deleted").unwrap().status, "CANCELED");
    assert!(world.aws.task("ghost").is_none(), "it was deleted before its turn came");
    for task in world.aws.tasks() {
        assert_eq!(world.aws.starts(&task.task_id), 1, "{task:?}");
    }
    let bounds = Bounds {
        calls: 110,
        requests: 160,
        requests_a_second: 65,
    };
    bounds.assert_kept(&world, &user);
    drop(world);
    cluster.shut_down();
}
