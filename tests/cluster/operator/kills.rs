//! The operator's own process under `kill -9`, at every point between its external effects.
//!
//! Two proxies, in front of the API server and of the service, see the requests of a life. A first life, which nobody
//! disturbs, tells which there are; then each is the last one of a life, once before it is forwarded and once when it
//! had its effect and its answer is on the way. The next process has to bring the resource to the right end.

use std::sync::{Arc, Mutex};

use audit_mitigation_operator::api::{Phase, StartRecord, StartedBy};
use audit_mitigation_operator::aws::Service;
use audit_mitigation_operator::core::answer::StartAnswer;
use audit_mitigation_operator::core::rate_limiter::Rates;
use audit_mitigation_operator::core::task::observed::ObservedTask;
use audit_mitigation_operator::metrics::Metrics;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use futures::StreamExt as _;
use jiff::Timestamp;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use simulator::{Failure, Outcome};
use support::Process;
use support::proxy::{Asked, Fate, Pause, Proxy, Side};
use tokio::time::timeout;

use super::{LIMIT, World, spec, status};

/// How many lives of a scenario go on at a time: they mostly wait.
const AT_A_TIME: usize = 3;

/// What a life is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scenario {
    /// A task is started and completes.
    Plain,
    /// The id exists, and the task does what the spec asks.
    AlreadyExists,
    /// A person cancels.
    Cancel,
    /// A person deletes while the task runs.
    Deletion,
    /// The task fails, so its executions are listed.
    Failed,
    /// The resource is deleted after its end.
    Ttl,
    /// A plan waits for approval, is approved, and is carried out.
    Approval,
}

/// A point in a life: before or after the how manieth request of a kind. Numbered by kind, since how often a task is
/// polled differs from life to life.
pub(super) type Point = (String, usize, Side);

/// Writes down the requests of a life, and ends it at one of them.
pub(super) struct Tap {
    last: Option<Point>,
    pause: Arc<Pause>,
    namespace: String,
    pub(super) asked: Mutex<Vec<String>>,
}

impl Tap {
    pub(super) fn new(last: Option<Point>, namespace: &str) -> Arc<Self> {
        Arc::new(Self {
            last,
            pause: Arc::default(),
            namespace: namespace.to_owned(),
            asked: Mutex::default(),
        })
    }

    pub(super) fn fate(&self, asked: &Asked) -> Fate {
        // Watches have no end, and events are written on the side: nothing is decided by them.
        let is_aside = asked.query.contains("watch=true")
            || asked.path.contains("/events")
            || asked.path.contains("/leases")
            || asked.path.contains("/customresourcedefinitions");
        if is_aside {
            return Fate::Pass;
        }
        let request = asked.to_string().replace(&self.namespace, "namespace");
        let mut all = self.asked.lock().unwrap();
        let before = all.iter().filter(|other| **other == request).count();
        all.push(request.clone());
        match &self.last {
            Some((last, number, side)) if *last == request && *number == before => {
                Fate::Hold(*side, Arc::clone(&self.pause))
            }
            _ => Fate::Pass,
        }
    }

    /// Whether its point was asked for.
    fn is_met(&self) -> bool {
        let asked = self.asked.lock().unwrap();
        let is_asked = |(last, number, _): &Point| asked.iter().filter(|request| *request == last).count() > *number;
        self.last.as_ref().is_some_and(is_asked)
    }

    /// Plays a life of the operator, which is killed when it comes to the tap's point, and of the next process after it.
    /// Whether it was killed.
    pub(super) async fn kill(
        &self,
        world: &World,
        play: impl Future<Output = ()>,
        while_nobody_runs: impl Future<Output = ()>,
    ) -> bool {
        let mut process = start(world);
        let mut play = Box::pin(play);
        let is_over = tokio::select! {
            () = self.pause.reached() => false,
            () = &mut play => true,
        };
        if is_over {
            if !self.is_met() {
                return false;
            }
            // What the last request of a life does is seen, and the play is over, before its answer is held.
            timeout(LIMIT, self.pause.reached()).await.unwrap();
        }
        process.kill().unwrap();
        while_nobody_runs.await;
        let _next = start(world);
        if !is_over {
            play.await;
        }
        true
    }
}

/// The requests of a life, and of the one after it.
struct Life {
    asked: Vec<String>,
    last: Option<Point>,
    was_killed: bool,
}

