//! What re-creation means: the table of docs/gitops.md, measured with the real kubectl.

use std::time::Duration;

use audit_mitigation_operator::api::Phase;
use futures::future::LocalBoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use serde_json::{Value, json};
use simulator::{Operation, Outcome};
use support::{Cluster, ClusterOptions, eventually};
use tokio::sync::OnceCell;

use super::{LIMIT, World, condition, has_finalizer, message, object, status};
use crate::crd::{CRD, install};

/// The name of every manifest here.
const NAME: &str = "certs";

/// Every row of the table, in its order: what is done, and how that is tried.
fn cases() -> Vec<(&'static str, LocalBoxFuture<'static, World>)> {
    vec![
        ("applied again, unchanged", applied_again().boxed_local()),
        (
            "deleted after its end, applied again",
            deleted_and_applied(false).boxed_local(),
        ),
        (
            "deleted while its task runs, applied again",
            deleted_and_applied(true).boxed_local(),
        ),
        ("deleted by its TTL, applied again", deleted_by_its_ttl().boxed_local()),
        (
            "`kubectl replace` while its task runs",
            replaced(&[], true).boxed_local(),
        ),
        (
            "`kubectl replace --force` after its end",
            replaced(&["--force"], false).boxed_local(),
        ),
        (
            "`kubectl replace --force` while its task runs",
            replaced(&["--force"], true).boxed_local(),
        ),
        ("target edited after the start, applied", edited(&[]).boxed_local()),
        (
            "target edited after its end, applied with `--force`",
            edited(&["--force"]).boxed_local(),
        ),
        (
            "deleted, applied with another `spec.taskId`",
            applied_with_another_id().boxed_local(),
        ),
        (
            "applied in a second namespace",
            second_namespace(json!({})).boxed_local(),
        ),
        (
            "with a `spec.taskId`, applied in a second namespace",
            second_namespace(json!({ "taskId": "certs-2026-11" })).boxed_local(),
        ),
        (
            "the same `spec.taskId` in a second namespace, with another target",
            another_target_in_a_second_namespace().boxed_local(),
        ),
        ("applied in a second cluster", second_cluster().boxed_local()),
        (
            "and deleted there while the task runs",
            deleted_in_the_second_cluster().boxed_local(),
        ),
        (
            "deleted, restored from a backup with its annotations",
            restored(false).boxed_local(),
        ),
        (
            "the same, more than 90 days after the start",
            restored(true).boxed_local(),
        ),
        (
            "**applied in a rebuilt cluster more than 90 days after the start**",
            rebuilt_after_the_service_has_forgotten().boxed_local(),
        ),
    ]
}

#[tokio::test]
async fn the_table_is_what_was_measured() {
    let documented = table(include_str!("../../../docs/gitops.md"));
    let measured: Vec<String> = stream::iter(cases())
        .map(async |(what, case)| row(what, &case.await).await)
        .buffered(3)
        .collect()
        .await;
    let measured = measured.join("\n");
    assert!(
        documented == measured,
        "docs/gitops.md, \"What re-creation means\", isn't what was measured:\n{measured}"
    );
}

/// The rows of the table, without its head.
fn table(page: &str) -> String {
    let (_, after) = page.split_once("| AWS tasks |").expect("the table");
    let rows: Vec<_> = after.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    rows.join("\n")
}

/// What came of it: the tasks that were ever started in the account, and what the resource says.
async fn row(what: &str, world: &World) -> String {
    let task = world
        .until(NAME, what, |task| {
            let status = status(task);
            let is_settled = |phase| !matches!(phase, Phase::Pending | Phase::Queued | Phase::Canceling);
            status.observed_generation == task.metadata.generation && status.phase.is_some_and(is_settled)
        })
        .await;
    let status = status(&task);
    // The namespaces of a test have random names.
    let message = message(&status).replace(&world.namespace, "fleet");
    format!(
        "| {what} | {} | `{:?}` | `{}` | {} | {message} |",
        world.tasks_started(),
        status.phase.unwrap(),
        condition(&status, "Ready").1,
        status
            .started_by
            .map_or_else(String::new, |by| format!("`{}`", json!(by).as_str().unwrap())),
    )
}

