//! Credentials that run out, are taken away, and are renewed.

use std::path::Path;
use std::sync::{Arc, Mutex};

use audit_mitigation_operator::api::{Phase, StoredTask};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use simulator::{Config, Fault, FaultKind, Operation, Outcome};
use tokio::net::TcpListener;

use super::{World, spec_with, until_reason};
use crate::operator::{message, spec, status};

/// Gives out credentials as an EKS Pod Identity agent does.
struct Issuer {
    uri: String,
    issue: Arc<Mutex<Issue>>,
}

#[derive(Default)]
struct Issue {
    /// The next key; without one the agent answers with an error.
    key: Option<String>,
    lifetime: SignedDuration,
    /// How often somebody asked.
    asked: usize,
    /// Each key that was given out, and when it runs out.
    given: Vec<(String, Timestamp)>,
}

impl Issue {
    fn give(&mut self) -> Result<Json<Value>, StatusCode> {
        self.asked += 1;
        let key = self.key.clone().ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
        let key = key.replace("{n}", &self.given.len().to_string());
        let expiration = Timestamp::now() + self.lifetime;
        self.given.push((key.clone(), expiration));
        Ok(Json(json!({
            "AccessKeyId": key,
            "SecretAccessKey": "secret",
            "Token": "token",
            "Expiration": expiration.to_string(),
        })))
    }
}

impl Issuer {
    async fn start() -> Self {
        Self::listen("127.0.0.1:0").await
    }

    async fn listen(address: &str) -> Self {
        let issue = Arc::<Mutex<Issue>>::default();
        let giver = Arc::clone(&issue);
        let router = Router::new().route("/", get(async move || giver.lock().unwrap().give()));
        let listener = TcpListener::bind(address).await.unwrap();
        let uri = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { uri, issue }
    }

    /// From now on it gives out this key.
    fn gives(&self, key: &str, lifetime: SignedDuration) {
        let mut issue = self.issue.lock().unwrap();
        (issue.key, issue.lifetime) = (Some(key.to_owned()), lifetime);
    }

    fn gives_none(&self) {
        self.issue.lock().unwrap().key = None;
    }

    fn given(&self) -> Vec<(String, Timestamp)> {
        self.issue.lock().unwrap().given.clone()
    }
}

const OLD: &str = "AKIAOLD";
const NEW: &str = "AKIANEW";

/// A world of one account, whatever the key, with an operator whose credentials come from somewhere.
async fn world(prefix: &str, variable: &str, value: impl AsRef<std::ffi::OsStr>) -> World {
    let one_account = |config: &mut Config| {
        for key in [OLD, NEW] {
            config.access_keys.insert(key.to_owned(), "account".to_owned());
        }
        for n in 0..100 {
            config.access_keys.insert(format!("AKIA{n}"), "account".to_owned());
        }
    };
    let mut world = World::without_operator(prefix, &["--max-poll-interval=1s"], one_account).await;
    world.access_key = None;
    let mut command = world.operator_command();
    command.env(variable, value);
    world.operator = Some(world.cluster.spawn("operator", command).unwrap());
    world
}

/// They are renewed before they run out: no call is ever made with a key that has.
#[tokio::test]
async fn credentials_are_renewed_before_they_expire() {
    let issuer = Issuer::start().await;
    issuer.gives("AKIA{n}", SignedDuration::from_secs(15));
    let world = world("renewed", "AWS_CONTAINER_CREDENTIALS_FULL_URI", &issuer.uri).await;
    world.aws.set_outcome("one", Outcome::held());
    world.create("one", &spec("one")).await;
    world.phase("one", Phase::Running).await;
    world.until_called_with("AKIA2").await;
    world.aws.finish("one");
    world.phase("one", Phase::Completed).await;
    for (key, expiration) in issuer.given() {
        let late = world
            .aws
            .calls()
            .into_iter()
            .find(|call| call.access_key == key && call.time > expiration);
        assert!(late.is_none(), "{expiration}: {late:?}");
    }
    assert!(issuer.given().len() < 20, "{:?}", issuer.given());
}

/// The service refuses them long before they run out, and for a while there are no others. The status says so, for
/// what waits and for what runs; when there are others, both go on.
#[tokio::test]
async fn credentials_that_are_refused_are_asked_for_anew() {
    let issuer = Issuer::start().await;
    issuer.gives(OLD, SignedDuration::from_hours(6));
    let mut world = world("refused", "AWS_CONTAINER_CREDENTIALS_FULL_URI", &issuer.uri).await;
    world.aws.set_outcome("running", Outcome::held());
    world.create("running", &spec("running")).await;
    world.phase("running", Phase::Running).await;
    world.aws.inject(Fault::new(FaultKind::ExpiredToken).access_key(OLD));
    world.create("waiting", &spec("waiting")).await;
    for name in ["running", "waiting"] {
        let said = until_reason(&world, name, "CredentialsRejected").await;
        assert!(said.contains("ExpiredTokenException"), "{said}");
    }
    issuer.gives_none();
    let no_credentials = |task: &StoredTask| message(&status(task)).contains("no AWS credentials");
    world
        .until("waiting", "it says that there are none", no_credentials)
        .await;
    assert_eq!(status(&world.get("waiting").await).attempt, None, "nothing was sent");
    issuer.gives(NEW, SignedDuration::from_hours(6));
    world.phase("waiting", Phase::Completed).await;
    world.aws.finish("running");
    world.phase("running", Phase::Completed).await;
    for name in ["running", "waiting"] {
        assert_eq!(world.aws.starts(name), 1, "{name}");
    }
    assert!(world.operator.as_mut().unwrap().ended().unwrap().is_none());
    let calls = world.aws.calls().len();
    assert!(calls < 100, "{calls} calls");
    assert!(issuer.given().len() < 20, "{:?}", issuer.given());
}

