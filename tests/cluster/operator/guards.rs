//! What the operator writes is written only over what it has seen, and only while it surely leads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use audit_mitigation_operator::api::Phase;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Operation, Outcome};
use support::eventually;
use support::proxy::{Asked, Fate, Pause, Proxy, Side};

use super::lease::elect;
use super::{LIMIT, World, has_finalizer, spec, status};

const CONFLICT: u16 = 409;

/// A world whose operator reaches the API server through a proxy, which holds the first request of a kind.
struct Held {
    world: World,
    proxy: Proxy,
    pause: Arc<Pause>,
}

impl Held {
    async fn at(prefix: &str, is_it: impl Fn(&Asked) -> bool + Send + Sync + 'static) -> Self {
        let mut world = World::without_operator(prefix, &[], |_| {}).await;
        let (pause, done) = (Arc::new(Pause::default()), AtomicBool::new(false));
        let held = Arc::clone(&pause);
        let fate = move |asked: &Asked| {
            if is_it(asked) && !done.swap(true, Ordering::SeqCst) {
                Fate::Hold(Side::Before, Arc::clone(&held))
            } else {
                Fate::Pass
            }
        };
        let proxy = world.lay_proxy(fate).await;
        world.start_operator();
        Self { world, proxy, pause }
    }

    /// Lets the request go on, which has to be refused because somebody was faster.
    async fn is_refused(&self, is_it: impl Fn(&Asked) -> bool) {
        self.pause.end();
        let answered = eventually(LIMIT, "the write that was held is answered", async || {
            let answered = self.proxy.answered();
            let first = answered.iter().find(|(asked, _)| is_it(asked));
            first.map(|(_, status)| *status).ok_or("not yet")
        })
        .await;
        assert_eq!(answered.unwrap(), CONFLICT);
    }

    async fn touch(&self) {
        self.world
            .edit(
                "one",
                &json!({ "metadata": { "annotations": { "somebody": "was here" } } }),
            )
            .await;
    }
}

fn is_metadata(asked: &Asked) -> bool {
    asked.method == "PATCH" && asked.path.ends_with("/auditmitigationtasks/one")
}

fn is_status(asked: &Asked) -> bool {
    asked.method == "PATCH" && asked.path.ends_with("/auditmitigationtasks/one/status")
}

#[tokio::test]
async fn a_record_is_not_written_over_an_edit() {
    let held = Held::at("guard-record", is_metadata).await;
    held.world.create("one", &spec("guard-record")).await;
    held.pause.reached().await;
    held.world.edit("one", &json!({ "spec": { "suspend": true } })).await;
    held.is_refused(is_metadata).await;
    held.world.phase("one", Phase::Suspended).await;
    assert!(held.world.calls(Operation::START).is_empty());
}

#[tokio::test]
async fn a_status_is_not_written_over_another_one() {
    let held = Held::at("guard-status", is_status).await;
    held.world.create("one", &spec("guard-status")).await;
    held.pause.reached().await;
    held.touch().await;
    held.is_refused(is_status).await;
    held.world.phase("one", Phase::Completed).await;
    assert_eq!(held.world.aws.starts("guard-status"), 1);
}

/// Between the last look and the removal somebody's finalizer may have come.
#[tokio::test]
async fn a_finalizer_is_not_taken_off_what_has_changed() {
    let nth = AtomicUsize::new(0);
    // The first patch is the record's.
    let is_second = move |asked: &Asked| is_metadata(asked) && nth.fetch_add(1, Ordering::SeqCst) == 1;
    let held = Held::at("guard-finalizer", is_second).await;
    held.world.create("one", &spec("guard-finalizer")).await;
    held.pause.reached().await;
    let theirs = json!({ "metadata": { "finalizers": ["devicedefender.dev/task", "somebody.example/else"] } });
    held.world.edit("one", &theirs).await;
    held.pause.end();
    let task = held
        .world
        .until("one", "the own finalizer is gone", |task| !has_finalizer(task))
        .await;
    assert_eq!(task.metadata.finalizers, Some(vec!["somebody.example/else".to_owned()]));
    held.world
        .edit("one", &json!({ "metadata": { "finalizers": null } }))
        .await;
}

