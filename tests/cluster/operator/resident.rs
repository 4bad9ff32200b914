//! The operator under the limits that the chart gives it, whatever tenants create and whoever reaches its port.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use audit_mitigation_operator::api::Phase;
use futures::{StreamExt as _, stream};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, PostParams};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::{Map, Value, json};
use simulator::{Operation, Outcome};
use support::{Process, eventually, http_get};

use super::{LIMIT, World, condition, object, spec, status};
use crate::crd::values::largest_spec;

/// What container runtimes give.
const DESCRIPTORS: u32 = 1_024;

/// The memory that the chart gives, in MiB.
fn memory_limit() -> u64 {
    let values = include_str!("../../../charts/audit-mitigation-operator/values.yaml");
    let values: Value = serde_saphyr::from_str(values).unwrap();
    let limit = values["resources"]["limits"]["memory"].as_str().unwrap();
    limit.strip_suffix("Mi").unwrap().parse().unwrap()
}

/// The command with no more descriptors than that.
fn limited(command: &Command) -> Command {
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &format!("ulimit -Sn {DESCRIPTORS} && exec \"$0\" \"$@\"")])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited
}

/// The most memory that a process ever had, in MiB.
fn peak_memory(process: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kib / 1_024
}

fn api(world: &World, namespace: &str) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<audit_mitigation_operator::api::AuditMitigationTask>(&());
    Api::namespaced_with(world.client.clone(), namespace, &resource)
}

async fn create_all(world: &World, namespace: &str, specs: impl IntoIterator<Item = (String, Value)>) {
    let api = api(world, namespace);
    stream::iter(specs)
        .for_each_concurrent(4, async |(name, spec)| {
            let object = serde_json::from_value(object(&name, &spec)).unwrap();
            api.create(&PostParams::default(), &object).await.unwrap();
        })
        .await;
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), LIMIT).unwrap();
    // A refusal half way is the point.
    stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    stream
}

/// Connections without a word, and others with a header that doesn't end.
fn besiege(port: u16) -> Vec<TcpStream> {
    let header = format!("GET /metrics HTTP/1.1\r\nhost: it\r\nx-long: {}", "a".repeat(400_000));
    let mut connections: Vec<_> = (0..1_100).map(|_| connect(port)).collect();
    connections.extend((0..900).map(|_| {
        let mut stream = connect(port);
        _ = stream.write_all(header.as_bytes());
        stream
    }));
    connections
}

/// What every other team's task waits for, once: 200 suspended tasks, each as large as it may be, were there first, and
/// somebody opens 2,000 connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_stays_within_its_limits_whatever_waits_and_whoever_connects() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert!(hard >= 4_096, "ulimit -Hn is {hard}");
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(20_000), hard).unwrap();
    let mut world = World::without_operator("resident", &[], |_| {}).await;
    let tenant = world.cluster.namespace("tenant").await.unwrap();
    let mut largest = largest_spec("C");
    largest["suspend"] = json!(true);
    let tasks = (0..200).map(|number| (format!("large-{number}"), largest.clone()));
    create_all(&world, &tenant, tasks).await;

    let own = std::mem::take(&mut world.namespace);
    world.namespace = format!("{own},{tenant}");
    let command = limited(&world.operator_command());
    world.namespace = own;
    let operator = world.cluster.spawn("operator", command).unwrap();
    let suspended = async |expected: u64| {
        eventually(LIMIT, "the suspended tasks have their status", async || {
            let (_, text) = http_get(world.port, "/metrics")
                .await
                .map_err(|error| error.to_string())?;
            let is_it =
                |line: &&str| line.starts_with("audit_mitigation_operator_tasks{") && line.contains("Suspended");
            let count = |line: &str| line.rsplit(' ').next()?.parse::<u64>().ok();
            let sum: u64 = text.lines().filter(is_it).filter_map(count).sum();
            (sum == expected).then_some(()).ok_or(format!("{sum}"))
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", operator.log_tail()));
    };
    let port = world.port;
    eventually(LIMIT, "the probes answer", async || http_get(port, "/livez").await)
        .await
        .unwrap();
    let connections = tokio::task::spawn_blocking(move || besiege(port)).await.unwrap();
    world.create("small", &spec("small")).await;
    world.phase("small", Phase::Completed).await;
    suspended(200).await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(http_get(port, path).await.unwrap().0, 200, "{path}");
    }
    let (peak, limit) = (peak_memory(&operator), memory_limit());
    println!("{peak} MiB at most, of {limit}");
    assert!(peak < limit, "{peak} MiB of {limit}");
    drop(connections);

    // What isn't kept is handled like any other.
    let edit = kube::api::Patch::Merge(json!({ "spec": { "suspend": false } }));
    api(&world, &tenant)
        .patch("large-0", &kube::api::PatchParams::default(), &edit)
        .await
        .unwrap();
    world.until_called(Operation::START, 2).await;
    suspended(199).await;
}

