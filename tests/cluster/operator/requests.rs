//! What the operator asks of the API server and of AWS: each request costs somebody, so each is counted.

use std::collections::BTreeMap;

use audit_mitigation_operator::api::{AuditMitigationTask, FINALIZER, Phase, StoredTask};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams};
use kube::{Client, ResourceExt as _};
use serde_json::json;
use simulator::{Fault, FaultKind, Operation, Outcome};
use support::{AuditedRequest, AuditedUser, eventually, finished};

use super::{LIMIT, World, has_finalizer, http_get, spec};

const PLURAL: &str = "auditmitigationtasks";

/// A world whose operator's requests are in the API server's audit log.
pub(super) async fn audited(prefix: &str, flags: &[&str]) -> (World, AuditedUser) {
    let mut world = World::without_operator(prefix, flags, |_| {}).await;
    let user = world.audit().await;
    (world, user)
}

impl World {
    /// The requests of the operators to come are in the API server's audit log.
    pub(super) async fn audit(&mut self) -> AuditedUser {
        let user = self.cluster.audited_user().await.unwrap();
        self.kubeconfig.clone_from(&user.kubeconfig);
        user
    }
}

/// What the operator has asked, once it has ended and all it asked is in the log.
pub(super) async fn requests(world: &mut World, user: &AuditedUser) -> Vec<AuditedRequest> {
    world.operator.as_mut().unwrap().stop(LIMIT).await.unwrap();
    let client: Client = world.cluster.client_from(&user.kubeconfig).await.unwrap();
    let last = Api::<StoredTask>::namespaced(client, &world.namespace);
    assert!(last.get_opt("the-last-request").await.unwrap().is_none());
    eventually(LIMIT, "the last request is logged", async || {
        let requests = world.cluster.requests_of(user).map_err(|error| error.to_string())?;
        match requests.iter().position(|request| request.name == "the-last-request") {
            Some(position) => Ok(requests[..position].to_vec()),
            None => Err(format!("{} requests are", requests.len())),
        }
    })
    .await
    .unwrap()
}

/// How often each verb was used on this resource: `patch`, `patch /status` and so on.
pub(super) fn by_verb(requests: &[AuditedRequest], name: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in requests.iter().filter(|request| request.name == name) {
        assert_eq!(request.code, 200, "{request:?}");
        let subresource = request.resource.strip_prefix(PLURAL).expect("no other resource");
        let verb = format!("{} {subresource}", request.verb).trim_end().to_owned();
        *counts.entry(verb).or_default() += 1;
    }
    counts
}

/// The counts are those of docs/operating.md, which explains them.
pub(super) fn assert_documented(life: &str, counts: &BTreeMap<String, usize>) {
    let of = |verb: &str| counts.get(verb).copied().unwrap_or_default();
    let (metadata, status, read) = (of("patch"), of("patch /status"), of("get"));
    assert_eq!(
        counts.values().sum::<usize>(),
        metadata + status + read,
        "a verb that no row has: {counts:?}"
    );
    let row = format!("| {life} | {metadata} | {status} | {read} |");
    let page = include_str!("../../../docs/operating.md");
    assert!(page.contains(&row), "docs/operating.md does not say {row}");
}

async fn until_free(world: &World, name: &str) {
    world.phase(name, Phase::Completed).await;
    let free = |task: &StoredTask| !has_finalizer(task);
    world.until(name, "the finalizer is off", free).await;
}

#[tokio::test]
async fn the_requests_of_a_task_that_is_started_at_once_and_deleted() {
    let (mut world, user) = audited("requests", &[]).await;
    world.start_operator();
    world.create("one", &spec("at-once")).await;
    until_free(&world, "one").await;
    world.tasks().delete("one", &DeleteParams::default()).await.unwrap();
    world.until_gone("one").await;
    // Whatever the deletion of the first made it do comes before this one's end.
    world.create("two", &spec("afterwards")).await;
    until_free(&world, "two").await;
    let requests = requests(&mut world, &user).await;
    let counts = by_verb(&requests, "one");
    let (metadata, status) = (counts["patch"], counts["patch /status"]);
    assert_eq!((metadata, status, counts.len()), (2, 2, 2), "{counts:?}");
    assert_documented("started at once", &counts);
}

/// The first look brings its start time and its statistics. A look that brings nothing new writes nothing.
#[tokio::test]
async fn the_requests_of_a_task_that_is_seen_running() {
    let (mut world, user) = audited("requests", &["--max-poll-interval=200ms"]).await;
    world.aws.set_outcome("held", Outcome::held());
    world.start_operator();
    world.create("one", &spec("held")).await;
    world.until_called(Operation::DESCRIBE, 4).await;
    world.aws.finish("held");
    until_free(&world, "one").await;
    let requests = requests(&mut world, &user).await;
    assert_documented("seen running", &by_verb(&requests, "one"));
}

