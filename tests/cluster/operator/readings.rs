//! Starts under each reading of what the service's documents leave open, with and without the first answer lost.

use audit_mitigation_operator::api::{Phase, StartedBy};
use serde_json::json;
use simulator::{Config, Fault, FaultKind, LimitCheck, Operation, Readings, Replay, ReplayOtherBody, TokenOfOtherTask};
use std::time::Duration;

use super::{World, condition, spec};

async fn starts_once(prefix: &str, change: impl FnOnce(&mut Readings)) {
    let world = World::with(prefix, &[], |config: &mut Config| change(&mut config.settings.readings)).await;
    world.create("plain", &spec("plain")).await;
    let plain = world.phase("plain", Phase::Completed).await;
    assert_eq!(plain.started_by, Some(StartedBy::This));
    assert_eq!(world.aws.starts("plain"), 1);

    for (name, fault) in [
        ("cut-before", Fault::new(FaultKind::Cut)),
        ("cut-after", Fault::new(FaultKind::Cut).after_work()),
        ("error-after", Fault::new(FaultKind::Unavailable).after_work()),
        ("garbage-after", Fault::new(FaultKind::Garbage).after_work()),
    ] {
        world.aws.inject(fault.on(Operation::START).task(name).times(1));
        world.create(name, &spec(name)).await;
        let done = world.phase(name, Phase::Completed).await;
        assert_eq!(done.task_id.as_deref(), Some(name));
        assert_eq!(done.attempt, None, "{name}: settled");
        assert_eq!(world.aws.starts(name), 1, "{name}: started once");
        world.until_events_with(name, &["AttemptUnanswered"]).await;
    }
}

#[tokio::test]
async fn a_replay_succeeds() {
    starts_once("replay-success", |readings| readings.replay = Replay::Success).await;
}

#[tokio::test]
async fn a_replay_is_answered_with_task_already_exists() {
    starts_once("replay-exists", |readings| readings.replay = Replay::TaskAlreadyExists).await;
}

#[tokio::test]
async fn a_replay_with_another_body_succeeds() {
    starts_once("replay-body", |readings| {
        readings.replay_other_body = ReplayOtherBody::Success;
    })
    .await;
}

#[tokio::test]
async fn describe_lags_behind_start() {
    starts_once("lag", |readings| readings.describe_lag = Duration::from_secs(2)).await;
}

#[tokio::test]
async fn the_limit_is_checked_before_the_replay() {
    starts_once("limit-first", |readings| readings.limit = LimitCheck::BeforeReplay).await;
}

#[tokio::test]
async fn a_token_of_another_task_is_refused_as_invalid() {
    starts_once("token-invalid", |readings| {
        readings.token_of_other_task = TokenOfOtherTask::InvalidRequest;
    })
    .await;
}

#[tokio::test]
async fn nothing_is_done_after_the_client_gave_up() {
    starts_once("no-late-work", |readings| readings.work_after_disconnect = false).await;
}

#[tokio::test]
async fn a_replay_with_another_body_is_answered_with_task_already_exists() {
    starts_once("replay-body-exists", |readings| {
        readings.replay_other_body = ReplayOtherBody::TaskAlreadyExists;
    })
    .await;
}

#[tokio::test]
async fn a_token_of_another_task_binds_nothing() {
    starts_once("token-free", |readings| {
        readings.token_of_other_task = TokenOfOtherTask::Start;
    })
    .await;
}

/// One token for two tasks, under the reading that answers with TaskAlreadyExists for an id that doesn't exist: nothing
/// was started, the message says so, and the way out works.
#[tokio::test]
async fn a_token_of_another_task_is_in_use() {
    let world = World::new("token-in-use").await;
    for id in ["token-a", "token-b"] {
        let mut spec = spec(id);
        spec["clientRequestToken"] = json!("the-same");
        world.create(id, &spec).await;
        let expected = if id == "token-a" {
            Phase::Completed
        } else {
            Phase::Unknown
        };
        world.phase(id, expected).await;
    }
    let unknown = world.status("token-b").await;
    assert_eq!(
        condition(&unknown, "Stalled"),
        ("True".to_owned(), "TokenInUse".to_owned())
    );
    assert_eq!((unknown.task_id, world.aws.starts("token-b")), (None, 0));
    world
        .edit("token-b", &json!({ "spec": { "clientRequestToken": "another" } }))
        .await;
    world.phase("token-b", Phase::Completed).await;
    assert_eq!(world.aws.starts("token-b"), 1);
}