impl World {
    /// How many tasks were ever started in its account.
    fn tasks_started(&self) -> u64 {
        self.aws.counters().tasks_started
    }

    /// Waits until something made now is younger than every task's end, for Kubernetes keeps whole seconds only.
    async fn is_younger(&self) {
        let ends: Vec<_> = self.aws.tasks().into_iter().filter_map(|task| task.end).collect();
        eventually(LIMIT, "a second has passed", async || {
            let now = jiff::Timestamp::now();
            let is_younger = |end: &jiff::Timestamp| now.duration_since(*end) >= jiff::SignedDuration::from_secs(1);
            if ends.iter().all(is_younger) { Ok(()) } else { Err(now) }
        })
        .await
        .unwrap();
    }

    async fn is_deleted(&self) {
        self.kubectl(&["delete", "amt", NAME, "--timeout=120s"]).await;
    }

    /// Applies the manifest and waits for its task: to its end, or until it is seen to run.
    async fn has_run(prefix: &str, spec: &Value, runs: bool) -> Self {
        let world = Self::new(prefix).await;
        if runs {
            world.aws.set_outcome("*", Outcome::held());
        }
        world.apply(&manifest(spec)).await;
        let phase = if runs { Phase::Running } else { Phase::Completed };
        world.phase(NAME, phase).await;
        world
    }
}

