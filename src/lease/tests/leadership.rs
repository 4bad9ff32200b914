//! What the rest of the operator sees.

use std::time::{Duration, Instant};

use futures::future::poll_immediate;
use tokio::sync::watch;

use super::super::leadership::Leadership;

#[tokio::test]
async fn who_may_not_act_waits_for_the_next_renewal() {
    let now = Instant::now();
    let hour = Duration::from_hours(1);
    let (until, watched) = watch::channel(None);
    let leadership = Leadership::elected(watched);
    for unsure in [None, Some(now)] {
        until.send(unsure).unwrap();
        assert!(!leadership.is_surely_held(now), "{unsure:?}");
        assert_eq!(poll_immediate(leadership.surely_held()).await, None, "{unsure:?}");
    }
    let waiting = tokio::spawn({
        let leadership = leadership.clone();
        async move { leadership.surely_held().await }
    });
    until.send(Some(now + hour)).unwrap();
    waiting.await.unwrap();
    assert!(leadership.is_surely_held(now));
    assert!(!leadership.is_surely_held(now + hour), "it runs out by itself");
}

#[tokio::test]
async fn when_the_election_is_over_nobody_acts_any_more() {
    let (until, watched) = watch::channel(None);
    let leadership = Leadership::elected(watched);
    drop(until);
    assert_eq!(poll_immediate(leadership.surely_held()).await, None);
}

#[tokio::test]
async fn without_an_election_it_is_always_held() {
    let leadership = Leadership::always();
    assert!(leadership.is_surely_held(Instant::now()));
    assert_eq!(poll_immediate(leadership.surely_held()).await, Some(()));
}