/// Somebody takes the finalizer off, and another one comes while it is put back.
#[tokio::test]
async fn a_finalizer_is_not_put_back_over_another() {
    let nth = AtomicUsize::new(0);
    // The first patch is the record's.
    let is_second = move |asked: &Asked| is_metadata(asked) && nth.fetch_add(1, Ordering::SeqCst) == 1;
    let held = Held::at("guard-put-back", is_second).await;
    held.world.aws.set_outcome("*", Outcome::held());
    held.world.create("one", &spec("guard-put-back")).await;
    held.world.phase("one", Phase::Running).await;
    let finalizers = |list: &[&str]| json!({ "metadata": { "finalizers": list } });
    held.world.edit("one", &finalizers(&[])).await;
    held.pause.reached().await;
    held.world.edit("one", &finalizers(&["somebody.example/else"])).await;
    held.pause.end();
    let task = held.world.until("one", "the finalizer is back", has_finalizer).await;
    let theirs = "somebody.example/else".to_owned();
    assert!(task.metadata.finalizers.unwrap().contains(&theirs));
    held.world.aws.finish("guard-put-back");
    held.world.phase("one", Phase::Completed).await;
    held.world.edit("one", &finalizers(&[])).await;
}

/// While the service takes its time to say that there is no task, somebody cancels: the same is not sent again.
#[tokio::test]
async fn a_replay_is_not_sent_on_what_was_read_before_a_slow_answer() {
    let world = World::new("guard-fresh").await;
    world
        .aws
        .inject(Fault::new(FaultKind::Unavailable).on(Operation::START).times(1));
    // Longer than the wait before the replay.
    let slow = FaultKind::Latency {
        before: Duration::from_secs(5),
        after: Duration::ZERO,
    };
    world.aws.inject(Fault::new(slow).on(Operation::DESCRIBE).times(1));
    world.create("one", &spec("guard-fresh")).await;
    world.until_called(Operation::DESCRIBE, 1).await;
    world.edit("one", &json!({ "spec": { "cancel": true } })).await;
    world
        .until("one", "the cancellation was seen", |task| {
            let status = status(task);
            status.task_id.is_some() || status.observed_generation == task.metadata.generation
        })
        .await;
    assert_eq!(world.calls(Operation::START).len(), 1);
}

#[tokio::test]
async fn a_ttl_does_not_delete_what_has_changed() {
    let is_delete = |asked: &Asked| asked.method == "DELETE";
    let held = Held::at("guard-delete", is_delete).await;
    let mut spec = spec("guard-delete");
    spec["ttlSecondsAfterFinished"] = json!(0);
    held.world.create("one", &spec).await;
    held.pause.reached().await;
    // Somebody wants to keep it after all.
    held.world
        .edit("one", &json!({ "spec": { "ttlSecondsAfterFinished": null } }))
        .await;
    held.is_refused(is_delete).await;
    held.world.phase("one", Phase::Completed).await;
}

/// An admission policy refuses every status of a namespace, once it is in force.
async fn refuse_statuses(world: &World) {
    let name = &world.namespace;
    let matched = json!({
        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": name } },
        "resourceRules": [{
            "apiGroups": ["devicedefender.dev"],
            "apiVersions": ["*"],
            "operations": ["UPDATE"],
            "resources": ["auditmitigationtasks/status"],
        }],
    });
    let of = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": { "name": name },
            "spec": spec,
        })
    };
    let policy = json!({ "matchConstraints": matched, "validations": [{ "expression": "false", "message": "no" }] });
    let binding = json!({ "policyName": name, "validationActions": ["Deny"] });
    let items = [
        of("ValidatingAdmissionPolicy", policy),
        of("ValidatingAdmissionPolicyBinding", binding),
    ];
    world
        .apply(&json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string())
        .await;
    let try_it = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let patch = Patch::Merge(json!({ "status": { "phase": "Pending" } }));
    eventually(LIMIT, "a status is refused", async || {
        let tried = world.tasks().patch_status("one", &try_it, &patch).await;
        tried.map_or(Ok(()), |_| Err("not yet"))
    })
    .await
    .unwrap();
}