/// The manifest, with these members of spec besides.
fn manifest(more: &Value) -> String {
    let mut spec = json!({
        "target": { "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" },
        "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    object(NAME, &spec).to_string()
}

async fn applied_again() -> World {
    let world = World::has_run("again", &json!({}), false).await;
    world.apply(&manifest(&json!({}))).await;
    world
}

async fn deleted_and_applied(runs: bool) -> World {
    let world = World::has_run("delete", &json!({}), runs).await;
    world.is_deleted().await;
    world.is_younger().await;
    world.apply(&manifest(&json!({}))).await;
    world
}

async fn deleted_by_its_ttl() -> World {
    let ttl = |seconds: u32| json!({ "ttlSecondsAfterFinished": seconds });
    let world = World::has_run("ttl-again", &ttl(86_400), false).await;
    // The day passes.
    world.edit(NAME, &json!({ "spec": ttl(0) })).await;
    world.until_gone(NAME).await;
    world.is_younger().await;
    world.apply(&manifest(&ttl(86_400))).await;
    world
}

async fn replaced(flags: &[&str], runs: bool) -> World {
    let world = World::has_run("replace", &json!({}), runs).await;
    world.is_younger().await;
    let args = [&["replace", "--namespace", &world.namespace, "-f", "-"], flags].concat();
    // kubectl reads before it replaces: where the operator writes in between, it says to try again.
    eventually(LIMIT, "it is replaced", async || {
        let output = world.cluster.kubectl_stdin(&args, &manifest(&json!({}))).await.unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() || error.contains("(Conflict)"), "{error}");
        if output.status.success() { Ok(()) } else { Err(error) }
    })
    .await
    .unwrap();
    if runs && flags.is_empty() {
        // The manifest has no finalizer, so the replacement took it off.
        world.until(NAME, "the finalizer is back", has_finalizer).await;
    }
    world
}

async fn edited(flags: &[&str]) -> World {
    let world = World::has_run("edit", &json!({}), false).await;
    world.is_younger().await;
    let another = manifest(&json!({ "target": { "auditTaskId": "b5aea009955e501a31b764abe1bebd3d" } }));
    let args = [&["apply", "--namespace", &world.namespace, "-f", "-"], flags].concat();
    let output = world.cluster.kubectl_stdin(&args, &another).await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    if flags.is_empty() {
        assert!(
            error.contains("target is immutable once the task has been started"),
            "{error}"
        );
    } else {
        assert!(output.status.success(), "{error}");
        world.phase(NAME, Phase::Completed).await;
    }
    world
}

async fn applied_with_another_id() -> World {
    let world = World::has_run("another-id", &json!({}), true).await;
    world.is_deleted().await;
    world.aws.clear_outcomes();
    world.apply(&manifest(&json!({ "taskId": "certs-again" }))).await;
    world.phase(NAME, Phase::Completed).await;
    world
}

/// A world whose operator watches a second namespace too; the second namespace's resource is looked at.
async fn second_namespace(spec: Value) -> World {
    let manifest = manifest(&spec);
    let world = two_namespaces(&manifest, &manifest).await;
    world.phase(NAME, Phase::Completed).await;
    world
}

async fn another_target_in_a_second_namespace() -> World {
    let with_target = |audit: &str| manifest(&json!({ "taskId": "certs-2026-11", "target": { "auditTaskId": audit } }));
    two_namespaces(
        &with_target("a3aea009955e501a31b764abe1bebd3d"),
        &with_target("b5aea009955e501a31b764abe1bebd3d"),
    )
    .await
}

async fn two_namespaces(first: &str, second: &str) -> World {
    let mut world = World::without_operator("second", &[], |_| {}).await;
    let other = world.cluster.namespace("first").await.unwrap();
    world.flags = vec!["--watch-namespaces".to_owned(), other.clone()];
    world.start_operator();
    let mine = std::mem::replace(&mut world.namespace, other);
    world.apply(first).await;
    world.phase(NAME, Phase::Completed).await;
    world.is_younger().await;
    world.namespace = mine;
    world.apply(second).await;
    world
}

/// A namespace of the same name in another cluster, with an operator of its own, against the same account.
async fn in_the_second_cluster(first: &World) -> World {
    static SECOND: OnceCell<Cluster> = OnceCell::const_new();
    let start = async || {
        let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
        install(&cluster, CRD).await;
        cluster
    };
    let cluster = SECOND.get_or_init(start).await;
    cluster
        .kubectl_ok(&["create", "namespace", &first.namespace])
        .await
        .unwrap();
    let mut second = World {
        cluster,
        kubeconfig: cluster.kubeconfig().to_owned(),
        client: cluster.client().await.unwrap(),
        namespace: first.namespace.clone(),
        endpoint: first.endpoint.clone(),
        ..World::without_operator("unused", &[], |_| {}).await
    };
    second.start_operator();
    second
}

async fn second_cluster() -> World {
    let mut first = World::has_run("clusters", &json!({}), false).await;
    first.is_younger().await;
    let mut second = in_the_second_cluster(&first).await;
    second.apply(&manifest(&json!({}))).await;
    second.phase(NAME, Phase::Completed).await;
    // The account is the first's.
    std::mem::swap(&mut first.aws, &mut second.aws);
    second
}

async fn deleted_in_the_second_cluster() -> World {
    let first = World::has_run("clusters-run", &json!({}), true).await;
    let second = in_the_second_cluster(&first).await;
    second.apply(&manifest(&json!({}))).await;
    second.phase(NAME, Phase::Running).await;
    second.is_deleted().await;
    assert!(first.calls(Operation::CANCEL).is_empty());
    first
}

/// A backup tool gives annotations back, but neither uid nor, by default, status.
async fn restored(is_forgotten: bool) -> World {
    let world = World::has_run("restored", &json!({}), false).await;
    let backup = world.backup(NAME).await;
    world.is_deleted().await;
    world.is_younger().await;
    if is_forgotten {
        world.aws.advance(Duration::from_hours(91 * 24));
    }
    world.restore(&backup, false).await;
    world
}

async fn rebuilt_after_the_service_has_forgotten() -> World {
    let mut first = World::has_run("rebuilt", &json!({}), false).await;
    first.operator.take();
    first.aws.advance(Duration::from_hours(91 * 24));
    let mut second = in_the_second_cluster(&first).await;
    second.apply(&manifest(&json!({}))).await;
    second.phase(NAME, Phase::Completed).await;
    std::mem::swap(&mut first.aws, &mut second.aws);
    second
}