/// One life, and the one after it if the first is ended.
async fn live(scenario: Scenario, last: Option<Point>, flags: &[&str]) -> Life {
    let what = format!("{scenario:?}, killed at {last:?}");
    let mut world = World::without_operator("kill", flags, |_| {}).await;
    if flags.contains(&"--leader-elect") {
        world.flags.push(format!("--lease-namespace={}", world.namespace));
    }
    let tap = Tap::new(last.clone(), &world.namespace);
    let (first, second) = (Arc::clone(&tap), Arc::clone(&tap));
    let aws = Proxy::of_endpoint(&world.endpoint, move |asked| second.fate(asked))
        .await
        .unwrap();
    scenario.prepare(&world).await;
    let _api = world.lay_proxy(move |asked| first.fate(asked)).await;
    world.endpoint = aws.endpoint();
    let was_killed = tap
        .kill(&world, scenario.play(&world), check_truth(&world, &what))
        .await;
    check_truth(&world, &what).await;
    scenario.check(&world, &what).await;
    let asked = tap.asked.lock().unwrap().clone();
    Life {
        asked,
        last,
        was_killed,
    }
}

async fn at_every_point(scenario: Scenario) {
    let Life { asked, .. } = live(scenario, None, &[]).await;
    let starts = asked.iter().filter(|request| is_start(request)).count();
    assert!(starts == 1 && asked.len() > 5, "{asked:#?}");
    let number_of = |at: usize| asked.iter().take(at).filter(|other| **other == asked[at]).count();
    let points = (0..asked.len()).flat_map(|at| {
        let point = |side| (asked[at].clone(), number_of(at), side);
        [point(Side::Before), point(Side::After)]
    });
    let lives = futures::stream::iter(points).map(|point| live(scenario, Some(point), &[]));
    let lives: Vec<_> = lives.buffer_unordered(AT_A_TIME).collect().await;
    let killed = lives.iter().filter(|life| life.was_killed).count();
    println!("{scenario:?}: killed at {killed} points of {asked:#?}");
    for life in &lives {
        let (request, number, _) = life.last.as_ref().unwrap();
        // A read after a conflict, or one more poll, doesn't come in each life.
        let comes_always = *number == 0 && !request.starts_with("GET");
        assert!(life.was_killed || !comes_always, "never reached: {:?}", life.last);
    }
}

