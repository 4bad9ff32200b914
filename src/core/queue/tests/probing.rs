//! Somebody else uses slots of the region too: what a refusal says, and when the service is probed again.

use std::time::Instant;

use super::{Bench, holding, lost, now, refused, seconds, success};
use crate::core::answer::ErrorClass;
use crate::core::queue::{Admission, Place};

#[test]
fn after_limit_exceeded_one_probe_at_a_time_with_growing_waits() {
    let names = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"];
    let mut bench = Bench::of(10, &names);
    let all = |bench: &mut Bench, now| -> Vec<Admission> {
        let names = names.iter().zip(0..);
        names.map(|(uid, age)| bench.enter(age, uid, now)).collect()
    };
    let mut now = now();
    let mut waits = Vec::new();
    assert_eq!(bench.enter(0, "r0", now), Admission::Free);
    for _ in 0..9 {
        bench.refuse("r0", now);
        let admissions = all(&mut bench, now);
        let Admission::LimitedUntil(until) = admissions[0] else {
            panic!("{admissions:?}")
        };
        let behind = |admission: &Admission| matches!(admission, Admission::Behind { ahead, .. } if *ahead > 0);
        assert!(admissions[1..].iter().all(behind), "{admissions:?}");
        waits.push(until.duration_since(now).as_secs_f64());
        now = until;
        let admissions = all(&mut bench, now);
        assert_eq!(admissions[0], Admission::Free, "the probe");
        assert!(
            admissions[1..].iter().all(|admission| *admission != Admission::Free),
            "one at a time: {admissions:?}"
        );
    }
    assert!(
        waits[0] <= 3.0 && waits[8] >= 45.0 && waits.iter().all(|wait| *wait <= 60.0),
        "{waits:?}"
    );
}

#[test]
fn the_pace_comes_back_with_each_probe_that_is_taken() {
    let mut bench = Bench::of(3, &["a", "b", "c", "d"]);
    assert_eq!(bench.enter(0, "a", now()), Admission::Free);
    bench.refuse("a", now());
    let Admission::LimitedUntil(until) = bench.enter(0, "a", now()) else {
        panic!("not limited")
    };
    assert_eq!(bench.enter(0, "a", until), Admission::Free, "the first probe");
    bench.woken();
    let mut now = until;
    for (age, uid, before) in [(1, "b", "a"), (2, "c", "b")] {
        assert_ne!(bench.enter(age, uid, now), Admission::Free, "while another probes");
        bench.answer(before, &success(before), now);
        assert_eq!(bench.woken(), [uid]);
        let Admission::LimitedUntil(next) = bench.enter(age, uid, now) else {
            panic!("{uid} is the next probe")
        };
        assert_eq!(next, now + seconds(1), "it hardly waits");
        now = next;
        assert_eq!(bench.enter(age, uid, now), Admission::Free, "{uid}");
    }
    bench.answer("c", &success("c"), now);
    assert_eq!(bench.held(), 3);
    // All slots are ours again: what frees is no probe.
    bench.queue.set("a", Place::None);
    assert_eq!(bench.enter(3, "d", now), Admission::Free);
}

#[test]
fn an_own_slot_that_frees_is_taken_at_once_and_is_no_probe() {
    let mut bench = Bench::of(10, &["a", "b", "c"]);
    for task in ["r1", "r2", "r3"] {
        bench.queue.set(task, holding(task));
    }
    bench.woken();
    assert_eq!(bench.enter(0, "a", now()), Admission::Free);
    bench.refuse("a", now());
    assert!(matches!(bench.enter(0, "a", now()), Admission::LimitedUntil(_)));
    bench.woken();
    bench.queue.set("r1", Place::None);
    assert_eq!(
        bench.woken(),
        ["a"],
        "woken for the slot, though it was woken for the probe before"
    );
    assert_eq!(bench.enter(0, "a", now()), Admission::Free);
    assert_eq!(bench.woken(), ["b"], "for the next probe");
    let Admission::LimitedUntil(probe) = bench.enter(1, "b", now()) else {
        panic!("three slots are ours, and no more")
    };
    bench.answer("a", &success("a"), now());
    assert!(
        matches!(bench.enter(1, "b", now()), Admission::LimitedUntil(_)),
        "a was no probe"
    );
    assert_eq!(bench.enter(1, "b", probe), Admission::Free);
    // While b probes, an own slot is still taken at once.
    bench.queue.set("r2", Place::None);
    assert_eq!(bench.woken(), ["c"]);
    assert_eq!(bench.enter(2, "c", probe), Admission::Free);
}

#[test]
fn an_own_slot_that_somebody_else_took_is_not_ours_any_more() {
    let mut bench = Bench::of(10, &["a"]);
    for task in ["r1", "r2", "r3"] {
        bench.queue.set(task, holding(task));
    }
    bench.enter(0, "a", now());
    bench.refuse("a", now());
    bench.queue.set("r1", Place::None);
    assert_eq!(bench.enter(0, "a", now()), Admission::Free);
    bench.refuse("a", now());
    assert!(matches!(bench.enter(0, "a", now()), Admission::LimitedUntil(_)));
}

/// A probe whose answer says nothing, or that is never sent, must not keep all others from probing for ever.
#[test]
fn a_probe_that_comes_to_nothing_makes_room_for_the_next() {
    type End = fn(&mut Bench, Instant);
    let ends: [(&str, End); 4] = [
        ("lost", |bench, now| bench.answer("a", &lost(), now)),
        ("throttled", |bench, now| {
            bench.answer("a", &refused(ErrorClass::Throttled), now);
            bench.queue.set("a", Place::None);
        }),
        ("suspended", |bench, _| bench.queue.set("a", Place::None)),
        ("failed by the API server", |bench, _| bench.queue.step_aside("a")),
    ];
    for (what, end) in ends {
        let mut bench = Bench::of(10, &["a", "b"]);
        bench.enter(0, "a", now());
        bench.refuse("a", now());
        let Admission::LimitedUntil(until) = bench.enter(0, "a", now()) else {
            panic!("not limited")
        };
        assert_eq!(bench.enter(0, "a", until), Admission::Free);
        assert_ne!(bench.enter(1, "b", until), Admission::Free);
        bench.woken();
        end(&mut bench, until);
        assert_eq!(bench.woken(), ["b"], "{what}");
        assert_eq!(bench.enter(1, "b", until), Admission::Free, "{what}");
    }
}
