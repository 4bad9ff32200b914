//! Slow and cut connections, to the API server and to the service.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use audit_mitigation_operator::api::{Phase, StoredTask};
use simulator::{Operation, Outcome};
use support::proxy::{Asked, Fate, Proxy, Side};
use support::wire::Condition;
use support::{AuditedUser, Wire};

use super::World;
use super::bounds::Bounds;
use crate::operator::{message, spec};

const NAMES: [&str; 3] = ["one", "two", "three"];

/// A world with a wire to each side.
async fn wired(prefix: &str) -> (World, AuditedUser, [Wire; 2]) {
    let mut world = World::without_operator(prefix, &[], |_| {}).await;
    let user = world.audit().await;
    let to_api_server = world.lay_wire().await;
    let to_service = Wire::to(&world.aws.address().to_string()).await.unwrap();
    world.endpoint = format!("http://{}", to_service.address());
    (world, user, [to_api_server, to_service])
}

async fn completed_once(world: &World) {
    for name in NAMES {
        world.phase(name, Phase::Completed).await;
        assert_eq!(world.aws.starts(name), 1, "{name}");
    }
}

const BOUNDS: Bounds = Bounds {
    calls: 60,
    requests: 120,
    requests_a_second: 50,
};

/// A few bytes at a time, both ways, to both sides: slow, but nothing goes wrong.
#[tokio::test]
async fn bytes_that_trickle_hold_nothing_up_for_good() {
    let (mut world, user, wires) = wired("trickle").await;
    for wire in &wires {
        wire.set(Condition::Trickle(64, Duration::from_millis(5)));
    }
    world.start_operator();
    for name in NAMES {
        world.create(name, &spec(name)).await;
    }
    completed_once(&world).await;
    assert_eq!(world.calls(Operation::START).len(), NAMES.len(), "none was given up");
    BOUNDS.assert_kept(&world, &user);
}

/// An answer that trickles for longer than a call may take is no answer: the attempt is open, and settled once.
#[tokio::test]
async fn an_answer_that_trickles_too_long_leaves_the_attempt_open() {
    let (mut world, user, [_to_api_server, to_service]) = wired("dripping").await;
    world.start_operator();
    for name in NAMES {
        world.create(name, &spec(name)).await;
        to_service.set(Condition::Trickle(8, Duration::from_secs(1)));
    }
    let open = world
        .until("three", "its attempt is open", |task| {
            crate::operator::status(task).attempt.is_some()
        })
        .await;
    let said = message(&crate::operator::status(&open));
    assert!(said.contains("got no answer"), "{said}");
    to_service.set(Condition::Whole);
    completed_once(&world).await;
    BOUNDS.assert_kept(&world, &user);
}

/// Each connection ends after so many bytes of answers: of the service's in the head and in the body; of the API
/// server's in a handshake, in a list, in an answer.
#[tokio::test]
async fn connections_that_break_half_way_are_made_again() {
    let (mut world, user, [to_api_server, to_service]) = wired("breaks").await;
    world.start_operator();
    for name in NAMES {
        world.create(name, &spec(name)).await;
        to_service.set(Condition::Breaks(20));
    }
    for bytes in [20, 90, 170] {
        let made = to_service.connections();
        to_service.set(Condition::Breaks(bytes));
        world.until_connected(&to_service, made + 2).await;
    }
    to_service.set(Condition::Whole);
    completed_once(&world).await;
    let log = world.log();
    assert!(!log.contains("UnexpectedAnswer"), "a broken answer is none: {log}");

    to_api_server.set(Condition::Breaks(6_000));
    world.create("late", &spec("late")).await;
    for bytes in [8_000, 2_500, 1_000, 100] {
        let made = to_api_server.connections();
        to_api_server.set(Condition::Breaks(bytes));
        to_api_server.reset();
        world.until_connected(&to_api_server, made + 1).await;
    }
    to_api_server.set(Condition::Whole);
    world.phase("late", Phase::Completed).await;
    assert_eq!(world.aws.starts("late"), 1);
    BOUNDS.assert_kept(&world, &user);
    for wire in [to_api_server, to_service] {
        println!("{} connections", wire.connections());
        assert!(wire.connections() <= 60, "{} connections", wire.connections());
    }
}

/// The first answer to each kind of request is lost, on both sides, after it had its effect.
#[tokio::test]
async fn answers_that_are_lost_after_their_effect_are_made_up_for() {
    let mut world = World::without_operator("lost", &[], |_| {}).await;
    let first = || {
        let seen = Mutex::new(BTreeSet::new());
        move |asked: &Asked| {
            let kind = (asked.to_string(), asked.query.contains("watch=true"));
            // The CRD is waited for before anything begins.
            if !asked.path.contains("/customresourcedefinitions") && seen.lock().unwrap().insert(kind) {
                Fate::Cut(Side::After)
            } else {
                Fate::Pass
            }
        }
    };
    let _api = world.lay_proxy(first()).await;
    let aws = Proxy::of_endpoint(&world.endpoint, first()).await.unwrap();
    world.endpoint = aws.endpoint();
    // Held, or Describe might show an end, after which no second start is needed.
    world.aws.set_outcome("*", Outcome::held());
    world.start_operator();
    for name in NAMES {
        world.create(name, &spec(name)).await;
    }
    world.until_called(Operation::START, 2 * NAMES.len()).await;
    for name in NAMES {
        world.aws.finish(name);
    }
    completed_once(&world).await;
    for name in NAMES {
        let released = |task: &StoredTask| !crate::operator::has_finalizer(task);
        world.until(name, "the finalizer is off", released).await;
        // Its start was sent twice, and took effect once.
        let starts = world.calls(Operation::START);
        let sent = starts.iter().filter(|call| call.task_id.as_deref() == Some(name));
        assert_eq!(sent.count(), 2, "{name}");
    }
}