/// Keys in a file, as a mounted Secret is one: the old ones are deactivated, the file gets new ones.
#[tokio::test]
async fn keys_that_are_replaced_in_their_file_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    write_keys(&file, OLD);
    let mut world = world("file", "AWS_SHARED_CREDENTIALS_FILE", &file).await;
    world.create("before", &spec("before")).await;
    world.phase("before", Phase::Completed).await;
    world
        .aws
        .inject(Fault::new(FaultKind::UnrecognizedClient).access_key(OLD));
    world.create("one", &spec("one")).await;
    let said = until_reason(&world, "one", "CredentialsRejected").await;
    assert!(said.contains("UnrecognizedClientException"), "{said}");
    write_keys(&file, NEW);
    world.phase("one", Phase::Completed).await;
    assert_eq!(world.aws.starts("one"), 1);
    assert!(world.operator.as_mut().unwrap().ended().unwrap().is_none());
    assert!(world.calls(Operation::START).len() < 10);
}

/// A Secret that is mounted late: its file isn't there when the operator starts, is empty, or lacks the profile.
#[tokio::test]
async fn keys_that_come_after_the_start_are_seen() {
    for text in [None, Some(""), Some("[other]\naws_access_key_id = AKIAOTHER\n")] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials");
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let world = world("late", "AWS_SHARED_CREDENTIALS_FILE", &file).await;
        world.create("one", &spec("one")).await;
        let said = until_reason(&world, "one", "CredentialsRejected").await;
        assert!(said.contains(file.to_str().unwrap()), "{text:?}: {said}");
        write_keys(&file, NEW);
        world.phase("one", Phase::Completed).await;
        assert_eq!(world.aws.starts("one"), 1);
    }
}

/// An agent on the node, or a sidecar, that begins to answer late.
#[tokio::test]
async fn an_agent_that_comes_after_the_start_is_asked_again() {
    let port = support::ports::free().unwrap();
    let uri = format!("http://127.0.0.1:{port}/");
    let world = world("agent", "AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri).await;
    world.create("one", &spec("one")).await;
    let said = until_reason(&world, "one", "CredentialsRejected").await;
    assert!(said.contains("Connection refused"), "{said}");
    let issuer = Issuer::listen(&format!("127.0.0.1:{port}")).await;
    issuer.gives(NEW, SignedDuration::from_hours(6));
    world.phase("one", Phase::Completed).await;
    assert_eq!(world.aws.starts("one"), 1);
}

/// A region that the account hasn't enabled knows none of its keys. Nobody asks for others, and other regions go on.
#[tokio::test]
async fn a_region_that_is_not_enabled_asks_for_no_other_credentials() {
    let issuer = Issuer::start().await;
    issuer.gives(NEW, SignedDuration::from_hours(6));
    let world = world("disabled", "AWS_CONTAINER_CREDENTIALS_FULL_URI", &issuer.uri).await;
    world
        .aws
        .inject(Fault::new(FaultKind::UnrecognizedClient).task("elsewhere"));
    world
        .create("elsewhere", &spec_with("elsewhere", "region", "ap-east-1"))
        .await;
    let said = until_reason(&world, "elsewhere", "CredentialsRejected").await;
    assert!(
        said.contains("ap-east-1") && said.contains("may not be enabled"),
        "{said}"
    );
    world.until_called(Operation::START, 3).await;
    world.create("here", &spec("here")).await;
    world.phase("here", Phase::Completed).await;
    assert_eq!(issuer.given().len(), 1, "{:?}", issuer.given());
}

/// However many resources wait, whoever gives out credentials is asked once in a while.
#[tokio::test]
async fn a_crowd_does_not_ask_for_credentials_all_at_once() {
    let issuer = Issuer::start().await;
    let world = world("crowd", "AWS_CONTAINER_CREDENTIALS_FULL_URI", &issuer.uri).await;
    for n in 0..20 {
        let name = format!("task-{n}");
        world.create(&name, &spec(&name)).await;
    }
    for n in 0..20 {
        until_reason(&world, &format!("task-{n}"), "CredentialsRejected").await;
    }
    let asked = issuer.issue.lock().unwrap().asked;
    issuer.gives(NEW, SignedDuration::from_hours(6));
    for n in 0..20 {
        world.phase(&format!("task-{n}"), Phase::Completed).await;
    }
    // The SDK asks three times for each look that fails.
    assert!(asked < 30, "{asked}");
    assert!(issuer.given().len() < 5, "{:?}", issuer.given());
}

fn write_keys(file: &Path, key: &str) {
    let text = format!("[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\n");
    std::fs::write(file, text).unwrap();
}

impl World {
    async fn until_called_with(&self, key: &str) {
        support::eventually(crate::operator::LIMIT, "the key is used", async || {
            let calls = self.aws.calls();
            if calls.iter().any(|call| call.access_key == key) {
                Ok(())
            } else {
                Err(format!("{:?}", calls.last()))
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", self.log()));
    }
}