#[tokio::test]
async fn the_requests_of_a_task_that_is_queued_first() {
    let (mut world, user) = audited("requests", &["--max-running-tasks=1"]).await;
    world.aws.set_outcome("held", Outcome::held());
    world.start_operator();
    world.create("first", &spec("held")).await;
    world.phase("first", Phase::Running).await;
    world.create("queued", &spec("queued")).await;
    world.phase("queued", Phase::Queued).await;
    world.aws.finish("held");
    until_free(&world, "queued").await;
    let requests = requests(&mut world, &user).await;
    assert_documented("queued first", &by_verb(&requests, "queued"));
}

#[tokio::test]
async fn the_requests_of_a_task_that_fails_to_start_once() {
    let (mut world, user) = audited("requests", &[]).await;
    for (task_id, kind) in [("lost", FaultKind::Unavailable), ("refused", FaultKind::Limit)] {
        world
            .aws
            .inject(Fault::new(kind).on(Operation::START).task(task_id).times(1));
    }
    world.start_operator();
    // One after the other: a refusal for want of slots holds up whoever comes next.
    for name in ["lost", "refused"] {
        world.create(name, &spec(name)).await;
        until_free(&world, name).await;
    }
    assert_eq!(world.calls(Operation::START).len(), 4);
    let requests = requests(&mut world, &user).await;
    assert_documented("answer lost once, then started", &by_verb(&requests, "lost"));
    assert_documented("refused once, then started", &by_verb(&requests, "refused"));
}

/// A restart among thousands of finished resources asks nothing of AWS and writes nothing.
#[tokio::test]
async fn finished_resources_cost_nothing_at_a_restart() {
    const FINISHED: usize = 2_000;
    let (mut world, user) = audited("finished", &[]).await;
    world.start_operator();
    world.create("template", &spec("template")).await;
    until_free(&world, "template").await;
    world.operator.as_mut().unwrap().stop(LIMIT).await.unwrap();
    let resource = ApiResource::erase::<AuditMitigationTask>(&());
    let tasks: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), &world.namespace, &resource);
    let template = tasks.get("template").await.unwrap();
    finished::copies(&tasks, &template, FINISHED).await.unwrap();
    // As a process leaves it that ends right after the last status write: this one costs one write.
    world
        .edit("finished-7", &json!({ "metadata": { "finalizers": [FINALIZER] } }))
        .await;
    let mut before = versions(&world).await;
    assert_eq!(before.len(), FINISHED + 1);
    before.remove("finished-7");
    world.aws.clear_calls();
    let asked_before = world.cluster.requests_of(&user).unwrap().len();

    world.start_operator();
    world.create("new", &spec("new")).await;
    until_free(&world, "new").await;
    until_free(&world, "finished-7").await;
    let count = |line: &str| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap();
    // A reconcile is counted at its end, which comes after its last write.
    let reconciles = eventually(LIMIT, "both reconciles are counted", async || {
        let (_, metrics) = http_get(world.port, "/metrics").await.unwrap();
        let lines = metrics.lines().filter(|line| line.contains("_reconciles_total{"));
        let reconciles: usize = lines.map(count).sum();
        if reconciles >= 2 { Ok(reconciles) } else { Err(metrics) }
    })
    .await
    .unwrap();
    assert!(reconciles < 50, "{reconciles} reconciles");
    let requests = requests(&mut world, &user).await;
    assert_eq!(
        by_verb(&requests[asked_before..], "finished-7"),
        [("patch".to_owned(), 1)].into()
    );
    let others = |request: &&AuditedRequest| {
        let reads = ["list", "watch"].contains(&request.verb.as_str());
        let events = request.resource == "events" && request.verb == "create";
        !["new", "finished-7"].contains(&request.name.as_str()) && !reads && !events
    };
    let unexpected: Vec<_> = requests[asked_before..].iter().filter(others).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    let foreign: Vec<_> = world
        .aws
        .calls()
        .into_iter()
        .filter(|call| call.task_id.as_deref() != Some("new"))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    let mut after = versions(&world).await;
    assert!(after.remove("new").is_some() && after.remove("finished-7").is_some());
    assert_eq!(after, before);
}

async fn versions(world: &World) -> BTreeMap<String, Option<String>> {
    let tasks = world.tasks().list_metadata(&ListParams::default()).await.unwrap();
    tasks
        .items
        .iter()
        .map(|task| (task.name_any(), task.resource_version()))
        .collect()
}
