//! What README.md and REFERENCE.md tell can be done.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use simulator::{Config, Operation, Outcome, Server, Settings};

const README: &str = include_str!("../README.md");
const REFERENCE: &str = include_str!("../REFERENCE.md");

/// The shell commands of a page, for a server that listens elsewhere.
fn script(page: &str, server: &Server) -> String {
    let blocks = page
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    // curl itself takes an error's answer for a success.
    let script = format!(
        "set -eu\ncurl() {{ command curl --silent --show-error --fail-with-body --globoff \"$@\"; }}\n{}",
        blocks.collect::<String>()
    );
    script.replace("127.0.0.1:4566", &server.address().to_string())
}

fn run(script: &str, path: &str) {
    let output = Command::new("bash")
        .args(["-xc", script])
        .env("PATH", path)
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env_remove("AWS_PROFILE")
        .env_remove("HTTP_PROXY")
        .env_remove("http_proxy")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

fn path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

#[test]
fn the_reference_s_commands_work() {
    let server = Server::start(Config {
        max_signature_age: None,
        ..Config::default()
    })
    .unwrap();
    server.set_outcome("my-task", Outcome::held());
    let start = format!(
        "curl {}/audit/mitigationactions/tasks/my-task -H 'x-amz-date: 20260301T000000Z' -H 'authorization: \
         AWS4-HMAC-SHA256 Credential=AKIA/20260301/eu-west-1/iot/aws4_request, SignedHeaders=host, Signature=0' \
         -d '{{\"target\": {{\"auditTaskId\": \"a\"}}, \"auditCheckToActionsMapping\": {{\"X\": [\"y\"]}}, \
         \"clientRequestToken\": \"one\"}}'\n",
        server.endpoint()
    );
    run(&format!("{start}{}", script(REFERENCE, &server)), &path());
    assert_eq!(server.task("my-task").unwrap().status, "COMPLETED");
    assert!(server.problems().iter().any(|problem| problem.problem_id == "cert-12"));
}

#[test]
fn the_readme_s_commands_work_with_the_aws_cli() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("tests/awscli");
    let python = tools::python::environment(&folder.join("requirements.txt")).unwrap();
    let server = Server::start(Config::default()).unwrap();
    let path = format!("{}:{}", python.parent().unwrap().display(), path());
    run(&script(README, &server), &path);
    assert_eq!(server.starts("my-task"), 1);
    assert_eq!(server.problems().len(), 12);
    assert!(server.calls().iter().all(|call| call.status == Some(200)));
}

#[test]
fn every_operation_and_setting_is_in_the_reference() {
    let model: serde_json::Value = serde_json::from_str(include_str!("../src/model.json")).unwrap();
    for operation in model["operations"].as_object().unwrap().keys() {
        assert!(Operation::named(operation).is_some(), "{operation} is not simulated");
        let is_told = REFERENCE
            .lines()
            .any(|line| line.starts_with('|') && line.contains(operation));
        assert!(is_told, "REFERENCE.md says nothing of {operation}");
    }
    let settings = serde_json::to_value(Settings::default()).unwrap();
    for (name, value) in settings.as_object().unwrap() {
        let names: Vec<String> = match value.as_object() {
            Some(members) => members.keys().map(|member| format!("`{name}.{member}`")).collect(),
            None => vec![format!("`{name}`")],
        };
        for name in names {
            let is_told = REFERENCE
                .lines()
                .any(|line| line.starts_with('|') && line.contains(&name));
            assert!(is_told, "REFERENCE.md says nothing of {name}");
        }
    }
}
