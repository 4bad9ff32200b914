//! The AWS side over the wire: what is sent, and what each answer is taken for. The SDK is the real one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod answering;
mod reads;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use audit_mitigation_operator::api::{StartRecord, Target};
use audit_mitigation_operator::aws::Service;
use audit_mitigation_operator::core::answer::{
    CancelAnswer, DescribeAnswer, Described, Effect, ErrorClass, Failure, Operation as Paced, StartAnswer, TaskState,
};
use audit_mitigation_operator::core::rate_limiter::Rates;
use audit_mitigation_operator::core::task::desired::DesiredTask;
use audit_mitigation_operator::core::task::step::TaskAddress;
use audit_mitigation_operator::metrics::Metrics;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use serde_json::json;
use simulator::{Config, Fault, FaultKind, Operation, Outcome, Server};
use tokio::time::timeout;

/// Far more than the ten seconds that a call may take.
const LIMIT: Duration = Duration::from_mins(1);

struct Account {
    simulator: Server,
    service: Service,
}

impl Account {
    fn new() -> Self {
        let simulator = Server::start(Config::default()).unwrap();
        let service = service(&simulator.endpoint());
        Self { simulator, service }
    }

    async fn start(&self, id: &str) -> StartAnswer {
        self.service.start(&record(id), &wish(id)).await
    }

    async fn describe(&self, id: &str) -> DescribeAnswer {
        self.service.describe(&address(id)).await
    }

    async fn cancel(&self, id: &str) -> CancelAnswer {
        self.service.cancel(&address(id)).await
    }
}

