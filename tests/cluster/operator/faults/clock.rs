//! A service whose clock is not the operator's.

use audit_mitigation_operator::api::Phase;
use jiff::{SignedDuration, Timestamp};
use simulator::{Operation, Outcome};

use super::{World, cancel, spec_with, until_reason};
use crate::operator::{condition, message, spec};

/// More than the five minutes that a signature lives: nothing is started, the status says why, and what runs is left as
/// it is. It goes on by itself when the clocks agree again.
#[tokio::test]
async fn clocks_that_differ_by_more_than_a_signature_lives_start_nothing_and_say_so() {
    tokio::join!(refused("clock-behind", -6), refused("clock-ahead", 6));
}

async fn refused(prefix: &str, minutes: i64) {
    let world = World::new(prefix).await;
    world.aws.set_outcome("running", Outcome::held());
    world.create("running", &spec("running")).await;
    world.phase("running", Phase::Running).await;
    world.aws.skew(SignedDuration::from_mins(minutes));
    world.create("waiting", &spec("waiting")).await;
    for name in ["running", "waiting"] {
        let said = until_reason(&world, name, "CredentialsRejected").await;
        assert!(
            said.contains("InvalidSignatureException") && said.contains("clock"),
            "{said}"
        );
        assert_eq!(world.status(name).await.attempt, None, "every attempt was answered");
    }
    assert!(world.aws.task("waiting").is_none());
    world.aws.skew(SignedDuration::ZERO);
    world.phase("waiting", Phase::Completed).await;
    world.aws.finish("running");
    world.phase("running", Phase::Completed).await;
    for name in ["running", "waiting"] {
        assert_eq!(world.aws.starts(name), 1, "{name}");
    }
    let starts = world.calls(Operation::START).len();
    assert!(starts <= 6, "{starts} starts");
}

/// Minutes, within the life of a signature, and hours, should a service not look at signatures: the times in the status
/// are the service's, and nothing else differs.
#[tokio::test]
async fn times_of_a_service_whose_clock_differs_are_taken_as_they_are() {
    let minutes = [-4, 4, -600, 600].map(|minutes| followed(SignedDuration::from_mins(minutes)));
    futures::future::join_all(minutes).await;
}

async fn followed(skew: SignedDuration) {
    let world = World::with("clock-differs", &[], |config| config.max_signature_age = None).await;
    world.aws.skew(skew);
    world.create("plain", &spec("plain")).await;
    let done = world.phase("plain", Phase::Completed).await;
    assert!(
        !message(&done).contains("before this resource"),
        "{skew:#}: {}",
        message(&done)
    );
    let start = done.start_time.unwrap().0;
    let difference = start.duration_since(Timestamp::now() + skew).abs();
    assert!(
        difference < SignedDuration::from_mins(2),
        "{skew:#}: it started {start}"
    );

    // A time to live counts from when the operator saw the end.
    world
        .create("ttl", &spec_with("ttl", "ttlSecondsAfterFinished", 1))
        .await;
    world.until_gone("ttl").await;

    world.aws.set_outcome("canceled", Outcome::held());
    world.create("canceled", &spec("canceled")).await;
    world.phase("canceled", Phase::Running).await;
    world.edit("canceled", &cancel()).await;
    let canceled = world.phase("canceled", Phase::Canceled).await;
    assert_eq!(condition(&canceled, "Failed").1, "CanceledBySpec", "{skew:#}");
    for name in ["plain", "ttl", "canceled"] {
        assert_eq!(world.aws.starts(name), 1, "{skew:#}: {name}");
    }
}

/// A deadline is the operator's time against the service's start: minutes of difference make it as much earlier or
/// later, and an hour's deadline none the less an hour's.
#[tokio::test]
async fn a_deadline_of_an_hour_is_not_reached_at_once_though_clocks_differ_by_minutes() {
    let world = World::with("clock-deadline", &["--max-poll-interval=1s"], |_| {}).await;
    world.aws.skew(SignedDuration::from_mins(-4));
    for (name, seconds) in [("long", 3600), ("short", 200)] {
        world.aws.set_outcome(name, Outcome::held());
        world
            .create(name, &spec_with(name, "activeDeadlineSeconds", seconds))
            .await;
    }
    let short = world.phase("short", Phase::Canceled).await;
    assert_eq!(condition(&short, "Failed").1, "DeadlineExceeded");
    world.phase("long", Phase::Running).await;
    assert!(world.aws.finish("long") == 1);
    world.phase("long", Phase::Completed).await;
}
