//! An API server that goes down with its etcd, and comes back.

use std::time::Duration;

use audit_mitigation_operator::api::Phase;
use simulator::{Fault, FaultKind, Operation, Outcome};
use support::{AuditedUser, Cluster, Wire, eventually};

use super::bounds::Bounds;
use super::{World, cancel, own_cluster};
use crate::operator::lease::elect;
use crate::operator::{LIMIT, condition, http_get, spec};

/// An operator in the middle of its work, without leader election and with it. Down are both, etcd and the API server,
/// and each operator finds out; meanwhile AWS goes on.
#[tokio::test]
async fn work_goes_on_after_the_api_server_and_etcd_were_down() {
    let cluster = own_cluster(&[]).await;
    let (mut alone, mut leader) = tokio::join!(
        Life::begin(cluster, "down-alone", |_| {}),
        Life::begin(cluster, "down-leader", elect)
    );
    cluster.stop_apiserver().unwrap();
    cluster.stop_etcd().unwrap();
    for life in [&alone, &leader] {
        life.world.aws.finish("ending");
        life.world.aws.clear_faults();
    }
    alone.world.until_logged("the watch broke off", 4).await;
    alone.world.until_logged("reconcile failed", 4).await;
    // A leader that can't renew its lease ends, and is replaced as Kubernetes does it.
    let mut ended = leader.world.operator.take().unwrap();
    assert!(!ended.wait(LIMIT).await.unwrap().success(), "{}", ended.log());
    assert!(ended.log().contains("the lease was lost"), "{}", ended.log());
    leader.world.start_operator();
    leader.world.until_logged("waiting for the API server", 1).await;

    cluster.start_etcd().unwrap();
    cluster.start_apiserver().await.unwrap();
    tokio::join!(alone.check(), leader.check());
    for life in [&mut alone, &mut leader] {
        let operator = life.world.operator.as_mut().unwrap();
        assert!(operator.ended().unwrap().is_none(), "{}", operator.log());
    }
    cluster.shut_down();
}

/// An operator's work: of each kind one.
struct Life {
    world: World,
    user: AuditedUser,
    wire: Wire,
}

const ALL: [&str; 6] = ["staying", "ending", "canceling", "starting", "first", "second"];

impl Life {
    async fn begin(cluster: &'static Cluster, prefix: &str, change: impl FnOnce(&mut World)) -> Self {
        let mut world = World::in_cluster(cluster, prefix, &["--max-running-tasks=4"], |_| {}).await;
        change(&mut world);
        let user = world.audit().await;
        let wire = world.lay_wire().await;
        world.start_operator();
        for name in ["staying", "ending", "canceling"] {
            world.aws.set_outcome(name, Outcome::held());
            world.create(name, &spec(name)).await;
            world.phase(name, Phase::Running).await;
        }
        world.aws.inject(Fault::new(FaultKind::Throttle).on(Operation::CANCEL));
        world.edit("canceling", &cancel()).await;
        world.phase("canceling", Phase::Canceling).await;
        // Its start is answered when no status can be written any more.
        let latency = FaultKind::Latency {
            before: Duration::ZERO,
            after: Duration::from_secs(4),
        };
        world.aws.set_outcome("starting", Outcome::held());
        world
            .aws
            .inject(Fault::new(latency).on(Operation::START).task("starting"));
        for name in ["starting", "first", "second"] {
            world.create(name, &spec(name)).await;
        }
        world.until_called(Operation::START, 4).await;
        for name in ["first", "second"] {
            world.phase(name, Phase::Queued).await;
        }
        Self { world, user, wire }
    }

    async fn check(&self) {
        let Self { world, user, wire } = self;
        world.phase("ending", Phase::Completed).await;
        let canceled = world.phase("canceling", Phase::Canceled).await;
        assert_eq!(condition(&canceled, "Failed").1, "CanceledBySpec");
        for name in ["staying", "starting"] {
            world.phase(name, Phase::Running).await;
            assert_eq!(world.aws.finish(name), 1);
        }
        for name in ["staying", "starting", "first", "second"] {
            world.phase(name, Phase::Completed).await;
        }
        for name in ALL {
            assert_eq!(world.aws.starts(name), 1, "{name}");
        }
        assert!(world.aws.counters().max_running <= 4);
        for probe in ["/livez", "/readyz"] {
            let ok = eventually(LIMIT, probe, async || match http_get(world.port, probe).await {
                Ok((200, _)) => Ok(()),
                other => Err(format!("{other:?}")),
            });
            ok.await.unwrap();
        }
        let bounds = Bounds {
            calls: 110,
            requests: 160,
            requests_a_second: 65,
        };
        bounds.assert_kept(world, user);
        // While nobody listened there was nothing to log: each try was a connection.
        println!("{} connections", wire.connections());
        assert!(wire.connections() <= 70, "{} connections", wire.connections());
    }
}