/// The status that rests proves that nothing was sent. A Start while it stands would be sent again by the next process.
#[tokio::test]
async fn nothing_is_started_whose_status_is_refused() {
    let world = World::new("guard-refused").await;
    let mut suspended = spec("guard-refused");
    suspended["suspend"] = json!(true);
    world.create("one", &suspended).await;
    world.phase("one", Phase::Suspended).await;
    refuse_statuses(&world).await;
    world.edit("one", &json!({ "spec": { "suspend": null } })).await;
    world.until_logged("reconcile failed", 2).await;
    assert!(world.calls(Operation::START).is_empty());
    for kind in ["validatingadmissionpolicybinding", "validatingadmissionpolicy"] {
        world.kubectl(&["delete", kind, &world.namespace]).await;
    }
    world.phase("one", Phase::Completed).await;
    assert_eq!(world.calls(Operation::START).len(), 1);
}

/// A leader whose renewals can be cut off, though the API server takes everything else.
pub(super) struct Leader {
    pub(super) world: World,
    _proxy: Proxy,
    is_cut: Arc<AtomicBool>,
    failed: Arc<AtomicUsize>,
}

impl Leader {
    /// Other requests meet this fate.
    async fn start(prefix: &str, other: impl Fn(&Asked) -> Fate + Send + Sync + 'static) -> Self {
        Self::of(World::without_operator(prefix, &[], |_| {}).await, other).await
    }

    /// The same in this world.
    pub(super) async fn of(mut world: World, other: impl Fn(&Asked) -> Fate + Send + Sync + 'static) -> Self {
        let is_cut = Arc::new(AtomicBool::new(false));
        let failed = Arc::new(AtomicUsize::new(0));
        let (cuts, fails) = (Arc::clone(&is_cut), Arc::clone(&failed));
        let fate = move |asked: &Asked| {
            if asked.path.contains("/leases") && cuts.load(Ordering::SeqCst) {
                fails.fetch_add(1, Ordering::SeqCst);
                Fate::Cut(Side::Before)
            } else {
                other(asked)
            }
        };
        let proxy = world.lay_proxy(fate).await;
        elect(&mut world);
        world.start_operator();
        Self {
            world,
            _proxy: proxy,
            is_cut,
            failed,
        }
    }

    /// No renewal arrives any more. One is tried each second: after five it isn't sure of its lease, and it ends some
    /// seconds later.
    pub(super) async fn is_unsure(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        eventually(LIMIT, "some renewals have failed", async || {
            match self.failed.load(Ordering::SeqCst) {
                times @ ..5 => Err(format!("{times}")),
                _ => Ok(()),
            }
        })
        .await
        .unwrap();
    }

    pub(super) async fn ends(&mut self) {
        let operator = self.world.operator.as_mut().unwrap();
        assert!(!operator.wait(LIMIT).await.unwrap().success());
    }
}

#[tokio::test]
async fn nothing_is_written_while_the_lease_is_not_surely_held() {
    let mut leader = Leader::start("guard-lease", |_| Fate::Pass).await;
    leader.world.aws.set_outcome("*", Outcome::held());
    leader.world.create("one", &spec("guard-lease-one")).await;
    leader.world.phase("one", Phase::Running).await;
    leader.is_unsure().await;
    leader.world.create("two", &spec("guard-lease-two")).await;
    leader.ends().await;
    let world = &leader.world;
    assert!(world.status("two").await.phase.is_none(), "written without the lease");
    assert_eq!(world.aws.starts("guard-lease-two"), 0);
    world.aws.finish("guard-lease-one");
    let delete = DeleteParams::default();
    world.tasks().delete("two", &delete).await.unwrap();
}

/// All that is left to do is the call: the record was written while the lease was sure.
#[tokio::test]
async fn nothing_is_started_while_the_lease_is_not_surely_held() {
    let pause = Arc::new(Pause::default());
    let written = Arc::clone(&pause);
    let mut leader = Leader::start("guard-call", move |asked| {
        if is_metadata(asked) {
            Fate::Hold(Side::After, Arc::clone(&written))
        } else {
            Fate::Pass
        }
    })
    .await;
    leader.world.create("one", &spec("guard-call")).await;
    pause.reached().await;
    leader.is_unsure().await;
    pause.end();
    leader.ends().await;
    assert!(leader.world.aws.calls().is_empty(), "{:?}", leader.world.aws.calls());
}
