//! What the operator writes to its log.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use audit_mitigation_operator::api::Phase;
use jiff::Timestamp;
use serde_json::Value;
use simulator::{Fault, FaultKind, Operation, Outcome};
use support::{eventually, operator};

use super::{LIMIT, World, spec};

const SECRET_KEY: &str = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY";
const SESSION_TOKEN: &str = "IQoJb3JpZ2luX2VjEXAMPLETOKEN";

/// An operator with nothing but these flags and a session's credentials.
fn command(world: &World, kubeconfig: &Path, flags: &[&str]) -> Command {
    let program = env!("CARGO_BIN_EXE_audit-mitigation-operator");
    let mut command = operator::command(program.as_ref(), kubeconfig, &world.endpoint, "AKIATEST", world.port);
    command
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_SESSION_TOKEN", SESSION_TOKEN)
        .args(["--leader-elect=false", "--min-poll-interval=200ms"])
        .args(["--watch-namespaces", &world.namespace])
        .args(flags);
    command
}

/// Each line is one JSON object that says when, how grave, where from and what.
fn lines(log: &str) -> Vec<Value> {
    let line = |line: &str| {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        value["timestamp"].as_str().unwrap().parse::<Timestamp>().unwrap();
        assert!(
            ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&value["level"].as_str().unwrap()),
            "{line}"
        );
        let is_ours = value["target"]
            .as_str()
            .unwrap()
            .starts_with("audit_mitigation_operator");
        assert!(!is_ours || value["message"].is_string(), "{line}");
        value
    };
    log.lines().map(line).collect()
}

fn transitions(lines: &[Value], name: &str) -> Vec<(String, String)> {
    let text = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let of = |line: &&Value| line["message"] == "transition" && line["name"] == name;
    lines
        .iter()
        .filter(of)
        .map(|line| (text(line, "phase"), text(line, "reason")))
        .collect()
}

/// A life at the default level: a line for each transition, and none for what lies between them.
#[tokio::test]
async fn at_info_the_log_tells_each_transition_once_and_nothing_else() {
    let mut world = World::without_operator("logs", &[], |_| {}).await;
    let command = command(&world, &world.kubeconfig, &["--log-format", "json"]);
    world.operator = Some(world.cluster.spawn("operator", command).unwrap());
    world.aws.set_outcome("held", Outcome::held());
    world
        .aws
        .inject(Fault::new(FaultKind::Throttle).on(Operation::START).times(3));
    world.create("one", &spec("held")).await;
    world.phase("one", Phase::Running).await;
    world.until_logged("watching AuditMitigationPolicies", 1).await;
    // A transition is logged after it is written.
    world.until_logged("\"phase\":\"Running\"", 1).await;
    let before = world.log().lines().count();
    world
        .until_called(Operation::DESCRIBE, world.calls(Operation::DESCRIBE).len() + 3)
        .await;
    assert_eq!(world.log().lines().count(), before, "polls are no news");
    world.aws.finish("held");
    world.phase("one", Phase::Completed).await;

    let expected = [
        ("Pending", "Throttled"),
        ("Running", "InProgress"),
        ("Completed", "Completed"),
    ];
    let expected = expected.map(|(phase, reason)| (phase.to_owned(), reason.to_owned()));
    eventually(LIMIT, "the end is in the log", async || {
        let found = transitions(&lines(&world.log()), "one");
        if found == expected {
            Ok(())
        } else {
            Err(format!("{found:?}"))
        }
    })
    .await
    .unwrap();
    let lines = lines(&world.log());
    for line in lines.iter().filter(|line| line["message"] == "transition") {
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["namespace"], world.namespace.as_str());
        let keys: BTreeSet<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "level",
            "message",
            "name",
            "namespace",
            "note",
            "phase",
            "reason",
            "target",
            "timestamp",
        ];
        assert_eq!(keys, BTreeSet::from(expected));
    }
    let mut messages: Vec<&str> = lines.iter().map(|line| line["message"].as_str().unwrap()).collect();
    // The second kind is watched when its definition is served, whatever the first is at.
    let policies = messages
        .iter()
        .position(|message| *message == "watching AuditMitigationPolicies");
    messages.remove(policies.expect("policies are watched"));
    assert_eq!(
        messages,
        [
            "starting",
            "watching AuditMitigationTasks",
            "transition",
            "transition",
            "transition"
        ]
    );
}