fn is_start(request: &str) -> bool {
    request.starts_with("POST /audit/mitigationactions/tasks/")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_from_start_to_end() {
    at_every_point(Scenario::Plain).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_exists_already() {
    at_every_point(Scenario::AlreadyExists).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_cancelled() {
    at_every_point(Scenario::Cancel).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_that_is_deleted_while_its_task_runs() {
    at_every_point(Scenario::Deletion).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_fails() {
    at_every_point(Scenario::Failed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_whose_time_to_live_ends() {
    at_every_point(Scenario::Ttl).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_that_is_approved() {
    at_every_point(Scenario::Approval).await;
}

/// The same around the start with leader election on: the next process waits for the dead one's lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_around_its_start() {
    const FLAGS: &[&str] = &["--leader-elect"];
    let Life { asked, .. } = live(Scenario::Plain, None, FLAGS).await;
    let start = asked.iter().find(|request| is_start(request)).unwrap();
    let points = [(start.clone(), 0, Side::Before), (start.clone(), 0, Side::After)];
    let lives = points.map(|point| live(Scenario::Plain, Some(point), FLAGS));
    assert!(
        futures::future::join_all(lives)
            .await
            .iter()
            .all(|life| life.was_killed)
    );
}

fn start(world: &World) -> Process {
    world.cluster.spawn("operator", world.operator_command()).unwrap()
}

/// The status claims nothing that isn't so in AWS.
async fn check_truth(world: &World, what: &str) {
    // Read first: what happens in AWS meanwhile makes nothing untrue that was true.
    let Some(task) = world.tasks().get_opt("one").await.unwrap() else {
        return;
    };
    let status = status(&task);
    let Some(id) = &status.task_id else { return };
    let task = world.aws.task(id).unwrap_or_else(|| panic!("{what}: no task {id}"));
    let own = task.token == world_uid(world).await;
    assert_eq!(status.started_by == Some(StartedBy::This), own, "{what}: {status:?}");
    let ended = match status.phase {
        Some(Phase::Completed) => "COMPLETED",
        Some(Phase::Failed) => "FAILED",
        Some(Phase::Canceled) => "CANCELED",
        _ => return,
    };
    assert_eq!(task.status, ended, "{what}: {status:?}");
}

async fn world_uid(world: &World) -> String {
    let task = world.tasks().get_opt("one").await.unwrap();
    task.and_then(|task| task.metadata.uid).unwrap_or_default()
}

const ID: &str = "killed";

impl Scenario {
    fn spec(self) -> Value {
        let mut spec = spec(ID);
        match self {
            Self::Failed => spec["target"] = json!({ "findingIds": ["f-1", "f-2"] }),
            Self::Ttl => spec["ttlSecondsAfterFinished"] = json!(0),
            Self::Approval => spec["approval"] = json!({}),
            Self::Plain | Self::AlreadyExists | Self::Cancel | Self::Deletion => {}
        }
        spec
    }

    async fn prepare(self, world: &World) {
        match self {
            Self::AlreadyExists => {
                world.aws.set_outcome("*", Outcome::held());
                start_elsewhere(world).await;
            }
            Self::Cancel | Self::Deletion => world.aws.set_outcome("*", Outcome::held()),
            Self::Failed => world.aws.set_outcome("*", failing()),
            Self::Plain | Self::Ttl | Self::Approval => {}
        }
    }

    /// What people do, up to the end.
    async fn play(self, world: &World) {
        world.create("one", &self.spec()).await;
        match self {
            Self::Plain => {
                world.phase("one", Phase::Completed).await;
                released(world).await;
            }
            Self::AlreadyExists => {
                world.phase("one", Phase::Running).await;
                world.aws.finish(ID);
                world.phase("one", Phase::Completed).await;
                released(world).await;
            }
            Self::Cancel => {
                world.phase("one", Phase::Running).await;
                world.edit("one", &json!({ "spec": { "cancel": true } })).await;
                world.phase("one", Phase::Canceled).await;
                released(world).await;
            }
            Self::Deletion => {
                world.phase("one", Phase::Running).await;
                world.tasks().delete("one", &DeleteParams::default()).await.unwrap();
                world.until_gone("one").await;
            }
            Self::Failed => {
                world.phase("one", Phase::Failed).await;
                released(world).await;
            }
            Self::Ttl => world.until_gone("one").await,
            Self::Approval => {
                let status = world.phase("one", Phase::AwaitingApproval).await;
                assert_eq!(world.aws.tasks().len(), 0, "nothing is started before the approval");
                let hash = status.plan.expect("a plan").hash;
                world
                    .edit("one", &json!({ "spec": { "approval": { "plan": hash } } }))
                    .await;
                world.phase("one", Phase::Completed).await;
                released(world).await;
            }
        }
    }

    /// Exactly one task, and the right end.
    async fn check(self, world: &World, what: &str) {
        assert_eq!(world.aws.tasks().len(), 1, "{what}");
        assert_eq!(world.aws.starts(ID), 1, "{what}");
        let task = world.aws.task(ID).unwrap();
        let expected = match self {
            Self::Plain | Self::AlreadyExists | Self::Ttl | Self::Approval => "COMPLETED",
            Self::Cancel | Self::Deletion => "CANCELED",
            Self::Failed => "FAILED",
        };
        assert_eq!(task.status, expected, "{what}");
        if self == Self::Failed {
            let status = world.status("one").await;
            let codes: Vec<_> = status.failures.iter().map(|failure| &failure.error_code).collect();
            assert_eq!(codes, [&Some("INSUFFICIENT_PERMISSIONS".to_owned())], "{what}");
        }
    }
}

/// With the end the finalizer goes.
async fn released(world: &World) {
    world
        .until("one", "the finalizer is gone", |task| !super::has_finalizer(task))
        .await;
}

/// Somebody else starts the same task, with a token of their own.
async fn start_elsewhere(world: &World) {
    let mut manifest = super::object("theirs", &spec(ID));
    manifest["metadata"]["uid"] = json!("theirs");
    let wish = ObservedTask::parse(&serde_json::from_value(manifest).unwrap())
        .desired
        .unwrap();
    let credentials = Credentials::new("AKIATEST", "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(world.aws.endpoint())
        .build();
    let record = StartRecord {
        task_id: wish.task_id.clone(),
        token: "theirs".to_owned(),
        request_hash: String::new(),
        region: "eu-central-1".to_owned(),
        uid: String::new(),
        time: Timestamp::UNIX_EPOCH,
    };
    let answer = Service::new(&config, Rates::default(), Metrics::new().0)
        .start(&record, &wish)
        .await;
    assert!(matches!(answer, StartAnswer::Success { .. }), "{answer:?}");
}

fn failing() -> Outcome {
    Outcome::failing([Failure {
        finding: "f-2".to_owned(),
        check: "*".to_owned(),
        action: "*".to_owned(),
        error_code: "INSUFFICIENT_PERMISSIONS".to_owned(),
        message: "the action's role may not do that".to_owned(),
    }])
}