fn service(endpoint: &str) -> Service {
    let credentials = Credentials::new("AKIATEST", "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .region(Region::new("eu-central-1"))
        .endpoint_url(endpoint)
        .build();
    Service::new(&config, Rates::default(), Metrics::new().0)
}

fn record(id: &str) -> StartRecord {
    StartRecord {
        task_id: id.to_owned(),
        token: format!("token-of-{id}"),
        request_hash: String::new(),
        region: "eu-west-1".to_owned(),
        uid: String::new(),
        time: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn wish(id: &str) -> DesiredTask {
    let list = |items: &[&str]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
    DesiredTask {
        task_id: id.to_owned(),
        target: Target {
            audit_task_id: None,
            finding_ids: Some(list(&["f-2", "f-1"])),
            audit_check_to_reason_code_filter: None,
        },
        mapping: BTreeMap::from([("LOGGING_DISABLED_CHECK".to_owned(), list(&["Second", "First"]))]),
        token: None,
        region: None,
        request_hash: String::new(),
        approval: None,
        suspend: false,
        cancel: false,
        deletion_policy: audit_mitigation_operator::api::DeletionPolicy::Cancel,
        deadline_seconds: None,
        ttl_seconds: None,
    }
}

/// The task of this wish, when it has failed.
fn failed(wish: DesiredTask) -> Described {
    Described {
        state: TaskState::Failed,
        start_time: None,
        end_time: None,
        statistics: BTreeMap::new(),
        target: Some(wish.target),
        mapping: Some(wish.mapping),
        actions: None,
    }
}

fn address(id: &str) -> TaskAddress {
    TaskAddress {
        task_id: id.to_owned(),
        region: "eu-west-1".to_owned(),
    }
}

#[tokio::test]
async fn what_is_sent_is_what_was_asked_for() {
    let account = Account::new();
    assert_eq!(
        account.start("one").await,
        StartAnswer::Success {
            task_id: "one".to_owned()
        }
    );
    let task = account.simulator.task("one").unwrap();
    let expected = json!({
        "target": { "findingIds": ["f-1", "f-2"] },
        "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["Second", "First"] },
        "clientRequestToken": "token-of-one",
    });
    assert_eq!(task.request, expected, "sets are sorted, actions keep their order");
    assert_eq!((task.region.as_str(), task.account.as_str()), ("eu-west-1", "AKIATEST"));
}

#[tokio::test]
async fn a_task_is_described_as_it_is() {
    let account = Account::new();
    account.simulator.set_outcome("one", Outcome::held());
    account.start("one").await;
    let DescribeAnswer::Found(described) = account.describe("one").await else {
        panic!("not found")
    };
    assert_eq!(described.state, TaskState::InProgress);
    assert!(described.start_time.is_some() && described.end_time.is_none());
    assert_eq!(described.target.unwrap().finding_ids.unwrap(), ["f-1", "f-2"]);
    assert_eq!(
        described.mapping.unwrap()["LOGGING_DISABLED_CHECK"],
        ["Second", "First"]
    );
    assert_eq!(account.cancel("one").await, CancelAnswer::Accepted);
    let DescribeAnswer::Found(described) = account.describe("one").await else {
        panic!("not found")
    };
    assert_eq!(described.state, TaskState::Canceled);
    assert!(matches!(account.cancel("one").await, CancelAnswer::NotRunning(_)));
    assert!(matches!(account.cancel("none").await, CancelAnswer::NotRunning(_)));
    assert_eq!(account.describe("none").await, DescribeAnswer::NotFound);
}

fn error(status: u16, code: &str) -> FaultKind {
    FaultKind::Error {
        status,
        code: code.to_owned(),
        message: "said by the service".to_owned(),
    }
}

fn raw(status: u16, body: &str) -> FaultKind {
    FaultKind::Raw {
        status,
        content_type: "text/html".to_owned(),
        body: body.to_owned(),
    }
}

/// Every answer to a Start, and whether it leaves an attempt open.
#[tokio::test]
async fn every_answer_to_a_start() {
    use Effect::{None, Unknown};
    use ErrorClass::{
        AccessDenied, CredentialsRejected, LimitExceeded, ServiceUnavailable, Throttled, UnexpectedAnswer,
    };
    let account = Account::new();
    let table = [
        (FaultKind::Throttle, Throttled, None),
        (error(429, "SlowDown"), Throttled, None),
        (error(400, "TooManyRequestsException"), Throttled, None),
        (FaultKind::Limit, LimitExceeded, None),
        (FaultKind::AccessDenied, AccessDenied, None),
        (FaultKind::ExpiredToken, CredentialsRejected, None),
        (FaultKind::UnrecognizedClient, CredentialsRejected, None),
        (error(403, "InvalidSignatureException"), CredentialsRejected, None),
        (FaultKind::Internal, ServiceUnavailable, Unknown),
        (FaultKind::Unavailable, ServiceUnavailable, Unknown),
        (raw(502, "<html>"), ServiceUnavailable, Unknown),
        (FaultKind::Cut, ServiceUnavailable, Unknown),
        (FaultKind::Garbage, UnexpectedAnswer, Unknown),
        (raw(418, "<html>"), UnexpectedAnswer, Unknown),
        (raw(404, "{}"), UnexpectedAnswer, Unknown),
        // An answer in AWS's form is one, documented or not.
        (error(404, "ResourceNotFoundException"), UnexpectedAnswer, None),
        (error(400, "SomethingNewException"), UnexpectedAnswer, None),
        (error(400, "ValidationException"), UnexpectedAnswer, None),
        (error(404, "UnknownOperationException"), UnexpectedAnswer, None),
        (error(413, "RequestEntityTooLargeException"), UnexpectedAnswer, None),
        // What isn't AWS's says nothing, whatever it calls itself.
        (raw(400, r#"{"message": "no"}"#), UnexpectedAnswer, Unknown),
        (raw(403, r#"{"message": "Forbidden"}"#), UnexpectedAnswer, Unknown),
        (raw(429, "<html>"), Throttled, Unknown),
        (error(302, "InvalidRequestException"), UnexpectedAnswer, Unknown),
        (error(400, "no such code"), UnexpectedAnswer, Unknown),
        (error(500, "InvalidRequestException"), ServiceUnavailable, Unknown),
        (error(500, "TaskAlreadyExistsException"), ServiceUnavailable, Unknown),
        (error(500, "AccessDeniedException"), ServiceUnavailable, Unknown),
        (error(503, "ThrottlingException"), Throttled, Unknown),
    ];
    for (number, (kind, class, effect)) in table.into_iter().enumerate() {
        let id = format!("task-{number}");
        account
            .simulator
            .inject(Fault::new(kind.clone()).on(Operation::START).task(&id));
        match account.start(&id).await {
            StartAnswer::Failed(failure) => {
                assert_eq!(
                    (failure.class, failure.effect),
                    (class, effect),
                    "{kind:?}: {}",
                    failure.message
                );
            }
            other => panic!("{kind:?}: {other:?}"),
        }
    }
    account.simulator.inject(
        Fault::new(error(400, "InvalidRequestException"))
            .on(Operation::START)
            .task("invalid"),
    );
    assert_eq!(
        account.start("invalid").await,
        StartAnswer::InvalidRequest("said by the service".to_owned())
    );
    account.start("twice").await;
    let other = StartRecord {
        token: "another".to_owned(),
        ..record("twice")
    };
    assert_eq!(
        account.service.start(&other, &wish("twice")).await,
        StartAnswer::AlreadyExists
    );
}

/// The answer of a service that documents no such error, told as it was given and without what differs at each attempt.
#[tokio::test]
async fn an_answer_that_is_not_documented_is_told() {
    let account = Account::new();
    for (operation, call) in [
        (Operation::START, "Start"),
        (Operation::DESCRIBE, "Describe"),
        (Operation::CANCEL, "Cancel"),
    ] {
        let kind = FaultKind::Error {
            status: 400,
            code: "ValidationException".to_owned(),
            message: "not offered in this region (RequestId: 6f3b2c1d-0a9b-4c8d-9e7f-112233445566)".to_owned(),
        };
        account.simulator.inject(Fault::new(kind).on(operation));
        let failure = match call {
            "Start" => match account.start("one").await {
                StartAnswer::Failed(failure) => failure,
                other => panic!("{other:?}"),
            },
            "Describe" => match account.describe("one").await {
                DescribeAnswer::Failed(failure) => failure,
                other => panic!("{other:?}"),
            },
            _ => match account.cancel("one").await {
                CancelAnswer::Failed(failure) => failure,
                other => panic!("{other:?}"),
            },
        };
        assert_eq!(
            failure.message,
            format!(
                "{call}AuditMitigationActionsTask was answered with HTTP status 400 and error code ValidationException (not \
                 offered in this region), which the service doesn't document for it; check the operator's region and endpoint"
            )
        );
        assert_eq!(failure.effect, Effect::None);
    }
}

/// A denial shows AWS's own reason, and advises by it.
#[tokio::test]
async fn a_denial_says_why() {
    let account = Account::new();
    for (why, advises) in [
        (
            "because no identity-based policy allows it",
            "allow that action in its IAM policy",
        ),
        ("with an explicit deny in a service control policy", "AWS organization"),
    ] {
        let message = format!(
            "User: arn:aws:sts::123456789012:assumed-role/audit/1732550000 is not authorized to perform: \
             iot:StartAuditMitigationActionsTask on resource: * {why}"
        );
        let kind = FaultKind::Error {
            status: 403,
            code: "AccessDeniedException".to_owned(),
            message,
        };
        account.simulator.inject(Fault::new(kind).on(Operation::START).times(1));
        let StartAnswer::Failed(failure) = account.start("one").await else {
            panic!("it is denied")
        };
        for part in ["iot:StartAuditMitigationActionsTask", why, advises] {
            assert!(failure.message.contains(part), "{part}: {}", failure.message);
        }
        assert!(!failure.message.contains("1732550000"), "{}", failure.message);
    }
}

/// A region that the account hasn't enabled doesn't know its keys. That says nothing of the keys elsewhere.
#[tokio::test]
async fn a_key_that_only_another_region_does_not_know_is_a_matter_of_that_region() {
    let account = Account::new();
    let unknown = || Fault::new(FaultKind::UnrecognizedClient).on(Operation::START).times(1);
    let message = async |region: &str| {
        let record = StartRecord {
            region: region.to_owned(),
            ..record("one")
        };
        match account.service.start(&record, &wish("one")).await {
            StartAnswer::Failed(failure) => {
                assert_eq!(failure.class, ErrorClass::CredentialsRejected);
                failure.message
            }
            other => panic!("{other:?}"),
        }
    };
    account.simulator.inject(unknown());
    let elsewhere = message("ap-east-1").await;
    assert!(
        elsewhere.contains("ap-east-1") && elsewhere.contains("may not be enabled"),
        "{elsewhere}"
    );
    account.simulator.inject(unknown());
    let own = message("eu-central-1").await;
    assert!(!own.contains("may not be enabled"), "{own}");
    // A region that has accepted them before is enabled.
    account.describe("none").await;
    account.simulator.inject(unknown());
    let known = message("eu-west-1").await;
    assert!(!known.contains("may not be enabled"), "{known}");
}

/// Each operation that only reads is tried, and none that doesn't.
#[tokio::test]
async fn a_trial_names_each_read_that_is_denied() {
    let account = Account::new();
    let tried = async || {
        let tried = account.service.try_reads("eu-west-1").await;
        let denied = tried.into_iter().filter_map(|(operation, tried)| {
            let problem = tried.err()?;
            assert!(problem.message.contains(operation.name()), "{problem:?}");
            Some(operation)
        });
        denied.collect::<Vec<_>>()
    };
    assert_eq!(tried().await, []);
    for operation in [Operation::EXECUTIONS, Operation::DescribeMitigationAction] {
        account
            .simulator
            .inject(Fault::new(FaultKind::AccessDenied).on(operation));
    }
    assert_eq!(tried().await, [Paced::ListExecutions, Paced::DescribeAction]);
    let has_effect = [Paced::Start, Paced::Cancel];
    let reads = Paced::ALL.iter().filter(|operation| !has_effect.contains(operation));
    let reads: BTreeSet<&str> = reads.map(|operation| operation.name()).collect();
    let calls = account.simulator.calls();
    let names: Vec<String> = calls.iter().map(|call| call.operation.unwrap().to_string()).collect();
    assert_eq!(names.iter().map(String::as_str).collect::<BTreeSet<_>>(), reads);
}

/// What keeps the failed actions from being found is told.
#[tokio::test]
async fn a_look_at_failed_actions_says_which_list_is_denied() {
    let account = Account::new();
    account.service.start(&record("one"), &wish("one")).await;
    account
        .simulator
        .inject(Fault::new(FaultKind::AccessDenied).on(Operation::EXECUTIONS));
    let found = account
        .service
        .failed_actions("uid", &address("one"), &failed(wish("one")))
        .await;
    let problem = found.problem.unwrap_or_default();
    assert!(
        problem.contains("iot:ListAuditMitigationActionsExecutions"),
        "{problem}"
    );
    assert!(found.truncated && found.failures.is_empty());
}

#[tokio::test]
async fn a_request_that_was_never_sent_had_no_effect() {
    let nobody = service(&format!("http://127.0.0.1:{}", support::ports::free().unwrap()));
    let StartAnswer::Failed(Failure { class, effect, .. }) = nobody.start(&record("one"), &wish("one")).await else {
        panic!("nobody listens there")
    };
    assert_eq!((class, effect), (ErrorClass::ServiceUnavailable, Effect::None));
}

#[tokio::test]
async fn a_service_that_never_answers_is_given_up() {
    let account = Account::new();
    account
        .simulator
        .inject(Fault::new(FaultKind::Hang).on(Operation::START));
    let answer = timeout(LIMIT, account.start("one")).await.unwrap();
    let StartAnswer::Failed(failure) = answer else {
        panic!("it never answers")
    };
    assert_eq!(
        (failure.class, failure.effect),
        (ErrorClass::ServiceUnavailable, Effect::Unknown)
    );
}

/// The SDK makes one attempt: what it tried again by itself would hide an answer that nobody saw.
#[tokio::test]
async fn each_call_is_one_attempt() {
    let account = Account::new();
    account.simulator.inject(Fault::new(FaultKind::Internal));
    account.start("one").await;
    account.describe("one").await;
    account.cancel("one").await;
    assert_eq!(account.simulator.calls().len(), 3);
}

#[tokio::test]
async fn messages_are_bounded_and_one_line() {
    let account = Account::new();
    let kind = FaultKind::Error {
        status: 400,
        code: "InvalidRequestException".to_owned(),
        message: "two\nlines ".repeat(500),
    };
    account.simulator.inject(Fault::new(kind).on(Operation::START));
    let StartAnswer::InvalidRequest(message) = account.start("one").await else {
        panic!("not refused")
    };
    assert!(message.chars().count() <= 512 && !message.contains('\n'), "{message}");
}

#[tokio::test]
async fn throttling_slows_the_calls_of_its_operation_and_region_down() {
    let account = Account::new();
    let rate = |operation, region| account.service.pace().limiter().rate(operation, region);
    let now = std::time::Instant::now();
    let asked = account
        .service
        .pace()
        .limiter()
        .ask("one", Paced::Start, "eu-west-1", now);
    assert_eq!(asked, Ok(()));
    account
        .simulator
        .inject(Fault::new(FaultKind::Throttle).on(Operation::START));
    account.start("one").await;
    assert!(rate(Paced::Start, "eu-west-1") < Some(Rates::START));
    assert_eq!(rate(Paced::Start, "us-east-1"), Some(Rates::START));
    assert_eq!(rate(Paced::Describe, "eu-west-1"), Some(Rates::DESCRIBE));
}

/// Findings without a failed action cost a call each, and show nothing.
#[tokio::test]
async fn a_look_at_failed_actions_makes_fifty_calls_at_most() {
    let account = Account::new();
    let mut target = wish("one").target;
    target.finding_ids = Some((0..60).map(|n| format!("f-{n}")).collect());
    let wish = DesiredTask { target, ..wish("one") };
    account.service.start(&record("one"), &wish).await;
    let started = account.simulator.calls().len();
    let ended = failed(wish);
    let found = account.service.failed_actions("uid", &address("one"), &ended).await;
    assert!(found.failures.is_empty() && found.truncated, "{found:?}");
    assert_eq!(account.simulator.calls().len() - started, 50);
}

/// The look at failed actions comes after a crowd: it waits for its turn, and gives up in time.
#[tokio::test]
async fn a_look_at_failed_actions_makes_no_call_before_its_turn_and_has_an_end() {
    let account = Account::new();
    for n in 0..1_000 {
        let mut limiter = account.service.pace().limiter();
        let _ = limiter.ask(
            &n.to_string(),
            Paced::ListExecutions,
            "eu-west-1",
            std::time::Instant::now(),
        );
    }
    let ended = failed(wish("one"));
    let found = account.service.failed_actions("uid", &address("one"), &ended).await;
    assert!(found.failures.is_empty() && found.truncated);
    assert!(account.simulator.calls().is_empty(), "{:?}", account.simulator.calls());
}
