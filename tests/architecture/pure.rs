//! Functions of what they are given: no client, no runtime, no clock, no environment.

use crate::sources::{Sources, is_below};

/// Crates and modules that do something, or ask the machine.
const FORBIDDEN: [&str; 27] = [
    "aws_",
    "audit_mitigation_operator",
    "axum",
    "futures",
    "hostname",
    "http",
    "hyper",
    "kube::Api",
    "kube::Client",
    "kube::Config",
    "kube::api::Api",
    "kube::client",
    "kube::config",
    "kube::runtime",
    "prometheus_client",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::SystemTime",
    "tokio",
    "tower",
    "tracing",
    "uuid",
];

/// One line for each path that leads out.
pub(crate) fn problems(sources: &Sources, room: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for file in sources.below(room) {
        for found in &file.paths {
            if is_forbidden(&found.path) {
                problems.push(format!(
                    "{room} is pure: {}:{} names {}",
                    file.name,
                    found.line,
                    found.path.join("::")
                ));
            }
        }
    }
    problems
}

/// One line for each path into the AWS SDK outside `aws`.
pub(crate) fn sdk_problems(sources: &Sources) -> Vec<String> {
    let mut problems = Vec::new();
    for file in sources.files().filter(|file| !is_below(&file.name, "aws")) {
        for found in &file.paths {
            if found.path.first().is_some_and(|name| name.starts_with("aws_")) {
                problems.push(format!(
                    "only aws knows the SDK: {}:{} names {}",
                    file.name,
                    found.line,
                    found.path.join("::")
                ));
            }
        }
    }
    problems
}

fn is_forbidden(path: &[String]) -> bool {
    let [first, .., last] = path else { return false };
    // A clock that is asked: `Instant::now()`, `then.elapsed()`.
    if last == "now" || (first == "." && last == "elapsed") {
        return true;
    }
    let path = path.join("::");
    FORBIDDEN.iter().any(|forbidden| {
        path.strip_prefix(forbidden)
            // Not tower_of_babel for tower; but `tokio_util`, `http_body` and the like belong to tokio and http.
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || !forbidden.contains("::"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        problems(&Sources::of(&[("lib.rs", "mod core;"), ("core.rs", text)]), "core")
    }

    #[test]
    fn clients_runtimes_clocks_and_the_environment_are_found() {
        for text in [
            "use tokio::time::Instant;",
            "use tokio_util::sync::CancellationToken;",
            "fn f() { tokio::spawn(async {}) }",
            "use aws_sdk_iot::Client;",
            "use kube::{Client, Resource};",
            "use kube::runtime::watcher;",
            "fn f(_: kube::Client) {}",
            "fn f() -> Option<String> { std::env::var(\"A\").ok() }",
            "use std::env; fn f() { env::var(\"A\") }",
            "use std::time::SystemTime;",
            "fn f() { jiff::Timestamp::now() }",
            "use jiff::Timestamp as Time; fn f() { Time::now() }",
            "fn f() { assert!(std::time::Instant::now() > b) }",
            "fn f(then: Instant) { then.elapsed() }",
        ] {
            assert!(!of(text).is_empty(), "{text}");
        }
        assert_eq!(
            of("\nfn f() { std::time::Instant::now() }"),
            ["core is pure: core.rs:2 names std::time::Instant::now"]
        );
    }

    #[test]
    fn the_sdk_is_named_in_its_room_only() {
        let sdk = "use aws_sdk_iot::Client;";
        let files = [("lib.rs", "mod aws; mod run;"), ("aws.rs", sdk), ("run.rs", sdk)];
        assert_eq!(
            sdk_problems(&Sources::of(&files)),
            ["only aws knows the SDK: run.rs:1 names aws_sdk_iot::Client"]
        );
    }

    #[test]
    fn types_and_tests_are_free() {
        for text in [
            "use std::{collections::BTreeMap, time::{Duration, Instant}};",
            "use jiff::Timestamp; fn f(now: Timestamp) -> Timestamp { now + S }",
            "use kube::{Resource, ResourceExt, api::ObjectMeta};",
            "#[cfg(test)] mod tests { fn f() { std::env::var(\"A\") } }",
        ] {
            assert!(of(text).is_empty(), "{text}: {:?}", of(text));
        }
    }
}
