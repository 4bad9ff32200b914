//! The operator's own process under `kill -9`, at each request of a policy's pass.

use std::sync::Arc;

use audit_mitigation_operator::api::Phase;
use futures::StreamExt as _;
use serde_json::{Value, json};
use simulator::{Audit, Operation};
use support::proxy::{Proxy, Side};

use super::{SCHEDULE, World};
use crate::operator::kills::{Point, Tap};

/// How many lives go on at a time: they mostly wait.
const AT_A_TIME: usize = 3;

/// What a life is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scenario {
    /// A task is made, and runs.
    Mitigates,
    /// A task waits for its approval, a newer audit supersedes it, and a third finds nothing.
    Supersedes,
}

impl Scenario {
    fn fields(self) -> Value {
        match self {
            Self::Mitigates => json!({}),
            Self::Supersedes => json!({ "approval": {} }),
        }
    }

    async fn play(self, world: &World) {
        world.watch("nightly", &self.fields()).await;
        run(world, "a1");
        let (outcome, _, task) = world.noted("nightly", "a1").await;
        assert_eq!((&*outcome, task.as_deref()), ("TaskCreated", Some("nightly-a1")));
        if self == Self::Mitigates {
            world.phase("nightly-a1", Phase::Completed).await;
            run(world, "a2");
            assert_eq!(world.noted("nightly", "a2").await.0, "Compliant");
            return;
        }
        world.phase("nightly-a1", Phase::AwaitingApproval).await;
        run(world, "a2");
        assert_eq!(world.noted("nightly", "a2").await.0, "TaskCreated");
        world.phase("nightly-a2", Phase::AwaitingApproval).await;
        world.aws.remove_problems("*");
        run(world, "a3");
        assert_eq!(world.noted("nightly", "a3").await.0, "Compliant");
        world.until_gone("nightly-a2").await;
    }

    async fn check(self, world: &World, what: &str) {
        let status = world.policy_status("nightly").await;
        let noted: Vec<_> = status
            .audits
            .iter()
            .map(|record| (&*record.audit_task_id, record.outcome.as_str()))
            .collect();
        let starts = world.calls(Operation::START).len();
        match self {
            Self::Mitigates => {
                assert_eq!(noted, [("a2", "Compliant"), ("a1", "TaskCreated")], "{what}");
                assert_eq!(world.aws.tasks_of_audit("a1").len(), 1, "{what}");
                assert_eq!(world.task_names().await, ["nightly-a1"], "{what}");
            }
            Self::Supersedes => {
                let expected = [("a3", "Compliant"), ("a2", "Skipped"), ("a1", "Skipped")];
                assert_eq!(noted, expected, "{what}");
                assert_eq!(starts, 0, "{what}");
                assert!(world.task_names().await.is_empty(), "{what}");
            }
        }
    }
}

/// Under an id of its own, so that requests are called the same in each life.
fn run(world: &World, id: &str) {
    world
        .aws
        .run_audit(Audit {
            task_id: id.to_owned(),
            scheduled_audit_name: Some(SCHEDULE.to_owned()),
            ..Audit::default()
        })
        .unwrap();
}

/// The requests of a life, and whether it was ended at its point.
async fn live(scenario: Scenario, last: Option<Point>) -> (Vec<String>, bool) {
    let what = format!("{scenario:?}, killed at {last:?}");
    let mut world = World::with_schedule("policy-kill", &[]).await;
    world.add_problems(2);
    let tap = Tap::new(last, &world.namespace);
    let (first, second) = (Arc::clone(&tap), Arc::clone(&tap));
    let aws = Proxy::of_endpoint(&world.endpoint, move |asked| second.fate(asked))
        .await
        .unwrap();
    let _api = world.lay_proxy(move |asked| first.fate(asked)).await;
    world.endpoint = aws.endpoint();
    let was_killed = tap.kill(&world, scenario.play(&world), std::future::ready(())).await;
    scenario.check(&world, &what).await;
    let asked = tap.asked.lock().unwrap().clone();
    (asked, was_killed)
}

async fn at_every_point(scenario: Scenario) {
    let (asked, _) = live(scenario, None).await;
    let is_policys = |request: &&String| {
        let of_tasks = request.contains("/auditmitigationtasks") && !request.contains("/status");
        let is_write = request.starts_with("POST") || request.starts_with("DELETE");
        request.contains("auditmitigationpolicies")
            || of_tasks && is_write
            || request.contains("/audit/tasks")
            || request.contains("/audit/scheduledaudits")
    };
    let mut points: Vec<Point> = Vec::new();
    for request in asked.iter().filter(is_policys) {
        let number = points.iter().filter(|(other, ..)| other == request).count() / 2;
        // Looks come again and again: the first is like all others.
        if number == 0 || !request.starts_with("GET") {
            points.push((request.clone(), number, Side::Before));
            points.push((request.clone(), number, Side::After));
        }
    }
    assert!(points.len() > 12, "{asked:#?}");
    println!("{scenario:?}: {points:#?}");
    let lives = futures::stream::iter(points.clone()).map(|point| live(scenario, Some(point)));
    let killed: Vec<bool> = lives.buffered(AT_A_TIME).map(|(_, killed)| killed).collect().await;
    for ((request, number, _), was_killed) in points.iter().zip(killed) {
        let comes_always = *number == 0 && !request.starts_with("GET");
        assert!(was_killed || !comes_always, "never reached: {request}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_makes_a_task() {
    at_every_point(Scenario::Mitigates).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_supersedes_a_task() {
    at_every_point(Scenario::Supersedes).await;
}
