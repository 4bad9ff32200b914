//! Several replicas: one works, the others stand by.

use std::process::ExitStatus;
use std::time::Instant;

use audit_mitigation_operator::api::Phase;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::api::{Api, DeleteParams};
use serde_json::json;
use simulator::{Fault, FaultKind, Operation, Outcome};
use support::wire::Condition;
use support::{Process, eventually, ports};

use super::{LIMIT, World, http_get, spec};

pub(super) const HOLDS: &str = "this process holds the lease";
pub(super) const STANDS_BY: &str = "the lease was read";
const WORKS: &str = "watching AuditMitigationTasks";

/// A world without an operator yet, whose replicas elect a leader.
async fn world(prefix: &str) -> World {
    let mut world = World::without_operator(prefix, &[], |_| {}).await;
    elect(&mut world);
    world
}

/// The operators to come elect a leader.
pub(super) fn elect(world: &mut World) {
    let namespace = format!("--lease-namespace={}", world.namespace);
    world.flags.extend(["--leader-elect".to_owned(), namespace]);
}

pub(super) struct Replica {
    pub(super) process: Process,
    port: u16,
}

impl Replica {
    pub(super) fn start(world: &mut World) -> Self {
        world.port = ports::free().unwrap();
        world.start_operator();
        Self {
            process: world.operator.take().unwrap(),
            port: world.port,
        }
    }

    pub(super) async fn says(&self, what: &str) {
        eventually(LIMIT, what, async || self.has_said(what)).await.unwrap();
    }

    fn has_said(&self, what: &str) -> Result<(), String> {
        let log = self.process.log();
        if log.contains(what) { Ok(()) } else { Err(log) }
    }

    pub(super) fn leads(&self) -> bool {
        self.has_said(HOLDS).is_ok()
    }
}

/// Waits until the second leads, which is not before the first has ended.
pub(super) async fn taken_over(first: &mut Replica, second: &Replica) -> ExitStatus {
    eventually(LIMIT, "the standby takes over", async || {
        // Asked in this order: whoever leads now must not do so beside the other.
        let leads = second.leads();
        let ended = first.process.ended().unwrap();
        match (leads, ended) {
            (true, None) => panic!("two at work:\n{}\n{}", first.process.log(), second.process.log()),
            (true, Some(status)) => Ok(status),
            (false, _) => Err("not yet"),
        }
    })
    .await
    .unwrap()
}

async fn lease(world: &World) -> LeaseSpec {
    let api: Api<Lease> = Api::namespaced(world.client.clone(), &world.namespace);
    api.get("audit-mitigation-operator").await.unwrap().spec.unwrap()
}

#[tokio::test]
async fn a_standby_takes_over_after_a_kill_and_after_sigterm() {
    let mut world = world("replicas").await;
    world.aws.set_outcome("held", Outcome::held());
    let mut first = Replica::start(&mut world);
    first.says(WORKS).await;
    let mut second = Replica::start(&mut world);
    second.says(STANDS_BY).await;
    assert_eq!(
        http_get(second.port, "/readyz").await.unwrap().0,
        200,
        "a rollout must not wait for a standby"
    );
    world.create("one", &spec("held")).await;
    world.phase("one", Phase::Running).await;
    let holder = lease(&world).await.holder_identity.unwrap();
    assert!(!second.leads(), "only one holds it");
    assert!(second.has_said(WORKS).is_err(), "a standby does not even watch");

    let killed = Instant::now();
    first.process.kill().unwrap();
    second.says(HOLDS).await;
    // Shown and not judged: how long it takes on this machine.
    println!("taken over {:.1} s after the kill", killed.elapsed().as_secs_f64());
    let taken = lease(&world).await;
    assert_ne!(taken.holder_identity.unwrap(), holder);
    assert_eq!(taken.lease_transitions, Some(1));
    world.aws.finish("held");
    world.phase("one", Phase::Completed).await;
    assert_eq!(world.calls(Operation::START).len(), 1);

    let third = Replica::start(&mut world);
    third.says(STANDS_BY).await;
    assert!(!third.leads());
    let told = Instant::now();
    assert!(second.process.stop(LIMIT).await.unwrap().success());
    second.has_said("the lease was given back").unwrap();
    third.says(HOLDS).await;
    println!("taken over {:.1} s after SIGTERM", told.elapsed().as_secs_f64());
    world.create("two", &spec("two")).await;
    world.phase("two", Phase::Completed).await;
    assert_eq!(world.aws.starts("two"), 1);
    assert_eq!(lease(&world).await.lease_transitions, Some(2));
}

/// A leader that is cut off ends before the standby takes over; its call without an answer becomes no second task.
#[tokio::test]
async fn a_leader_that_is_cut_off_ends_before_another_takes_over() {
    let mut world = world("cut-off").await;
    let direct = world.kubeconfig.clone();
    let wire = world.lay_wire().await;
    let mut first = Replica::start(&mut world);
    first.says(WORKS).await;
    world.kubeconfig = direct;
    let mut second = Replica::start(&mut world);
    second.says(STANDS_BY).await;
    let unanswered = Fault::new(FaultKind::Hang).after_work();
    world.aws.inject(unanswered.on(Operation::START).times(1));
    world.create("one", &spec("one")).await;
    eventually(LIMIT, "the task runs, and its start isn't answered", async || {
        world.aws.task("one").map(|_| ()).ok_or("no task")
    })
    .await
    .unwrap();

    wire.set(Condition::Cut);
    world.create("two", &spec("two")).await;
    let status = taken_over(&mut first, &second).await;
    assert!(!status.success(), "{status}");
    first.has_said("the lease was lost").unwrap();
    for name in ["one", "two"] {
        world.phase(name, Phase::Completed).await;
        assert_eq!(world.aws.starts(name), 1);
    }
    assert!(second.process.ended().unwrap().is_none());
}

/// Who takes the lease away by hand ends the leader; who deletes it changes nothing.
#[tokio::test]
async fn a_lease_that_was_deleted_is_made_again_and_one_that_was_taken_is_left() {
    let mut world = world("taken").await;
    let mut first = Replica::start(&mut world);
    first.says(HOLDS).await;
    let api: Api<Lease> = Api::namespaced(world.client.clone(), &world.namespace);
    let name = "audit-mitigation-operator";
    let holder = lease(&world).await.holder_identity;
    api.delete(name, &DeleteParams::default()).await.unwrap();
    eventually(LIMIT, "it is made again", async || match api.get_opt(name).await {
        Ok(Some(lease)) if lease.spec.as_ref().unwrap().holder_identity == holder => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap();
    world.create("one", &spec("one")).await;
    world.phase("one", Phase::Completed).await;

    let args = ["patch", "lease", name, "--type=merge", "-p"];
    let patch = json!({ "spec": { "holderIdentity": "somebody" } }).to_string();
    world.kubectl(&[&args[..], &[&patch]].concat()).await;
    assert!(!first.process.wait(LIMIT).await.unwrap().success());
    first.has_said("the lease was lost").unwrap();
    assert_eq!(lease(&world).await.holder_identity.as_deref(), Some("somebody"));
}
