//! The rate limiter: reservations, the rate, giving way and recovering, and what is forgotten.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::core::answer::Operation;
use crate::core::rate_limiter::{KEPT, RateLimiter, Rates};

const REGION: &str = "eu-central-1";

/// The same moment each time.
fn start_of_time() -> Instant {
    static NOW: LazyLock<Instant> = LazyLock::new(Instant::now);
    *NOW
}

fn limiter() -> RateLimiter {
    RateLimiter::new(Rates::default())
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn ask(limiter: &mut RateLimiter, uid: &str, operation: Operation, now: Instant) -> Result<(), Instant> {
    limiter.ask(uid, operation, REGION, now)
}

/// Makes calls for this long, each as soon as it may be made, and says when.
fn busy(limiter: &mut RateLimiter, operation: Operation, from: Instant, long: Duration) -> Vec<Instant> {
    let (mut now, mut calls) = (from, Vec::new());
    while now < from + long {
        match ask(limiter, "busy", operation, now) {
            Ok(()) => {
                limiter.spend("busy", operation);
                calls.push(now);
            }
            Err(until) => {
                assert!(until > now, "a wait that lies behind");
                now = until;
            }
        }
    }
    calls
}

fn most_in_a_second(calls: &[Instant]) -> usize {
    let within = |from: &Instant| {
        calls
            .iter()
            .filter(|at| *at >= from && **at < *from + seconds(1.0))
            .count()
    };
    calls.iter().map(within).max().unwrap_or_default()
}

#[test]
fn the_rates_are_kept_and_used_and_never_more_than_the_service_allows_in_any_second() {
    let rows = [
        (Operation::Start, 8.0, 10),
        (Operation::Describe, 20.0, 25),
        (Operation::Cancel, 8.0, 10),
        (Operation::ListExecutions, 8.0, 10),
        (Operation::ListFindings, 8.0, 10),
        (Operation::ListAudits, 8.0, 10),
        (Operation::DescribeAudit, 20.0, 25),
        (Operation::DescribeFinding, 20.0, 25),
        (Operation::DescribeAction, 20.0, 25),
        (Operation::DescribeSchedule, 4.0, 5),
    ];
    assert_eq!(rows.len(), Operation::ALL.len());
    for (operation, rate, quota) in rows {
        let mut limiter = limiter();
        ask(&mut limiter, "first", operation, start_of_time()).unwrap();
        // After a long rest there is a burst.
        let calls = busy(&mut limiter, operation, start_of_time() + seconds(100.0), seconds(30.0));
        let each_second = f64::from(u32::try_from(calls.len()).unwrap()) / 30.0;
        assert!(
            (rate - 0.1..=rate + 0.3).contains(&each_second),
            "{operation:?}: {each_second}"
        );
        let most = most_in_a_second(&calls);
        assert!((quota - 1..=quota).contains(&most), "{operation:?}: {most} in a second");
    }
}

#[test]
fn a_reservation_is_kept_however_often_it_is_asked_for() {
    let mut limiter = limiter();
    let now = start_of_time();
    ask(&mut limiter, "a", Operation::Start, now).unwrap();
    let b = ask(&mut limiter, "b", Operation::Start, now).unwrap_err();
    let c = ask(&mut limiter, "c", Operation::Start, now).unwrap_err();
    assert!(now < b && b < c, "in the order of asking: {b:?} {c:?}");
    for _ in 0..3 {
        assert_eq!(ask(&mut limiter, "b", Operation::Start, now), Err(b));
        assert_eq!(ask(&mut limiter, "a", Operation::Start, now), Ok(()), "until it calls");
    }
    assert_eq!(ask(&mut limiter, "c", Operation::Start, c), Ok(()));
    assert_eq!(ask(&mut limiter, "b", Operation::Start, c), Ok(()), "late is no loss");
}

#[test]
fn a_reservation_that_is_given_back_is_the_next_ones() {
    let mut limiter = limiter();
    let now = start_of_time();
    ask(&mut limiter, "a", Operation::Describe, now).unwrap();
    let b = ask(&mut limiter, "b", Operation::Describe, now).unwrap_err();
    let c = ask(&mut limiter, "c", Operation::Describe, now).unwrap_err();
    limiter.give_back("b", Operation::Describe);
    assert_eq!(ask(&mut limiter, "d", Operation::Describe, now), Err(b));
    assert_eq!(
        ask(&mut limiter, "c", Operation::Describe, now),
        Err(c),
        "a promise stands"
    );
    // Who asks in another region gives the first reservation back.
    assert_eq!(limiter.ask("d", Operation::Describe, "us-east-1", now), Ok(()));
    assert_eq!(ask(&mut limiter, "e", Operation::Describe, now), Err(b));
}

#[test]
fn no_operation_and_no_region_takes_from_another() {
    let mut limiter = limiter();
    let now = start_of_time();
    for n in 0..1_000 {
        let _ = ask(&mut limiter, &format!("describe{n}"), Operation::Describe, now);
        let _ = ask(&mut limiter, &format!("start{n}"), Operation::Start, now);
    }
    assert_eq!(ask(&mut limiter, "x", Operation::Cancel, now), Ok(()));
    assert_eq!(ask(&mut limiter, "y", Operation::ListFindings, now), Ok(()));
    assert_eq!(limiter.ask("z", Operation::Start, "us-east-1", now), Ok(()));
    limiter.throttled(Operation::Describe, REGION, now);
    assert_eq!(limiter.rate(Operation::Start, REGION), Some(8.0));
    assert_eq!(limiter.rate(Operation::Describe, "us-east-1"), Some(20.0));
}

#[test]
fn no_limit_is_no_limit() {
    let mut limiter = RateLimiter::new(Rates {
        start: None,
        describe: None,
        others: None,
    });
    for n in 0..1_000 {
        assert_eq!(
            ask(&mut limiter, &n.to_string(), Operation::Start, start_of_time()),
            Ok(())
        );
    }
}

#[test]
fn throttling_halves_the_rate_once_a_second_and_calm_brings_it_back() {
    let mut limiter = limiter();
    let now = start_of_time();
    ask(&mut limiter, "a", Operation::Start, now).unwrap();
    let rate = |limiter: &mut RateLimiter, now| {
        let _ = ask(limiter, "b", Operation::Start, now);
        limiter.rate(Operation::Start, REGION).unwrap()
    };
    for _ in 0..5 {
        limiter.throttled(Operation::Start, REGION, now);
    }
    assert!(
        (rate(&mut limiter, now) - 4.0).abs() < 0.1,
        "answers to calls of the same moment"
    );
    for n in 1..20 {
        limiter.throttled(Operation::Start, REGION, now + seconds(f64::from(n)));
    }
    let now = now + seconds(19.0);
    assert!((rate(&mut limiter, now) - 0.5).abs() < 0.2, "the floor");
    let half = rate(&mut limiter, now + seconds(30.0));
    assert!((4.0..5.0).contains(&half), "additively: {half}");
    assert!((rate(&mut limiter, now + seconds(60.0)) - 8.0).abs() < 1e-9);
}

#[test]
fn what_was_saved_up_at_a_rate_that_was_too_high_is_not_spent() {
    let mut limiter = limiter();
    ask(&mut limiter, "a", Operation::Start, start_of_time()).unwrap();
    let now = start_of_time() + seconds(100.0);
    limiter.throttled(Operation::Start, REGION, now);
    let until = ask(&mut limiter, "b", Operation::Start, now).unwrap_err();
    assert!(
        (0.2..0.3).contains(&until.duration_since(now).as_secs_f64()),
        "{until:?}"
    );
}

#[test]
fn a_slower_rate_moves_the_calls_that_were_reserved() {
    let mut limiter = limiter();
    let now = start_of_time();
    let promised: Vec<_> = (0..9)
        .map(|n| ask(&mut limiter, &n.to_string(), Operation::Start, now))
        .collect();
    let last = promised[8].unwrap_err();
    assert!((last.duration_since(now).as_secs_f64() - 1.0).abs() < 0.01);
    limiter.throttled(Operation::Start, REGION, now);
    let later = ask(&mut limiter, "8", Operation::Start, last).unwrap_err();
    assert!(
        (1.7..2.2).contains(&later.duration_since(now).as_secs_f64()),
        "{later:?}"
    );
    assert_eq!(
        ask(&mut limiter, "8", Operation::Start, later),
        Ok(()),
        "the estimate is right"
    );
}

#[test]
fn a_crowd_that_comes_late_is_let_through_at_the_rate() {
    let mut limiter = limiter();
    let now = start_of_time();
    for n in 0..100 {
        let _ = ask(&mut limiter, &n.to_string(), Operation::Describe, now);
    }
    // The process stood still, and all come at the same moment.
    let late = now + seconds(60.0);
    let granted = (0..100).filter(|n| ask(&mut limiter, &n.to_string(), Operation::Describe, late).is_ok());
    assert!((1..=7).contains(&granted.count()));
}

/// A caller reads the time before it gets hold of the limiter, so it may come with an earlier time than the last one.
#[test]
fn a_caller_with_an_earlier_time_gets_no_call_too_early_and_moves_no_clock_back() {
    let mut limiter = limiter();
    let (earlier, now) = (start_of_time(), start_of_time() + seconds(5.0));
    ask(&mut limiter, "a", Operation::Start, now).unwrap();
    let until = ask(&mut limiter, "b", Operation::Start, earlier).unwrap_err();
    assert!(now + seconds(0.01) < until && until < now + seconds(1.0), "{until:?}");
    assert_eq!(
        ask(&mut limiter, "b", Operation::Start, now + seconds(0.01)),
        Err(until)
    );
    assert_eq!(ask(&mut limiter, "b", Operation::Start, until), Ok(()));
    limiter.throttled(Operation::Start, REGION, now + seconds(1.0));
    limiter.throttled(Operation::Start, REGION, earlier);
    assert!(
        limiter.rate(Operation::Start, REGION) >= Some(4.0),
        "the answers came at one moment"
    );
}

#[test]
fn a_rate_of_next_to_nothing_makes_nobody_wait_for_longer_than_a_day() {
    let mut limiter = RateLimiter::new(Rates::new(f64::MIN_POSITIVE, 1e-300));
    let now = start_of_time();
    for operation in [Operation::Start, Operation::Describe] {
        ask(&mut limiter, "a", operation, now).unwrap();
        let until = ask(&mut limiter, "b", operation, now).unwrap_err();
        assert!(until > now && until <= now + seconds(86_400.0));
        let estimate = limiter.estimate(1_000, operation, REGION, now);
        assert!(estimate > now && estimate <= now + seconds(86_400.0));
    }
}

/// What waits for one call must not keep another of the same resource from being made: a Cancel or Start that waits
/// blinds nothing, and a poll keeps no command back.
#[test]
fn a_resource_has_a_reservation_for_each_operation() {
    let mut limiter = limiter();
    let now = start_of_time();
    let slow = [Operation::Start, Operation::Cancel];
    for operation in slow {
        for n in 0..20 {
            let _ = ask(&mut limiter, &format!("crowd{n}"), operation, now);
        }
    }
    let waits = slow.map(|operation| ask(&mut limiter, "one", operation, now).unwrap_err());
    let mut polls = 0;
    let mut at = now;
    while at < waits[0].min(waits[1]) {
        assert_eq!(ask(&mut limiter, "one", Operation::Describe, at), Ok(()), "at {at:?}");
        limiter.spend("one", Operation::Describe);
        polls += 1;
        at += seconds(0.25);
        for (operation, until) in slow.into_iter().zip(waits) {
            assert_eq!(
                ask(&mut limiter, "one", operation, now),
                Err(until),
                "it keeps its place"
            );
        }
    }
    assert!(polls >= 8, "{polls}");
    for (operation, until) in slow.into_iter().zip(waits) {
        assert_eq!(ask(&mut limiter, "one", operation, until), Ok(()));
    }
    // The other way round: a Describe that waits, and a Cancel and a Start in another region's name.
    for n in 0..100 {
        let _ = ask(&mut limiter, &format!("crowd{n}"), Operation::Describe, at);
    }
    let until = ask(&mut limiter, "two", Operation::Describe, at).unwrap_err();
    assert_eq!(limiter.ask("two", Operation::Cancel, "us-east-1", at), Ok(()));
    limiter.give_back("two", Operation::Cancel);
    assert_eq!(ask(&mut limiter, "two", Operation::Describe, at), Err(until));
}

#[test]
fn all_that_a_resource_has_reserved_is_given_back_when_it_goes() {
    let mut limiter = limiter();
    let now = start_of_time();
    for operation in Operation::ALL {
        ask(&mut limiter, "first", *operation, now).unwrap();
    }
    let reserve_all = |limiter: &mut RateLimiter, uid: &str| {
        let asked = Operation::ALL
            .iter()
            .map(|operation| ask(limiter, uid, *operation, now));
        asked.map(Result::unwrap_err).collect::<Vec<_>>()
    };
    let theirs = reserve_all(&mut limiter, "gone");
    limiter.give_back_all("gone");
    assert_eq!(reserve_all(&mut limiter, "next"), theirs);
    limiter.retain(|uid| uid == "first");
    assert_eq!(reserve_all(&mut limiter, "last"), theirs);
    limiter.give_back_all("last");
    for operation in Operation::ALL {
        limiter.spend("first", *operation);
    }
    assert!(limiter.reservations.is_empty(), "{:?}", limiter.reservations);
}

/// A tenant can name any region. What nobody reserves and says nothing is forgotten.
#[test]
fn regions_that_somebody_made_up_are_forgotten() {
    let mut limiter = limiter();
    let mut now = start_of_time();
    ask(&mut limiter, "held", Operation::Start, now).unwrap();
    let held = ask(&mut limiter, "waits", Operation::Start, now).unwrap_err();
    for n in 0..20_000 {
        let region = format!("made-up-{n}");
        limiter.ask("one", Operation::Start, &region, now).unwrap();
        limiter.spend("one", Operation::Start);
        if n % 10 == 0 {
            limiter.throttled(Operation::Start, &region, now);
        }
        now += seconds(0.1);
        assert!(limiter.count() <= 4 * KEPT, "{} at {n}", limiter.count());
    }
    assert!(held < now);
    assert!(
        limiter.call_rates[&Operation::Start].contains_key(REGION),
        "two have reservations there"
    );
}

/// To forget a region must not allow a call earlier than to remember it.
#[test]
fn a_region_that_was_called_or_throttled_a_moment_ago_is_not_forgotten() {
    let mut limiter = limiter();
    let now = start_of_time();
    limiter.ask("one", Operation::Start, "throttled", now).unwrap();
    limiter.spend("one", Operation::Start);
    limiter.throttled(Operation::Start, "throttled", now);
    let between = now + seconds(0.05);
    limiter.ask("one", Operation::Start, "saved up", between).unwrap();
    limiter.spend("one", Operation::Start);
    // Reserved long ago, and called all at once a moment ago.
    let late = ["0", "1", "2", "3", "4", "5"];
    for uid in late {
        let _ = limiter.ask(uid, Operation::Start, "late", now);
    }
    let now = now + seconds(2.0);
    for uid in late {
        if limiter.ask(uid, Operation::Start, "late", now).is_ok() {
            limiter.spend(uid, Operation::Start);
        }
        limiter.give_back_all(uid);
    }
    for region in ["called", "saved up", "saved up"] {
        limiter.ask("one", Operation::Start, region, now).unwrap();
        limiter.spend("one", Operation::Start);
    }
    let now = now + seconds(0.01);
    let crowd = |limiter: &mut RateLimiter, what: &str, now| {
        for n in 0..4 * KEPT {
            let region = format!("{what}-{n}");
            limiter.ask("crowd", Operation::Start, &region, now).unwrap();
            limiter.spend("crowd", Operation::Start);
        }
    };
    crowd(&mut limiter, "at-once", now);
    for region in ["called", "saved up", "late"] {
        assert!(limiter.ask("two", Operation::Start, region, now).is_err(), "{region}");
        limiter.give_back_all("two");
    }
    let later = now + seconds(20.0);
    crowd(&mut limiter, "later", later);
    assert!(
        !limiter.call_rates[&Operation::Start].contains_key("called"),
        "it has nothing to say any more"
    );
    assert!(limiter.rate(Operation::Start, "throttled") < Some(8.0));
    crowd(&mut limiter, "much-later", now + seconds(120.0));
    assert!(
        !limiter.call_rates[&Operation::Start].contains_key("throttled"),
        "it has recovered"
    );
}

/// Somebody else leaves us a part of the rate: it is found, and few calls are refused.
#[test]
fn beside_somebody_who_uses_half_of_the_rate_few_calls_are_throttled() {
    let mut limiter = limiter();
    let (began, mut now) = (start_of_time(), start_of_time());
    let (mut taken, mut refused) = (Vec::<Instant>::new(), 0_u32);
    while now < began + seconds(300.0) {
        if let Err(until) = ask(&mut limiter, "busy", Operation::Start, now) {
            now = until;
            continue;
        }
        limiter.spend("busy", Operation::Start);
        let recent = taken.iter().rev().take_while(|at| **at + seconds(1.0) > now).count();
        if recent < 5 {
            taken.push(now);
        } else {
            refused += 1;
            limiter.throttled(Operation::Start, REGION, now);
        }
    }
    let part = f64::from(refused) / f64::from(u32::try_from(taken.len()).unwrap());
    assert!(part < 0.03, "{part}");
    assert!(taken.len() > 300 * 5 * 6 / 10, "{} of 1500", taken.len());
}

/// Also while the rate recovers, and beyond.
#[test]
fn the_time_that_is_said_is_the_time_at_which_it_may() {
    let operation = Operation::Start;
    for ahead in [0, 5, 20, 100, 300, 700] {
        let (mut limiter, mut now) = (limiter(), start_of_time());
        busy(&mut limiter, operation, now, seconds(1.0));
        for _ in 0..4 {
            now += seconds(2.0);
            limiter.throttled(operation, REGION, now);
        }
        assert!(limiter.rate(operation, REGION).unwrap() < 4.0, "it has slowed down");
        for other in 0..ahead {
            let _ = ask(&mut limiter, &other.to_string(), operation, now);
        }
        let until = ask(&mut limiter, "last", operation, now).unwrap_err();
        assert_eq!(ahead < 200, until < now + seconds(60.0), "{ahead}: within the recovery");
        let early = until.checked_sub(seconds(0.01)).unwrap();
        assert!(ask(&mut limiter, "last", operation, early).is_err(), "{ahead}");
        assert_eq!(ask(&mut limiter, "last", operation, until), Ok(()), "{ahead}");
    }
}

#[test]
fn an_estimate_is_the_calls_by_the_rate_and_a_second_at_least() {
    let (limiter, now) = (limiter(), start_of_time());
    for (calls, expected) in [(0, 1.0), (4, 1.0), (80, 10.0)] {
        let estimate = limiter.estimate(calls, Operation::Start, REGION, now);
        assert_eq!(estimate.duration_since(now), seconds(expected), "{calls}");
    }
}

proptest! {
    /// Whatever is asked, given back and throttled: never more calls in a second than the service allows.
    #[test]
    fn never_too_fast(moves in prop::collection::vec((0_u8..40, 0_u8..12, 0_u16..400), 1..400)) {
        let mut limiter = limiter();
        let (mut now, mut calls) = (start_of_time(), Vec::new());
        for (who, what, millis) in moves {
            let uid = who.to_string();
            match what {
                0 => limiter.give_back(&uid, Operation::Start),
                1 => limiter.throttled(Operation::Start, REGION, now),
                2 => now += Duration::from_millis(millis.into()),
                _ => match ask(&mut limiter, &uid, Operation::Start, now) {
                    Ok(()) => {
                        limiter.spend(&uid, Operation::Start);
                        calls.push(now);
                    }
                    Err(until) => prop_assert!(until > now),
                },
            }
        }
        prop_assert!(most_in_a_second(&calls) <= 11, "{calls:?}");
    }
}
