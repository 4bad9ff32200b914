use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use audit_mitigation_operator::api::{DeletionPolicy, FindingFailure, StartRecord, Target};
use audit_mitigation_operator::aws::Service;
use audit_mitigation_operator::core::answer::{
    CancelAnswer, DescribeAnswer, Described, Effect, ErrorClass, FailedActions, Failure, StartAnswer, TaskState,
};
use audit_mitigation_operator::core::rate_limiter::Rates;
use audit_mitigation_operator::core::task::desired::DesiredTask;
use audit_mitigation_operator::core::task::step::TaskAddress;
use audit_mitigation_operator::metrics::Metrics;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::answer::{KNOWN_CODES, answer};
use crate::reads::Reads;
use crate::server::{Reply, Server};

/// What a text that goes into a status, an event or a log may have at most.
const LONGEST_TEXT: usize = 700;
/// Far more than the ten seconds that a call may take.
const LIMIT: Duration = Duration::from_mins(2);

struct Account {
    runtime: Runtime,
    server: Server,
    service: Service,
}

impl Account {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(Server::start());
        let credentials = Credentials::new("AKIATEST", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .region(Region::new("eu-central-1"))
            .endpoint_url(server.endpoint())
            .build();
        let no_limit = Rates {
            start: None,
            describe: None,
            others: None,
        };
        let service = Service::new(&config, no_limit, Metrics::new().0);
        Self {
            runtime,
            server,
            service,
        }
    }

    /// What every operation makes of this answer.
    fn hear(&self, reply: Reply) -> Heard {
        self.server.reply(reply);
        let Self { runtime, service, .. } = self;
        runtime.block_on(async {
            let heard = async {
                Heard {
                    start: service.start(&record(), &wish()).await,
                    describe: service.describe(&address()).await,
                    cancel: service.cancel(&address()).await,
                    failed_actions: service.failed_actions("uid", &address(), &ended()).await,
                    reads: Reads::from(service).await,
                }
            };
            tokio::time::timeout(LIMIT, heard).await.unwrap()
        })
    }
}

#[derive(Debug)]
struct Heard {
    start: StartAnswer,
    describe: DescribeAnswer,
    cancel: CancelAnswer,
    failed_actions: FailedActions,
    reads: Reads,
}

impl Heard {
    /// Every text in it that a person may get to see.
    fn texts(&self) -> Vec<&str> {
        let mut texts = Vec::new();
        match &self.start {
            StartAnswer::Success { task_id } => texts.push(task_id.as_str()),
            StartAnswer::InvalidRequest(message) | StartAnswer::Failed(Failure { message, .. }) => texts.push(message),
            StartAnswer::AlreadyExists => {}
        }
        match &self.describe {
            DescribeAnswer::Found(task) => {
                let Described { state, statistics, .. } = &**task;
                texts.extend(statistics.keys().map(String::as_str));
                if let TaskState::Other(state) = state {
                    texts.push(state);
                }
            }
            DescribeAnswer::Failed(Failure { message, .. }) => texts.push(message),
            DescribeAnswer::NotFound => {}
        }
        if let CancelAnswer::Failed(Failure { message, .. }) = &self.cancel {
            texts.push(message);
        }
        for failure in &self.failed_actions.failures {
            let FindingFailure {
                finding_id,
                check_name,
                action_name,
                error_code,
                message,
            } = failure;
            texts.push(finding_id);
            texts.extend(
                [check_name, action_name, error_code, message]
                    .into_iter()
                    .flatten()
                    .map(String::as_str),
            );
        }
        texts.extend(self.reads.messages());
        texts
    }
}

fn record() -> StartRecord {
    StartRecord {
        task_id: "one".to_owned(),
        token: "token".to_owned(),
        request_hash: String::new(),
        region: "eu-west-1".to_owned(),
        uid: String::new(),
        time: jiff::Timestamp::UNIX_EPOCH,
    }
}

fn target() -> Target {
    Target {
        audit_task_id: Some("a3aea009955e501a31b764abe1bebd3d".to_owned()),
        finding_ids: None,
        audit_check_to_reason_code_filter: None,
    }
}

fn mapping() -> BTreeMap<String, Vec<String>> {
    BTreeMap::from([("LOGGING_DISABLED_CHECK".to_owned(), vec!["EnableLogging".to_owned()])])
}

fn wish() -> DesiredTask {
    DesiredTask {
        task_id: "one".to_owned(),
        target: target(),
        mapping: mapping(),
        token: None,
        region: None,
        request_hash: String::new(),
        approval: None,
        suspend: false,
        cancel: false,
        deletion_policy: DeletionPolicy::Cancel,
        deadline_seconds: None,
        ttl_seconds: None,
    }
}

fn address() -> TaskAddress {
    TaskAddress {
        task_id: "one".to_owned(),
        region: "eu-west-1".to_owned(),
    }
}

