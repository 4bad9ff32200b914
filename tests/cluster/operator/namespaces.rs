//! Namespaces that go away, and the CRD.

use audit_mitigation_operator::api::Phase;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams};
use serde_json::json;
use simulator::{Config, Fault, FaultKind, Operation, Outcome, Server};
use std::sync::Arc;
use support::proxy::{Asked, Fate, Pause, Side};
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

/// Of two namespaces the operator may list only one, as after the other was deleted with the roles in it, and the
/// operator restarted: it says so, and does its work. The other is served when it is back.
#[tokio::test]
async fn a_namespace_that_can_not_be_listed_holds_up_no_other() {
    let mut world = World::without_operator("listed", &[], |_| {}).await;
    let other = world.cluster.namespace("unlisted").await.unwrap();
    let mut there = object("there", &spec("there"));
    there["metadata"]["namespace"] = json!(other);
    world.cluster.apply(&there.to_string()).await.unwrap();
    let account = format!("--serviceaccount={}:default", world.namespace);
    let grant = ["create", "rolebinding", "all", "--clusterrole=cluster-admin", &account];
    world.kubectl(&grant).await;
    let kubeconfig = world
        .cluster
        .kubeconfig_for_service_account(&world.namespace, "default");
    world.kubeconfig = kubeconfig.await.unwrap();
    let own = std::mem::take(&mut world.namespace);
    world.namespace = format!("{own},{other}");
    world.start_operator();
    world.namespace = own;
    world.create("one", &spec("one")).await;
    world.phase("one", Phase::Completed).await;
    let readyz = async |what: &str, holds: &dyn Fn(&str) -> bool| {
        eventually(LIMIT, what, async || match http_get(world.port, "/readyz").await {
            Ok((200, text)) if text.starts_with("ok\n") && holds(&text) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await
        .unwrap();
    };
    readyz("/readyz names it", &|text| text.contains(&other)).await;
    assert_eq!(
        world.metric("audit_mitigation_operator_unavailable_namespaces").await,
        1
    );
    assert!(world.log().contains(&other), "{}", world.log());
    assert_eq!(world.aws.starts("there"), 0);

    world
        .cluster
        .kubectl_ok(&[&["--namespace", &other], &grant[..]].concat())
        .await
        .unwrap();
    world.until_called(Operation::START, 2).await;
    readyz("nothing is left to say", &|text| text == "ok\n").await;
    assert_eq!(
        world.metric("audit_mitigation_operator_unavailable_namespaces").await,
        0
    );
    assert_eq!(http_get(world.port, "/livez").await.unwrap().0, 200);
}

/// The list of the other namespace is late: nothing is started before it is there, for an older resource in it comes
/// first.
#[tokio::test]
async fn nothing_is_started_before_the_list_of_every_namespace_is_there() {
    let mut world = World::without_operator("listed", &["--max-running-tasks", "1"], |_| {}).await;
    let other = world.cluster.namespace("late").await.unwrap();
    world.aws.set_outcome("older", Outcome::held());
    let mut older = object("older", &spec("older"));
    older["metadata"]["namespace"] = json!(other);
    world.cluster.apply(&older.to_string()).await.unwrap();
    until_older_than(jiff::Timestamp::now(), 2).await;
    world.create("one", &spec("one")).await;
    let pause = Arc::new(Pause::default());
    let (held, path) = (Arc::clone(&pause), format!("/namespaces/{other}/auditmitigationtasks"));
    // The list before it, with a limit of one, only looks whether the CRD is there.
    let fate = move |asked: &Asked| {
        if asked.path.ends_with(&path) && asked.query.contains("limit=10") {
            Fate::Hold(Side::Before, Arc::clone(&held))
        } else {
            Fate::Pass
        }
    };
    let _proxy = world.lay_proxy(fate).await;
    let own = std::mem::take(&mut world.namespace);
    world.namespace = format!("{own},{other}");
    world.start_operator();
    world.namespace = own;
    pause.reached().await;
    eventually(LIMIT, "/readyz names it", async || {
        match http_get(world.port, "/readyz").await {
            Ok((503, text)) if text.contains(&other) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
    world.until_logged("watching AuditMitigationTasks", 1).await;
    pause.end();
    world.until_called(Operation::START, 1).await;
    assert_eq!(world.aws.starts("one"), 0, "the queue is not known before all are");
    world.phase("one", Phase::Queued).await;
    assert_eq!(http_get(world.port, "/readyz").await.unwrap().0, 200);
    world.aws.finish("older");
    world.phase("one", Phase::Completed).await;
}
