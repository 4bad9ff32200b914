//! `/livez`: false for an operator that leaves its work undone, and for no other.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use audit_mitigation_operator::api::Phase;
use simulator::{Fault, FaultKind, Operation};
use support::wire::Condition;
use support::{Wire, eventually};

use super::{World, http_get, spec};

/// Due work may stay untouched for two minutes.
const STUCK_LIMIT: Duration = Duration::from_mins(6);

/// Enough to fill a pipe with the log of their reconciles.
const TASKS: usize = 150;

/// A container runtime that stops reading the log: once the pipe is full, each thread stops at the next line that it
/// writes. Meanwhile an operator whose API server is cut off, and one whose AWS is silent, have due work too.
#[tokio::test]
async fn livez_is_false_when_work_stays_undone_but_not_when_others_are_silent() {
    let (cut_off, _wire) = cut_off().await;
    let without_aws = without_aws().await;
    let mut world = World::without_operator("stuck", &[], |_| {}).await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    assert!(Command::new("mkfifo").arg(&log).status().unwrap().success());
    let command = logging_to(&log, &world.operator_command());
    world.operator = Some(world.cluster.spawn("operator", command).unwrap());
    // Opening it waits for the other side; nothing is read for now.
    let mut reader = tokio::task::spawn_blocking(move || File::open(log))
        .await
        .unwrap()
        .unwrap();
    for number in 0..TASKS {
        let name = format!("task-{number}");
        world.create(&name, &spec(&name)).await;
    }

    eventually(STUCK_LIMIT, "/livez says that it is stuck", async || {
        match http_get(world.port, "/livez").await {
            Ok((503, text)) if text.contains("due work has not been touched") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await
    .unwrap();
    assert_eq!(
        http_get(world.port, "/metrics").await.unwrap().0,
        200,
        "it can still be looked at"
    );
    for (what, other) in [("the API server", &cut_off), ("AWS", &without_aws)] {
        let (status, text) = http_get(other.port, "/livez").await.unwrap();
        assert_eq!(
            (status, text.as_str()),
            (200, "ok\n"),
            "silent: {what}\n{}",
            other.log()
        );
    }

    // Read again, it goes on, and says so.
    std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    for number in 0..TASKS {
        world.phase(&format!("task-{number}"), Phase::Completed).await;
    }
    assert_eq!(http_get(world.port, "/livez").await.unwrap().0, 200);
}

/// The same command, with its log going into this file.
fn logging_to(log: &Path, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", r#"log=$1; shift; exec "$@" 2>"$log""#, "sh"])
        .arg(log);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// An operator at work whose API server doesn't answer any more; it learns of that by its own time-outs.
async fn cut_off() -> (World, Wire) {
    let mut world = World::without_operator("cut", &[], |_| {}).await;
    let wire = world.lay_wire().await;
    world.aws.set_outcome("one", simulator::Outcome::held());
    world.start_operator();
    world.create("one", &spec("one")).await;
    world.phase("one", Phase::Running).await;
    wire.set(Condition::Cut);
    // Its cancellation is due, and so is each Describe.
    world
        .edit("one", &serde_json::json!({ "spec": { "cancel": true } }))
        .await;
    (world, wire)
}

/// An operator whose AWS takes requests and answers none.
async fn without_aws() -> World {
    let world = World::new("silent").await;
    world.aws.inject(Fault::new(FaultKind::Hang));
    world.create("one", &spec("one")).await;
    world.until_called(Operation::START, 1).await;
    world
}