/// A task that failed on findings which are yet to be found.
fn ended() -> Described {
    Described {
        state: TaskState::Failed,
        start_time: None,
        end_time: None,
        statistics: BTreeMap::new(),
        target: Some(target()),
        mapping: Some(mapping()),
        actions: None,
    }
}

/// Whether it is in AWS's form: a 4xx with one of the service's codes in its header, whole.
fn is_refusal_by_header(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let length = header("content-length: ").and_then(|length| length.parse().ok());
    status_of(bytes).is_some_and(|status| (400..500).contains(&status))
        && length == Some(bytes.len() - end - 4)
        && header("x-amzn-errortype: ").is_some_and(|code| KNOWN_CODES.contains(&code))
}

/// The status code of a well-formed answer.
fn status_of(bytes: &[u8]) -> Option<u16> {
    let text = bytes.strip_prefix(b"HTTP/1.1 ")?;
    std::str::from_utf8(text.get(..3)?).ok()?.parse().ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_answer_is_classified_bounded_and_believed_only_if_it_can_be(bytes in answer()) {
        static ACCOUNT: LazyLock<Account> = LazyLock::new(Account::new);
        let heard = ACCOUNT.hear(Reply::Bytes(bytes.clone()));
        heard.reads.check()?;
        if let DescribeAnswer::Found(task) = &heard.describe {
            crate::reads::check_actions(task.actions.iter().flatten())?;
        }
        for text in heard.texts() {
            prop_assert!(text.chars().count() <= LONGEST_TEXT, "{} characters", text.chars().count());
        }
        if let DescribeAnswer::Found(task) = &heard.describe {
            prop_assert!(task.statistics.len() <= 100);
            for time in [task.start_time, task.end_time].into_iter().flatten() {
                let text = serde_json::to_string(&time).unwrap();
                prop_assert_eq!(text.len(), "\"2026-01-01T00:00:00Z\"".len(), "{} fits no Kubernetes object", text);
            }
        }
        if heard.reads.has_not_found() {
            prop_assert!(status_of(&bytes).is_some_and(|status| (400..500).contains(&status)));
        }
        let is_success = status_of(&bytes).is_some_and(|status| (200..300).contains(&status));
        match &heard.start {
            StartAnswer::Success { task_id } => {
                prop_assert!(is_success);
                let is_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
                prop_assert!((1..=128).contains(&task_id.len()) && task_id.bytes().all(is_id), "{task_id:?}");
            }
            // Only what the service says itself can mean that nothing was started.
            StartAnswer::Failed(failure) if failure.effect == Effect::None => {
                let is_refusal = status_of(&bytes).is_some_and(|status| (400..500).contains(&status));
                prop_assert!(is_refusal, "{failure:?}");
            }
            StartAnswer::AlreadyExists | StartAnswer::InvalidRequest(_) => {
                prop_assert!(status_of(&bytes).is_some_and(|status| (400..500).contains(&status)), "{:?}", heard.start);
            }
            // And what it says itself in its own form does.
            StartAnswer::Failed(failure) => prop_assert!(!is_refusal_by_header(&bytes), "{failure:?}"),
        }
    }
}

/// Nothing ends it but the limit on its size: the time-out alone would let gigabytes through. Ten operations ask, each
/// under each framing, and what lies in the buffers of the connections counts as taken.
#[test]
fn an_endless_answer_is_given_up() {
    let account = Account::new();
    for framing in ["content-length: 1099511627776", "connection: close"] {
        let start = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{framing}\r\n\r\n");
        let heard = account.hear(Reply::Endless(start.into_bytes()));
        let StartAnswer::Failed(failure) = heard.start else {
            panic!("{:?}", heard.start)
        };
        // A time-out would be ServiceUnavailable.
        assert_eq!(
            (failure.class, failure.effect),
            (ErrorClass::UnexpectedAnswer, Effect::Unknown),
            "{}",
            failure.message
        );
        assert!(
            matches!(heard.describe, DescribeAnswer::Failed(_)),
            "{:?}",
            heard.describe
        );
    }
    let taken = account.server.taken() >> 20;
    assert!((160..640).contains(&taken), "{taken} MiB were read");
}

/// The connection ends in the head, or in the body of an answer of whatever status.
#[test]
fn an_answer_that_breaks_off_is_none() {
    let account = Account::new();
    let body = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 100\r\n\r\n{{\"taskId\": \"o");
    for start in [
        "HTTP/1.1 200 OK\r\ncont".to_owned(),
        body("200 OK"),
        body("400 Bad Request"),
    ] {
        let heard = account.hear(Reply::Bytes(start.clone().into_bytes()));
        let StartAnswer::Failed(failure) = heard.start else {
            panic!("{start:?}: {:?}", heard.start)
        };
        assert_eq!(
            (failure.class, failure.effect),
            (ErrorClass::ServiceUnavailable, Effect::Unknown),
            "{start:?}: {}",
            failure.message
        );
    }
}
