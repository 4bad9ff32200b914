//! Whatever the API server lets through, and whatever the service answers: no panic, a clear condition, and no other
//! resource held up. The inputs are made up, the same in each run.

use audit_mitigation_operator::api::{FINALIZER, Phase, START_RECORD_ANNOTATION, StoredTask};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, ListParams, PostParams};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use simulator::{Fault, FaultKind, Operation};
use support::eventually;

use crate::body::{body, described};

use super::{LIMIT, World, condition, message, object, spec, status};

/// Samples of a strategy, the same in each run.
fn samples<T: std::fmt::Debug>(strategy: &impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    (0..count)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "[a-zA-Z0-9_-]{1,128}",
        "\\PC{1,40}",
        Just("x".repeat(5_000)),
        Just("$(reboot); {{ .Values }} \u{202e}\0".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        2 => prop_oneof![any::<i64>(), Just(0), Just(1), Just(-1), Just(i64::MAX)].prop_map(Value::from),
        4 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(text(), inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// What fits a field, more or less, so that much of it gets through.
fn field() -> impl Strategy<Value = (&'static str, Value)> {
    let names = prop::collection::vec("[a-zA-Z0-9_-]{1,128}", 1..6).boxed();
    let lists = prop::collection::hash_map(text(), names.clone(), 1..4)
        .prop_map(|map| json!(map))
        .boxed();
    let any_field = prop::sample::select(vec![
        "taskId",
        "target",
        "auditCheckToActionsMapping",
        "clientRequestToken",
        "region",
        "suspend",
        "cancel",
        "deletionPolicy",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
        "unknown",
    ]);
    prop_oneof![
        3 => (any_field, value()),
        1 => "[a-zA-Z0-9_-]{1,128}".prop_map(|text| ("taskId", json!(text))),
        1 => "[a-zA-Z0-9_-]{1,64}".prop_map(|text| ("clientRequestToken", json!(text))),
        1 => "[a-z]{2,5}(-[a-z0-9]{1,5}){1,4}".prop_map(|text| ("region", json!(text))),
        1 => lists.clone().prop_map(|lists| ("auditCheckToActionsMapping", lists)),
        1 => lists.prop_map(|lists| ("target", json!({ "auditCheckToReasonCodeFilter": lists }))),
        1 => names.prop_map(|names| ("target", json!({ "findingIds": names }))),
        1 => (1..i64::MAX).prop_map(|seconds| ("activeDeadlineSeconds", json!(seconds))),
        1 => (1_000..i64::MAX).prop_map(|seconds| ("ttlSecondsAfterFinished", json!(seconds))),
        1 => any::<bool>().prop_map(|flag| ("cancel", json!(flag))),
    ]
}

/// A record that somebody else wrote.
fn record() -> impl Strategy<Value = Option<String>> {
    let nearly = (text(), text(), text(), value()).prop_map(|(task_id, token, uid, time)| {
        json!({
            "taskId": task_id, "token": token, "requestHash": "", "region": "eu-central-1", "uid": uid, "time": time,
        })
        .to_string()
    });
    prop_oneof![6 => Just(None), 1 => text().prop_map(Some), 1 => nearly.prop_map(Some)]
}

fn manifest(index: usize, fields: &[(&'static str, Value)], record: Option<&String>) -> Value {
    let name = format!("made-up-{index}");
    let mut object = object(&name, &spec(&name));
    for (field, value) in fields {
        object["spec"][field] = value.clone();
    }
    if let Some(record) = record {
        object["metadata"]["annotations"] = json!({ START_RECORD_ANNOTATION: record });
        object["metadata"]["finalizers"] = json!([FINALIZER]);
    }
    object
}

/// Nothing more is to come, and the status says why.
fn is_settled(task: &StoredTask) -> bool {
    let status = status(task);
    status.phase.is_some()
        && status.observed_generation == task.metadata.generation
        && condition(&status, "Reconciling").0 == "False"
        && !message(&status).is_empty()
}

/// Waits until all that are still there are settled; a time to live may have removed some.
async fn until_settled(world: &World) {
    eventually(2 * LIMIT, "every resource is settled", async || {
        let tasks = world.tasks().list(&ListParams::default()).await.unwrap();
        let open: Vec<_> = tasks.items.iter().filter(|task| !is_settled(task)).collect();
        match open.first() {
            None => Ok(()),
            Some(first) => Err(format!("{} are not, as {}", open.len(), json!(first))),
        }
    })
    .await
    .unwrap();
}

/// Still at work, never panicked, and able to let go of everything.
async fn end(world: &World) {
    world.create("good", &spec("good")).await;
    world.phase("good", Phase::Completed).await;
    let panicked = world
        .log()
        .lines()
        .find(|line| line.contains("panicked"))
        .map(str::to_owned);
    assert_eq!(panicked, None);
    world
        .tasks()
        .delete_collection(&DeleteParams::default(), &ListParams::default())
        .await
        .unwrap();
    eventually(LIMIT, "all are gone", async || {
        match world.tasks().list(&ListParams::default()).await.unwrap().items.first() {
            None => Ok(()),
            Some(task) => Err(json!(task).to_string()),
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn whatever_the_api_server_lets_through_gets_a_clear_condition() {
    let world = World::with("made-up", &["--max-running-tasks", "200"], |config| {
        config.settings.quotas = simulator::Quotas::unlimited();
    })
    .await;
    let resource = ApiResource::erase::<audit_mitigation_operator::api::AuditMitigationTask>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(world.client.clone(), &world.namespace, &resource);
    let (mut accepted, mut refused) = (0, 0);
    for (index, (fields, record)) in samples(&(prop::collection::vec(field(), 0..3), record()), 150)
        .iter()
        .enumerate()
    {
        let object = manifest(index, fields, record.as_ref());
        match api
            .create(&PostParams::default(), &serde_json::from_value(object).unwrap())
            .await
        {
            Ok(_) => accepted += 1,
            Err(kube::Error::Api(status)) if [400, 422].contains(&status.code) && !status.message.is_empty() => {
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert!(accepted > 40 && refused > 40, "{accepted} accepted, {refused} refused");
    until_settled(&world).await;
    end(&world).await;
}

#[tokio::test]
async fn whatever_the_service_answers_the_resource_settles_and_stays_small() {
    let world = World::with("noise", &["--max-running-tasks", "200"], |config| {
        config.settings.quotas = simulator::Quotas::unlimited();
    })
    .await;
    let operation = prop::sample::select(vec![Operation::START, Operation::DESCRIBE, Operation::EXECUTIONS]);
    let code = prop::sample::select(vec![200_u16, 200, 200, 204, 301, 400, 403, 404, 410, 429, 500, 503]);
    let noise = prop_oneof![
        (operation, code, body(), any::<bool>()),
        (Just(Operation::DESCRIBE), Just(200), described(), any::<bool>()),
    ];
    let cases = samples(&prop::collection::vec(noise, 1..4), 100);
    for (index, faults) in cases.into_iter().enumerate() {
        let name = format!("noise-{index}");
        for (operation, status, body, after_work) in faults {
            let fault = Fault::new(FaultKind::Raw {
                status,
                content_type: "application/json".to_owned(),
                body: String::from_utf8_lossy(&body).into_owned(),
            });
            let fault = fault.on(operation).task(&name).times(1);
            world.aws.inject(if after_work { fault.after_work() } else { fault });
        }
        world.create(&name, &spec(&name)).await;
    }
    until_settled(&world).await;
    for task in world.tasks().list(&ListParams::default()).await.unwrap().items {
        let size = json!(task).to_string().len();
        assert!(size < 100_000, "{size} bytes: {:?}", task.metadata.name);
    }
    // Whatever was answered: nothing was ever started twice.
    assert!(world.aws.tasks().len() <= 100);
    end(&world).await;
}

/// Slower than any time-out, and then too much to read.
#[tokio::test]
async fn a_service_that_dawdles_holds_up_only_whom_it_answers() {
    let world = World::with("dawdle", &[], |_| {}).await;
    world.aws.inject(Fault::new(FaultKind::Hang).task("slow").times(1));
    let large = FaultKind::Raw {
        status: 200,
        content_type: "application/json".to_owned(),
        body: format!("{{\"taskStatus\": \"{}\"}}", "x".repeat(20 << 20)),
    };
    world
        .aws
        .inject(Fault::new(large).on(Operation::DESCRIBE).task("large").times(1));
    for name in ["slow", "large", "good"] {
        world.create(name, &spec(name)).await;
    }
    world.phase("good", Phase::Completed).await;
    world.phase("large", Phase::Completed).await;
    world.phase("slow", Phase::Completed).await;
    assert_eq!(world.aws.tasks().len(), 3);
}