/// One line a reconcile at debug, and no secret at any level that makes sense in operation.
#[tokio::test]
async fn at_debug_there_is_a_line_for_each_reconcile_and_never_a_secret() {
    let mut world = World::without_operator("secrets", &[], |_| {}).await;
    let account = format!("--serviceaccount={}:default", world.namespace);
    world
        .kubectl(&["create", "rolebinding", "all", "--clusterrole=cluster-admin", &account])
        .await;
    let kubeconfig = world
        .cluster
        .kubeconfig_for_service_account(&world.namespace, "default")
        .await
        .unwrap();
    let text: Value = serde_json::from_str(&std::fs::read_to_string(&kubeconfig).unwrap()).unwrap();
    let token = text["users"][0]["user"]["token"].as_str().unwrap().to_owned();
    let flags = ["--log-level", "debug,audit_mitigation_operator=trace"];
    let command = command(&world, &kubeconfig, &flags);
    world.operator = Some(world.cluster.spawn("operator", command).unwrap());
    world
        .aws
        .inject(Fault::new(FaultKind::AccessDenied).on(Operation::START).times(1));
    world.create("one", &spec("one")).await;
    world
        .until("one", "it is refused", |task| {
            super::status(task).phase == Some(Phase::Pending)
        })
        .await;
    world
        .kubectl(&[
            "patch",
            "amt",
            "one",
            "--type=merge",
            "-p",
            r#"{"spec":{"suspend":true}}"#,
        ])
        .await;
    world.phase("one", Phase::Suspended).await;
    world
        .kubectl(&[
            "patch",
            "amt",
            "one",
            "--type=merge",
            "-p",
            r#"{"spec":{"suspend":false}}"#,
        ])
        .await;
    world.phase("one", Phase::Completed).await;
    let mut operator = world.operator.take().unwrap();
    assert!(operator.stop(LIMIT).await.unwrap().success());

    let log = operator.log();
    for secret in [SECRET_KEY, SESSION_TOKEN, &token] {
        let leak = log.lines().find(|line| line.contains(secret));
        assert_eq!(leak, None, "a secret in the log");
    }
    let lines = lines(&log);
    let ours: Vec<&Value> = lines
        .iter()
        .filter(|line| {
            line["target"] == "audit_mitigation_operator::controller::task::reconcile" && line["level"] == "DEBUG"
        })
        .collect();
    assert!(ours.len() >= 3, "{ours:#?}");
    for line in &ours {
        assert_eq!(line["message"], "reconcile", "{line}");
        assert_eq!(
            (&line["name"], line["namespace"].as_str()),
            (&"one".into(), Some(&*world.namespace))
        );
    }
    let steps: Vec<&str> = ours.iter().map(|line| line["steps"].as_str().unwrap()).collect();
    assert!(
        steps
            .iter()
            .any(|steps| steps.contains("Start, one in eu-central-1: Success")),
        "{steps:#?}"
    );
}

/// For people: a time, a level and words on one line, without the colours of a terminal that isn't there.
#[tokio::test]
async fn as_text_the_log_is_readable() {
    let mut world = World::without_operator("text", &[], |_| {}).await;
    let command = command(&world, &world.kubeconfig, &["--log-format", "text"]);
    world.operator = Some(world.cluster.spawn("operator", command).unwrap());
    world.create("one", &spec("one")).await;
    world.phase("one", Phase::Completed).await;
    let mut operator = world.operator.take().unwrap();
    assert!(operator.stop(LIMIT).await.unwrap().success());
    let log = operator.log();
    assert!(!log.contains('\u{1b}'), "{log:?}");
    for line in log.lines() {
        let mut words = line.split_whitespace();
        words.next().unwrap().parse::<Timestamp>().unwrap();
        assert_eq!(words.next(), Some("INFO"), "{line}");
    }
    let end = log.lines().find(|line| line.contains("phase=Completed")).unwrap();
    let (name, namespace) = ("name=\"one\"", format!("namespace=\"{}\"", world.namespace));
    assert!(
        end.contains("transition") && end.contains(name) && end.contains(&namespace),
        "{end}"
    );
}
