//! The binary's own word on what it is started with: what is wrong, at once, one line each.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

/// A cluster that is never asked.
const KUBECONFIG: &str = r#"{
    "apiVersion": "v1", "kind": "Config", "current-context": "it",
    "clusters": [{ "name": "it", "cluster": { "server": "http://127.0.0.1:1" } }],
    "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "" } }]
}"#;

fn run(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut kubeconfig = NamedTempFile::new().unwrap();
    kubeconfig.write_all(KUBECONFIG.as_bytes()).unwrap();
    let program = env!("CARGO_BIN_EXE_audit-mitigation-operator");
    let mut command =
        support::operator::command(program.as_ref(), kubeconfig.path(), "http://127.0.0.1:1", "AKIATEST", 0);
    command.args(args).envs(variables.iter().copied());
    ended(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
}

/// What is wrong, one line each; the exit code is clap's.
fn errors(args: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let output = run(args, variables);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(output.stdout.is_empty());
    let line = |line: &str| line.strip_prefix("error: ").map(str::to_owned);
    text.lines()
        .map(|text| line(text).unwrap_or_else(|| panic!("{text}")))
        .collect()
}

#[test]
fn each_mistake_is_one_line_that_names_it() {
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = format!("--http-addr={}", busy.local_addr().unwrap());
    let none = [];
    for (args, variables, says) in [
        (
            &["--min-poll-interval=soon"][..],
            &none[..],
            &["--min-poll-interval", "soon", "30s"][..],
        ),
        (&[], &[("CANCEL_TIMEOUT", "ten")], &["--cancel-timeout", "ten", "30s"]),
        (
            &["--min-poll-interval=2m"],
            &none,
            &["--max-poll-interval", "--min-poll-interval"],
        ),
        (
            &["--min-poll-interval=0s"],
            &none,
            &["--min-poll-interval", "longer than 0s"],
        ),
        (&["--max-running-tasks=0"], &none, &["--max-running-tasks", "'0'"]),
        (&["--http-addr=everywhere"], &none, &["--http-addr", "everywhere"]),
        (&[&busy], &none, &["--http-addr", "in use"]),
        (
            &["--log-level=loud=very=much"],
            &none,
            &["--log-level", "loud", "debug"],
        ),
        (&["--log-format=xml"], &none, &["--log-format", "xml", "json, text"]),
        (&["--leader-elect=perhaps"], &none, &["--leader-elect", "perhaps"]),
        (
            &["--watch-namespaces=fleet,Fleet_2"],
            &none,
            &["--watch-namespaces", "Fleet_2"],
        ),
        (
            &["--watch-namespaces=,"],
            &none,
            &["--watch-namespaces", "names no namespace"],
        ),
        (
            &[],
            &[("WATCH_NAMESPACES", " , ")],
            &["--watch-namespaces", "names no namespace"],
        ),
        (&["--lease-name=a/b"], &none, &["--lease-name", "a/b"]),
        (&["--lease-namespace=A"], &none, &["--lease-namespace", "\"A\""]),
        (
            &[],
            &[("KUBECONFIG", "/nowhere/kubeconfig")],
            &["no cluster", "KUBECONFIG", "/nowhere/kubeconfig"],
        ),
        (
            &[],
            &[("AWS_REGION", "Frankfurt")],
            &["AWS_REGION", "Frankfurt", "eu-central-1"],
        ),
        (&[], &[("AWS_ENDPOINT_URL_IOT", "not a url")], &["AWS_ENDPOINT_URL_IOT"]),
        (
            &[],
            &[("AWS_CA_BUNDLE", "/nowhere/ca.pem")],
            &["AWS_CA_BUNDLE", "/nowhere/ca.pem", "No such file"],
        ),
        (
            &[],
            &[("AWS_USE_FIPS_ENDPOINT", "true")],
            &["FIPS", "AWS_ENDPOINT_URL_IOT"],
        ),
    ] {
        let errors = errors(args, variables);
        assert_eq!(errors.len(), 1, "{args:?} {variables:?}: {errors:#?}");
        for word in says {
            assert!(errors[0].contains(word), "{args:?} {variables:?}: {errors:#?}");
        }
    }
}

#[test]
fn all_mistakes_are_said_at_once() {
    let around = [("KUBECONFIG", "/nowhere"), ("AWS_USE_FIPS_ENDPOINT", "true")];
    // Of values that can't be understood the first, and everything around them.
    let variables = [&around[..], &[("CANCEL_TIMEOUT", "ten")]].concat();
    let unreadable = errors(
        &["--http-addr=x", "--max-running-tasks", "many", "--log-format=xml"],
        &variables,
    );
    assert_eq!(unreadable.len(), 3, "{unreadable:#?}");
    // Values that can be, and are wrong all the same.
    let wrong = [
        "--watch-namespaces=A,B",
        "--lease-name=/",
        "--min-poll-interval=2m",
        "--log-level=a=b=c",
    ];
    let wrong = errors(&wrong, &around);
    assert_eq!(wrong.len(), 7, "{wrong:#?}");
}

/// `check` has the flags of `run`, and once went on for ever over one that it couldn't understand.
#[test]
fn a_wrong_flag_of_check_is_said_at_once() {
    for flag in [
        &["--max-running-tasks", "many"][..],
        &["--http-addr=x"],
        &["--max-poll-interval=soon"],
        &["--log-format=xml"],
        &["--leader-elect=perhaps"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_audit-mitigation-operator"));
        command
            .env_clear()
            .arg("check")
            .args(flag)
            .env("AWS_REGION", "eu-central-1");
        command.env("KUBECONFIG", "/nowhere");
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = ended(child);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flag:?}: {text}");
        let name = flag[0].split('=').next().unwrap();
        assert!(text.starts_with("error: ") && text.contains(name), "{flag:?}: {text}");
    }
}

/// Waits for the end of a process, within a generous time.
fn ended(mut child: Child) -> Output {
    let limit = Instant::now() + Duration::from_mins(1);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > limit {
            child.kill().unwrap();
            panic!("it doesn't end: {:?}", child.wait_with_output().unwrap());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().unwrap()
}

/// As `crd | head -1` does it.
#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_audit-mitigation-operator"));
    let mut child = command
        .arg("crd")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = ended(child);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_flag_that_does_not_exist_is_refused_with_the_usage() {
    let output = run(&["--max-running-task=3"], &[]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text.contains("--max-running-tasks") && text.contains("Usage"), "{text}");
}