/// What a tenant may put beside the spec: labels of so many bytes.
fn labels(bytes: usize) -> Map<String, Value> {
    let label = |number: usize| {
        (
            format!("{number:05}.{}/{number:05}", "x".repeat(200)),
            json!("v".repeat(60)),
        )
    };
    (0..bytes.div_ceil(277)).map(label).collect()
}

fn padded(name: &str, label_bytes: usize, annotation: usize) -> Value {
    let mut object = object(name, &spec(name));
    object["metadata"]["labels"] = Value::Object(labels(label_bytes));
    object["metadata"]["annotations"] = json!({ "padding": "p".repeat(annotation) });
    object
}

/// Nearly all. (The API server leaves the managed fields out of what would be too large with them.)
const LABELS: usize = 1_400_000;

/// A resource with as much as etcd takes: nothing that the operator writes fits in beside it.
async fn create_largest(world: &World, name: &str) {
    let api = api(world, &world.namespace);
    let fits = async |label_bytes, annotation| {
        let object = serde_json::from_value(padded(name, label_bytes, annotation)).unwrap();
        api.create(&PostParams::default(), &object).await.is_ok()
    };
    let (mut low, mut high) = (0, 240_000);
    assert!(fits(LABELS, low).await);
    while high - low > 100 {
        api.delete(name, &DeleteParams::default()).await.unwrap();
        let middle = usize::midpoint(low, high);
        if fits(LABELS, middle).await {
            low = middle;
        } else {
            high = middle;
            assert!(fits(LABELS, low).await);
        }
    }
}

/// Nothing is started for a resource that might not take a status any more, and it is said where it can be.
#[tokio::test]
async fn a_resource_that_is_too_large_for_its_status_is_told_of_and_holds_nobody_up() {
    let mut world = World::without_operator("too-large", &["--max-running-tasks", "1"], |_| {}).await;
    create_largest(&world, "full").await;
    world.create_object(&padded("large", 700_000, 0)).await;
    world.start_operator();
    world.create("small", &spec("small")).await;
    world.phase("small", Phase::Completed).await;
    let large = world.phase("large", Phase::Pending).await;
    assert_eq!(condition(&large, "Ready").1, "ResourceTooLarge");
    world.until_events("full", &["ResourceTooLarge"]).await;
    assert!(status(&world.get("full").await).phase.is_none());
    assert_eq!(world.aws.starts("large") + world.aws.starts("full"), 0);
    // With less in it each goes on.
    for name in ["large", "full"] {
        world
            .edit(name, &json!({ "metadata": { "labels": null, "annotations": null } }))
            .await;
        world.phase(name, Phase::Completed).await;
    }
}

/// What runs in a namespace that is back holds its slot before any that waits in it may start.
#[tokio::test]
async fn a_namespace_that_is_back_starts_nothing_beyond_the_slots() {
    let mut world = World::without_operator("back", &["--max-running-tasks", "1"], |_| {}).await;
    let other = world.cluster.namespace("late").await.unwrap();
    let own = world.namespace.clone();
    // The first operator sees the other namespace alone.
    world.namespace.clone_from(&other);
    world.aws.set_outcome("*", Outcome::held());
    world.create("zz-runs", &spec("runs")).await;
    world.start_operator();
    world.phase("zz-runs", Phase::Running).await;
    world.operator.take().unwrap().kill().unwrap();
    create_all(
        &world,
        &other,
        (0..20).map(|number| (format!("waits-{number}"), spec(&format!("waits-{number}")))),
    )
    .await;

    let account = format!("--serviceaccount={own}:default");
    let grant = ["create", "rolebinding", "all", "--clusterrole=cluster-admin", &account];
    world.namespace.clone_from(&own);
    world.kubectl(&grant).await;
    let kubeconfig = world.cluster.kubeconfig_for_service_account(&own, "default");
    world.kubeconfig = kubeconfig.await.unwrap();
    world.namespace = format!("{own},{other}");
    world.start_operator();
    eventually(
        LIMIT,
        "it is ready without the other namespace",
        async || match http_get(world.port, "/readyz").await {
            Ok((200, text)) if text.contains(&other) => Ok(()),
            answer => Err(format!("{answer:?}")),
        },
    )
    .await
    .unwrap();
    // So the queue is built.
    world.namespace = own;
    let mut suspended = spec("suspended");
    suspended["suspend"] = json!(true);
    world.create("suspended", &suspended).await;
    world.phase("suspended", Phase::Suspended).await;
    world.namespace = other;
    world.kubectl(&grant).await;
    for number in 0..20 {
        world.phase(&format!("waits-{number}"), Phase::Queued).await;
    }
    assert_eq!(world.aws.tasks().len(), 1, "{:?}", world.aws.tasks());
}
