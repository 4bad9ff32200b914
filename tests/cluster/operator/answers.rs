//! Every answer of the service to a Start, and what the resource says of it.

use std::time::Duration;

use audit_mitigation_operator::api::{Phase, StoredTask};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use simulator::{Fault, FaultKind, Operation};

use super::{World, condition, message, spec, status};

fn on_start(kind: FaultKind) -> Fault {
    Fault::new(kind).on(Operation::START)
}

fn invalid(message: &str) -> FaultKind {
    FaultKind::Error {
        status: 400,
        code: "InvalidRequestException".to_owned(),
        message: message.to_owned(),
    }
}

#[tokio::test]
async fn invalid_request_is_corrected_in_place_by_an_edit() {
    let world = World::new("invalid").await;
    world
        .aws
        .inject(on_start(invalid("no such action: EnableLoging")).times(1));
    world.create("one", &spec("invalid")).await;
    let rejected = world.phase("one", Phase::Rejected).await;
    assert_eq!(
        condition(&rejected, "Failed"),
        ("True".to_owned(), "InvalidRequest".to_owned())
    );
    assert_eq!(condition(&rejected, "Started").0, "False");
    assert!(
        message(&rejected).contains("no such action: EnableLoging"),
        "{}",
        message(&rejected)
    );
    assert_eq!(rejected.task_id, None);

    world
        .edit(
            "one",
            &json!({ "spec": { "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["Other"] } } }),
        )
        .await;
    world.phase("one", Phase::Completed).await;
    assert_eq!(
        world.aws.task("invalid").unwrap().request["auditCheckToActionsMapping"],
        json!({ "LOGGING_DISABLED_CHECK": ["Other"] })
    );
    assert_eq!(world.calls(Operation::START).len(), 2);
    world
        .until_events("one", &["InvalidRequest", "Starting", "Started", "Completed"])
        .await;
}

/// A region that doesn't offer Device Defender answers so. It is an answer: nothing is open, nothing is frozen, and what it
/// was stands in the message. It once froze the resource for 80 days.
#[tokio::test]
async fn a_refusal_that_aws_does_not_document_freezes_nothing() {
    let world = World::new("undocumented").await;
    let refusal = FaultKind::Error {
        status: 400,
        code: "ValidationException".to_owned(),
        message: "not offered here".to_owned(),
    };
    world.aws.inject(on_start(refusal).task("undocumented"));
    let mut elsewhere = spec("undocumented");
    elsewhere["region"] = json!("ap-south-2");
    world.create("one", &elsewhere).await;
    let answered = "ValidationException (not offered here)";
    let told = |task: &StoredTask| {
        let conditions = status(task).conditions;
        conditions.iter().any(|condition| condition.message.contains(answered))
    };
    let task = world.until("one", "it says what was answered", told).await;
    assert_eq!(
        (status(&task).attempt, status(&task).phase),
        (None, Some(Phase::Pending))
    );
    world.aws.clear_faults();
    let edit = json!({ "spec": { "region": "eu-west-1", "taskId": "documented" } });
    world.edit("one", &edit).await;
    let done = world.phase("one", Phase::Completed).await;
    assert_eq!(done.region.as_deref(), Some("eu-west-1"));
    assert_eq!(world.aws.starts("undocumented"), 0);
}

#[tokio::test]
async fn invalid_request_is_tried_again_by_suspend_on_and_off() {
    let world = World::new("invalid-suspend").await;
    world.aws.inject(on_start(invalid("no such audit")).times(1));
    world.create("one", &spec("invalid-suspend")).await;
    let rejected = world.phase("one", Phase::Rejected).await;
    assert!(message(&rejected).contains("suspend"), "{}", message(&rejected));
    world.edit("one", &json!({ "spec": { "suspend": true } })).await;
    world.phase("one", Phase::Suspended).await;
    assert_eq!(world.calls(Operation::START).len(), 1);
    world.edit("one", &json!({ "spec": { "suspend": false } })).await;
    world.phase("one", Phase::Completed).await;
    assert_eq!(world.aws.starts("invalid-suspend"), 1);
}

/// What holds a start back is said, and the start comes when it is over.
#[tokio::test]
async fn what_holds_a_start_back_is_said() {
    let world = World::new("held-back").await;
    let cases = [
        (
            "throttled",
            FaultKind::Throttle,
            "Throttled",
            "throttled",
            Phase::Pending,
        ),
        (
            "limited",
            FaultKind::Limit,
            "LimitExceeded",
            "limit of tasks",
            Phase::Queued,
        ),
        (
            "denied",
            FaultKind::AccessDenied,
            "AccessDenied",
            "iot:StartAuditMitigationActionsTask",
            Phase::Pending,
        ),
        (
            "expired",
            FaultKind::ExpiredToken,
            "CredentialsRejected",
            "ExpiredTokenException",
            Phase::Pending,
        ),
        (
            "unknown-client",
            FaultKind::UnrecognizedClient,
            "CredentialsRejected",
            "UnrecognizedClientException",
            Phase::Pending,
        ),
    ];
    for (name, kind, reason, text, phase) in cases {
        let fault = world.aws.inject(on_start(kind).task(name));
        world.create(name, &spec(name)).await;
        let held = world
            .until(name, &format!("{name} says {reason}"), |task| {
                super::status(task)
                    .conditions
                    .iter()
                    .any(|condition| condition.reason == reason)
            })
            .await;
        let status = super::status(&held);
        assert_eq!(status.phase, Some(phase), "{name}");
        assert_eq!(
            condition(&status, "Started"),
            ("False".to_owned(), reason.to_owned()),
            "{name}"
        );
        assert!(message(&status).contains(text), "{name}: {}", message(&status));
        assert_eq!(status.attempt, None, "{name}: every attempt was answered");
        let next = status.next_attempt_time.expect("nextAttemptTime").0;
        assert!(next > held.metadata.creation_timestamp.unwrap().0, "{name}");
        assert!(world.aws.remove_fault(fault));
        // An edit is reason to try again at once, so that nobody waits for the end of a long backoff.
        world
            .edit(name, &json!({ "spec": { "ttlSecondsAfterFinished": 86400 } }))
            .await;
        world.phase(name, Phase::Completed).await;
        assert_eq!(world.aws.starts(name), 1, "{name}");
    }
}

/// No answer, or one that says nothing about the effect: the attempt is open, and the same request settles it.
#[tokio::test]
async fn an_attempt_without_an_answer_is_open_until_it_is_settled() {
    let world = World::new("open").await;
    let garbage = FaultKind::Raw {
        status: 418,
        content_type: "text/html".to_owned(),
        body: "<html>".to_owned(),
    };
    let cases = [
        ("internal", FaultKind::Internal),
        ("unavailable", FaultKind::Unavailable),
        ("garbage", FaultKind::Garbage),
        ("teapot", garbage),
        ("cut", FaultKind::Cut),
        ("hang", FaultKind::Hang),
    ];
    for (name, kind) in cases {
        let fault = world.aws.inject(on_start(kind).task(name));
        world.create(name, &spec(name)).await;
        let open = world
            .until(name, &format!("{name} is open"), |task| {
                super::status(task).attempt.is_some()
            })
            .await;
        let status = super::status(&open);
        let attempt = status.attempt.clone().unwrap();
        assert_eq!(
            (status.phase, attempt.task_id.as_str(), attempt.region.as_str()),
            (Some(Phase::Pending), name, "eu-central-1")
        );
        assert_eq!(condition(&status, "Ready").1, "AttemptUnanswered", "{name}");
        let edit = json!({ "spec": { "taskId": "other" } });
        let refused = world
            .tasks()
            .patch(name, &PatchParams::default(), &Patch::Merge(&edit))
            .await
            .unwrap_err()
            .to_string();
        assert!(refused.contains("immutable"), "{name}: {refused}");
        assert!(world.aws.remove_fault(fault));
        let done = world.phase(name, Phase::Completed).await;
        assert_eq!(done.attempt, None, "{name}");
        assert_eq!(world.aws.starts(name), 1, "{name}");
    }
}

/// Six failures in a row, and what they cost: one call and one write each, with growing waits.
#[tokio::test]
async fn a_failing_start_is_no_hot_loop() {
    let world = World::new("no-hot-loop").await;
    world.aws.inject(on_start(FaultKind::Throttle));
    world.create("one", &spec("no-hot-loop")).await;
    world.until_called(Operation::START, 5).await;
    let calls = world.calls(Operation::START);
    let gaps: Vec<_> = calls
        .windows(2)
        .map(|pair| pair[1].time.duration_since(pair[0].time).as_secs_f64())
        .collect();
    // 1, 2, 4, 8 seconds less at most a quarter: an earlier wake-up must not win over the backoff.
    for (gap, least) in gaps.iter().zip([0.75, 1.5, 3.0, 6.0]) {
        assert!(*gap >= least, "waits of {gaps:?} seconds");
    }
    let writes = world.log().matches("step=WriteStatus").count();
    assert!(
        writes <= calls.len(),
        "{writes} status writes for {} attempts",
        calls.len()
    );
    // One event, not one for each retry.
    world.until_events("one", &["Throttled"]).await;
    world.aws.clear_faults();
    world.phase("one", Phase::Completed).await;
}

/// Somebody else uses all slots of the account: single probes with growing waits, and the pace comes back.
#[tokio::test]
async fn slots_that_others_use_are_probed_one_at_a_time() {
    let world = World::with("others", &[], |config| config.settings.quotas.running_by_others = 10).await;
    for name in ["a", "b", "c"] {
        world.create(name, &spec(name)).await;
    }
    world.until_called(Operation::START, 6).await;
    let queued = [
        world.status("a").await,
        world.status("b").await,
        world.status("c").await,
    ];
    assert!(
        queued.iter().all(|status| status.phase == Some(Phase::Queued)),
        "{queued:?}"
    );
    let calls = world.calls(Operation::START);
    // Each may have been sent before the first answer came; from then on the first of the queue tries.
    let probed: std::collections::BTreeSet<_> = calls.iter().skip(3).filter_map(|call| call.task_id.clone()).collect();
    assert_eq!(probed.len(), 1, "only the first of the queue is tried: {calls:?}");
    world.aws.set_quotas(|quotas| quotas.running_by_others = 0);
    for name in ["a", "b", "c"] {
        world.phase(name, Phase::Completed).await;
        assert_eq!(world.aws.starts(name), 1);
    }
}

#[tokio::test]
async fn an_operator_without_credentials_says_so() {
    let mut world = World::without_operator("no-credentials", &[], |_| {}).await;
    world.access_key = None;
    world.start_operator();
    world.create("one", &spec("no-credentials")).await;
    let held = world
        .until("one", "CredentialsRejected", |task| {
            super::status(task).next_attempt_time.is_some()
        })
        .await;
    let status = super::status(&held);
    assert_eq!(condition(&status, "Ready").1, "CredentialsRejected");
    assert!(message(&status).contains("no AWS credentials"), "{}", message(&status));
    assert_eq!(status.attempt, None, "nothing was sent");
}

/// Nothing listens where the service should be: surely nothing was started, and the spec stays open to edits.
#[tokio::test]
async fn a_service_that_cannot_be_reached_is_no_open_attempt() {
    let mut world = World::without_operator("unreachable", &[], |_| {}).await;
    world.endpoint = format!("http://127.0.0.1:{}", support::ports::free().unwrap());
    world.start_operator();
    world.create("one", &spec("unreachable")).await;
    let held = world
        .until("one", "ServiceUnavailable", |task| {
            super::status(task).next_attempt_time.is_some()
        })
        .await;
    let status = super::status(&held);
    assert_eq!((status.phase, status.attempt.clone()), (Some(Phase::Pending), None));
    assert_eq!(condition(&status, "Ready").1, "ServiceUnavailable");
    world.edit("one", &json!({ "spec": { "taskId": "another" } })).await;
}

/// The answers to a Describe of a task that runs: it stays Running, says what is wrong, and goes on.
#[tokio::test]
async fn trouble_while_following_is_said_and_overcome() {
    let world = World::with("following-class", &[], |config| {
        config.settings.task_duration = Duration::from_mins(10);
    })
    .await;
    let cases = [
        (
            "denied",
            FaultKind::AccessDenied,
            "AccessDenied",
            "iot:DescribeAuditMitigationActionsTask",
        ),
        (
            "garbage",
            FaultKind::Garbage,
            "UnexpectedAnswer",
            "DescribeAuditMitigationActionsTask",
        ),
        ("unavailable", FaultKind::Unavailable, "ServiceUnavailable", "503"),
        (
            "state",
            FaultKind::TaskStatus {
                status: "PAUSED".to_owned(),
            },
            "UnknownState",
            "PAUSED",
        ),
    ];
    for (name, kind, reason, text) in cases {
        world.aws.inject(Fault::new(kind).on(Operation::DESCRIBE).task(name));
        world.create(name, &spec(name)).await;
        let troubled = world
            .until(name, &format!("{name} says {reason}"), |task| {
                super::status(task)
                    .conditions
                    .iter()
                    .any(|condition| condition.reason == reason)
            })
            .await;
        let status = super::status(&troubled);
        assert_eq!(status.phase, Some(Phase::Running), "{name}");
        assert_eq!(
            condition(&status, "Started"),
            ("True".to_owned(), "Started".to_owned()),
            "{name}"
        );
        assert!(message(&status).contains(text), "{name}: {}", message(&status));
    }
    world.aws.clear_faults();
    for (name, ..) in [("unavailable", ()), ("state", ())] {
        assert_eq!(world.aws.finish(name), 1);
        world.phase(name, Phase::Completed).await;
        assert_eq!(world.aws.starts(name), 1);
    }
}
