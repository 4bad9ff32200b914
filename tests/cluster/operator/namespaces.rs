//! Namespaces that go away, and the CRD.

use audit_mitigation_operator::api::Phase;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams};
use serde_json::json;
use simulator::{Config, Fault, FaultKind, Operation, Outcome, Server};
use support::{Cluster, ClusterOptions, eventually, operator, ports};

use super::{LIMIT, World, http_get, object, spec, until_older_than};
use crate::crd::{CRD, install};

#[tokio::test]
async fn a_namespace_with_tasks_in_every_phase_goes_away() {
    let world = World::with("namespace", &["--max-running-tasks", "2"], |_| {}).await;
    world.create("completed", &spec("completed")).await;
    world.phase("completed", Phase::Completed).await;
    world.aws.set_outcome("*", Outcome::held());
    let mut suspended = spec("suspended");
    suspended["suspend"] = json!(true);
    world.create("suspended", &suspended).await;
    world.create("running", &spec("running")).await;
    world.phase("running", Phase::Running).await;
    world
        .aws
        .inject(Fault::new(FaultKind::Unavailable).on(Operation::START).task("open"));
    world.create("open", &spec("open")).await;
    world
        .until("open", "the attempt is open", |task| {
            super::status(task).attempt.is_some()
        })
        .await;
    world.create("queued", &spec("queued")).await;
    world.phase("queued", Phase::Queued).await;
    world.phase("suspended", Phase::Suspended).await;
    // The open attempt could only be settled in fifteen minutes: here the task is there after all.
    world.aws.clear_faults();

    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    namespaces
        .delete(&world.namespace, &DeleteParams::default())
        .await
        .unwrap();
    let gone = eventually(LIMIT, "the namespace is gone", async || {
        match namespaces.get_opt(&world.namespace).await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    gone.await
        .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", world.log()));
    assert_eq!(world.aws.task("running").unwrap().status, "CANCELED");
    assert!(
        world.aws.tasks().iter().all(|task| task.status != "IN_PROGRESS"),
        "{:?}",
        world.aws.tasks()
    );
}

/// The CRD is removed with a task running: the resources go in order, the operator waits, and goes on with a new CRD.
#[tokio::test]
async fn the_crd_can_be_removed_and_come_back() {
    let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
    install(&cluster, CRD).await;
    let aws = Server::start(Config::default()).unwrap();
    aws.set_outcome("held", Outcome::held());
    let port = ports::free().unwrap();
    let program = env!("CARGO_BIN_EXE_audit-mitigation-operator");
    let command = operator::command(
        program.as_ref(),
        cluster.kubeconfig(),
        &aws.endpoint(),
        "AKIATEST",
        port,
    );
    let process = cluster.spawn("operator", command).unwrap();
    let until = async |what: &str, condition: &dyn Fn() -> Result<(), String>| {
        eventually(LIMIT, what, async || condition())
            .await
            .unwrap_or_else(|error| panic!("{error:#}\n{}", process.log_tail()));
    };
    cluster.apply(&object("held", &spec("held")).to_string()).await.unwrap();
    let state = |id: &str| aws.task(id).map(|task| task.status);
    until("it runs", &|| state("held").map(|_| ()).ok_or("not started".to_owned())).await;

    cluster
        .kubectl_ok(&[
            "delete",
            "crd",
            "auditmitigationtasks.devicedefender.dev",
            "--timeout=120s",
        ])
        .await
        .unwrap();
    assert_eq!(state("held").as_deref(), Some("CANCELED"));
    eventually(LIMIT, "/readyz says that the watch is gone", async || {
        match http_get(port, "/readyz").await {
            Ok((503, text)) => Ok(text),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
    assert_eq!(http_get(port, "/livez").await.unwrap().0, 200);

    install(&cluster, CRD).await;
    cluster
        .kubectl_ok(&[
            "wait",
            "--for=condition=Established",
            "crd/auditmitigationtasks.devicedefender.dev",
            "--timeout=60s",
        ])
        .await
        .unwrap();
    cluster
        .apply(&object("again", &spec("again")).to_string())
        .await
        .unwrap();
    until("the next is started", &|| {
        state("again").map(|_| ()).ok_or("not started".to_owned())
    })
    .await;
}

/// Of two namespaces the operator may list only one at first: it says which it waits for, and starts nothing. An older
/// resource in the other comes first.
#[tokio::test]
async fn the_operator_is_ready_when_it_can_list_every_namespace() {
    let mut world = World::without_operator("listed", &["--max-running-tasks", "1"], |_| {}).await;
    let other = world.cluster.namespace("unlisted").await.unwrap();
    world.aws.set_outcome("older", Outcome::held());
    let mut older = object("older", &spec("older"));
    older["metadata"]["namespace"] = json!(other);
    world.cluster.apply(&older.to_string()).await.unwrap();
    let account = format!("--serviceaccount={}:default", world.namespace);
    let grant = ["create", "rolebinding", "all", "--clusterrole=cluster-admin", &account];
    world.kubectl(&grant).await;
    let kubeconfig = world
        .cluster
        .kubeconfig_for_service_account(&world.namespace, "default");
    world.kubeconfig = kubeconfig.await.unwrap();
    let own = std::mem::take(&mut world.namespace);
    world.namespace = format!("{own},{other}");
    let operator_began = jiff::Timestamp::now();
    world.start_operator();
    world.namespace = own;
    let readyz = async |code: u16, says: &str| {
        eventually(LIMIT, says, async || match http_get(world.port, "/readyz").await {
            Ok((status, text)) if status == code && text.contains(says) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await
        .unwrap();
    };
    readyz(503, &other).await;
    until_older_than(operator_began, 2).await;
    world.create("one", &spec("one")).await;
    world
        .cluster
        .kubectl_ok(&[&["--namespace", &other], &grant[..]].concat())
        .await
        .unwrap();
    readyz(200, "ok").await;
    world.until_called(Operation::START, 1).await;
    assert_eq!(world.aws.starts("one"), 0, "the queue is not known before all are");
    world.phase("one", Phase::Queued).await;
    world.aws.finish("older");
    world.phase("one", Phase::Completed).await;
}
