//! The call budget: turns, the rate, giving way and recovering.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::bench::{REGION, start_of_time};
use crate::core::answer::Operation;
use crate::core::budget::{Budget, Rates};

fn budget() -> Budget {
    Budget::new(Rates::default())
}

fn seconds(seconds: f64) -> SignedDuration {
    SignedDuration::from_secs_f64(seconds)
}

fn ask(budget: &mut Budget, uid: &str, operation: Operation, now: Timestamp) -> Result<(), Timestamp> {
    budget.ask(uid, operation, REGION, now)
}

/// Makes calls for this long, each as soon as it may be made, and says when.
fn busy(budget: &mut Budget, operation: Operation, from: Timestamp, long: SignedDuration) -> Vec<Timestamp> {
    let (mut now, mut calls) = (from, Vec::new());
    while now < from + long {
        match ask(budget, "busy", operation, now) {
            Ok(()) => {
                budget.spend("busy");
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

fn most_in_a_second(calls: &[Timestamp]) -> usize {
    let within = |from: &Timestamp| {
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
    ];
    for (operation, rate, quota) in rows {
        let mut budget = budget();
        ask(&mut budget, "first", operation, start_of_time()).unwrap();
        // After a long rest there is a burst.
        let calls = busy(&mut budget, operation, start_of_time() + seconds(100.0), seconds(30.0));
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
fn a_turn_is_kept_however_often_it_is_asked_for() {
    let mut budget = budget();
    let now = start_of_time();
    ask(&mut budget, "a", Operation::Start, now).unwrap();
    let b = ask(&mut budget, "b", Operation::Start, now).unwrap_err();
    let c = ask(&mut budget, "c", Operation::Start, now).unwrap_err();
    assert!(now < b && b < c, "in the order of asking: {b} {c}");
    for _ in 0..3 {
        assert_eq!(ask(&mut budget, "b", Operation::Start, now), Err(b));
        assert_eq!(ask(&mut budget, "a", Operation::Start, now), Ok(()), "until it calls");
    }
    assert_eq!(ask(&mut budget, "c", Operation::Start, c), Ok(()));
    assert_eq!(ask(&mut budget, "b", Operation::Start, c), Ok(()), "late is no loss");
}

#[test]
fn a_turn_that_is_given_back_is_the_next_ones() {
    let mut budget = budget();
    let now = start_of_time();
    ask(&mut budget, "a", Operation::Describe, now).unwrap();
    let b = ask(&mut budget, "b", Operation::Describe, now).unwrap_err();
    let c = ask(&mut budget, "c", Operation::Describe, now).unwrap_err();
    budget.give_back("b");
    assert_eq!(ask(&mut budget, "d", Operation::Describe, now), Err(b));
    assert_eq!(
        ask(&mut budget, "c", Operation::Describe, now),
        Err(c),
        "a promise stands"
    );
    // Who asks for another call gives the first turn back.
    assert_eq!(ask(&mut budget, "d", Operation::Cancel, now), Ok(()));
    assert_eq!(ask(&mut budget, "e", Operation::Describe, now), Err(b));
}

#[test]
fn no_operation_and_no_region_takes_from_another() {
    let mut budget = budget();
    let now = start_of_time();
    for n in 0..1_000 {
        let _ = ask(&mut budget, &format!("describe{n}"), Operation::Describe, now);
        let _ = ask(&mut budget, &format!("start{n}"), Operation::Start, now);
    }
    assert_eq!(ask(&mut budget, "x", Operation::Cancel, now), Ok(()));
    assert_eq!(ask(&mut budget, "y", Operation::ListFindings, now), Ok(()));
    assert_eq!(budget.ask("z", Operation::Start, "us-east-1", now), Ok(()));
    budget.throttled(Operation::Describe, REGION, now);
    assert_eq!(budget.rate(Operation::Start, REGION), Some(8.0));
    assert_eq!(budget.rate(Operation::Describe, "us-east-1"), Some(20.0));
}

#[test]
fn no_limit_is_no_limit() {
    let mut budget = Budget::new(Rates {
        start: None,
        describe: None,
        others: None,
    });
    for n in 0..1_000 {
        assert_eq!(
            ask(&mut budget, &n.to_string(), Operation::Start, start_of_time()),
            Ok(())
        );
    }
}

#[test]
fn throttling_halves_the_rate_once_a_second_and_calm_brings_it_back() {
    let mut budget = budget();
    let now = start_of_time();
    ask(&mut budget, "a", Operation::Start, now).unwrap();
    let rate = |budget: &mut Budget, now| {
        let _ = ask(budget, "b", Operation::Start, now);
        budget.rate(Operation::Start, REGION).unwrap()
    };
    for _ in 0..5 {
        budget.throttled(Operation::Start, REGION, now);
    }
    assert!(
        (rate(&mut budget, now) - 4.0).abs() < 0.1,
        "answers to calls of the same moment"
    );
    for n in 1..20 {
        budget.throttled(Operation::Start, REGION, now + seconds(f64::from(n)));
    }
    let now = now + seconds(19.0);
    assert!((rate(&mut budget, now) - 0.5).abs() < 0.2, "the floor");
    let half = rate(&mut budget, now + seconds(30.0));
    assert!((4.0..5.0).contains(&half), "additively: {half}");
    assert!((rate(&mut budget, now + seconds(60.0)) - 8.0).abs() < 1e-9);
}

#[test]
fn what_was_saved_up_at_a_rate_that_was_too_high_is_not_spent() {
    let mut budget = budget();
    ask(&mut budget, "a", Operation::Start, start_of_time()).unwrap();
    let now = start_of_time() + seconds(100.0);
    budget.throttled(Operation::Start, REGION, now);
    let until = ask(&mut budget, "b", Operation::Start, now).unwrap_err();
    assert!((0.2..0.3).contains(&until.duration_since(now).as_secs_f64()), "{until}");
}

#[test]
fn a_slower_rate_moves_the_turns_that_were_promised() {
    let mut budget = budget();
    let now = start_of_time();
    let promised: Vec<_> = (0..9)
        .map(|n| ask(&mut budget, &n.to_string(), Operation::Start, now))
        .collect();
    let last = promised[8].unwrap_err();
    assert!((last.duration_since(now).as_secs_f64() - 1.0).abs() < 0.01);
    budget.throttled(Operation::Start, REGION, now);
    let later = ask(&mut budget, "8", Operation::Start, last).unwrap_err();
    assert!((1.7..2.2).contains(&later.duration_since(now).as_secs_f64()), "{later}");
    assert_eq!(
        ask(&mut budget, "8", Operation::Start, later),
        Ok(()),
        "the estimate is right"
    );
}

#[test]
fn a_crowd_that_comes_late_is_let_through_at_the_rate() {
    let mut budget = budget();
    let now = start_of_time();
    for n in 0..100 {
        let _ = ask(&mut budget, &n.to_string(), Operation::Describe, now);
    }
    // The process stood still, and all come at the same moment.
    let late = now + seconds(60.0);
    let granted = (0..100).filter(|n| ask(&mut budget, &n.to_string(), Operation::Describe, late).is_ok());
    assert!((1..=7).contains(&granted.count()));
}

#[test]
fn a_clock_that_is_set_back_stops_nothing() {
    let mut budget = budget();
    let now = start_of_time();
    ask(&mut budget, "a", Operation::Start, now).unwrap();
    let back = now - seconds(3_600.0);
    let until = ask(&mut budget, "b", Operation::Start, back).unwrap_err();
    assert!(until < back + seconds(1.0), "{until}");
    assert_eq!(ask(&mut budget, "b", Operation::Start, until), Ok(()));
    for end in [Timestamp::MIN, Timestamp::MAX] {
        let _ = ask(&mut budget, "c", Operation::Start, end);
    }
}

/// Somebody else leaves us a part of the rate: it is found, and few calls are refused.
#[test]
fn beside_somebody_who_uses_half_of_the_rate_few_calls_are_throttled() {
    let mut budget = budget();
    let (began, mut now) = (start_of_time(), start_of_time());
    let (mut taken, mut refused) = (Vec::<Timestamp>::new(), 0_u32);
    while now < began + seconds(300.0) {
        if let Err(until) = ask(&mut budget, "busy", Operation::Start, now) {
            now = until;
            continue;
        }
        budget.spend("busy");
        let recent = taken.iter().rev().take_while(|at| **at > now - seconds(1.0)).count();
        if recent < 5 {
            taken.push(now);
        } else {
            refused += 1;
            budget.throttled(Operation::Start, REGION, now);
        }
    }
    let part = f64::from(refused) / f64::from(u32::try_from(taken.len()).unwrap());
    assert!(part < 0.03, "{part}");
    assert!(taken.len() > 300 * 5 * 6 / 10, "{} of 1500", taken.len());
}

proptest! {
    /// Whatever is asked, given back and throttled: never more calls in a second than the service allows.
    #[test]
    fn never_too_fast(moves in prop::collection::vec((0_u8..40, 0_u8..12, 0_u16..400), 1..400)) {
        let mut budget = budget();
        let (mut now, mut calls) = (start_of_time(), Vec::new());
        for (who, what, millis) in moves {
            let uid = who.to_string();
            match what {
                0 => budget.give_back(&uid),
                1 => budget.throttled(Operation::Start, REGION, now),
                2 => now += SignedDuration::from_millis(millis.into()),
                _ => match ask(&mut budget, &uid, Operation::Start, now) {
                    Ok(()) => {
                        budget.spend(&uid);
                        calls.push(now);
                    }
                    Err(until) => prop_assert!(until > now),
                },
            }
        }
        prop_assert!(most_in_a_second(&calls) <= 11, "{calls:?}");
    }
}
