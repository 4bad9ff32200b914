//! What is kept of a region: nothing, once nobody uses it.

use super::{Bench, lost, now, refused, success};
use crate::core::answer::{ErrorClass, Operation, StartAnswer};
use crate::core::queue::{Admission, Order, Place};

fn waiting(region: &str, uid: &str) -> Place {
    Place::Waiting {
        region: region.to_owned(),
        order: Order {
            created: jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1),
            uid: uid.to_owned(),
            namespace: "fleet".to_owned(),
        },
    }
}

fn holding(region: &str, task_id: &str) -> Place {
    Place::Holding {
        region: region.to_owned(),
        task_id: task_id.to_owned(),
    }
}

#[test]
fn regions_that_somebody_made_up_are_forgotten_with_their_resources() {
    let mut bench = Bench::new(10);
    let answers: [(&str, StartAnswer); 5] = [
        ("taken", success("t")),
        ("no slot", refused(ErrorClass::LimitExceeded)),
        ("throttled", refused(ErrorClass::Throttled)),
        ("lost", lost()),
        ("invalid", StartAnswer::InvalidRequest("no".to_owned())),
    ];
    for n in 0..5_000 {
        let (region, uid) = (format!("made-up-{n}"), format!("r{n}"));
        let place = waiting(&region, &uid);
        let admission = bench.queue.enter(&uid, place.clone(), &uid, &mut bench.limiter, now());
        assert_eq!(admission, Admission::Free);
        bench.limiter.spend(&uid, Operation::Start);
        let (what, answer) = &answers[n % answers.len()];
        bench.queue.start_answered(&uid, &region, answer, now());
        match *what {
            "taken" => bench.queue.set(&uid, holding(&region, &uid)),
            "no slot" => {
                bench.queue.enter(&uid, place, &uid, &mut bench.limiter, now());
            }
            _ => bench.queue.step_aside(&uid),
        }
        if n >= 100 {
            bench.queue.set(&format!("r{}", n - 100), Place::None);
        }
        assert!(bench.queue.regions().count() <= 101, "at {n}");
    }
    bench.queue.retain(|_| false);
    assert_eq!(bench.queue.regions().count(), 0);
    assert!(bench.queue.entries.is_empty());
}

#[test]
fn a_region_keeps_what_it_knows_while_anybody_waits_there() {
    let mut bench = Bench::new(10);
    let enter = |bench: &mut Bench, uid: &str| {
        let place = waiting("eu-central-1", uid);
        bench.queue.enter(uid, place, uid, &mut bench.limiter, now())
    };
    assert_eq!(enter(&mut bench, "a"), Admission::Free);
    bench.answer("a", &refused(ErrorClass::LimitExceeded), now());
    assert!(matches!(enter(&mut bench, "b"), Admission::Behind { ahead: 1, .. }));
    bench.queue.set("a", Place::None);
    assert!(matches!(enter(&mut bench, "b"), Admission::LimitedUntil(_)));
}

#[test]
fn a_region_tells_how_many_wait_and_since_when() {
    let mut bench = Bench::new(1);
    bench.queue.set("a", waiting("here", "a"));
    bench.queue.set("b", waiting("here", "b"));
    bench.queue.set("c", holding("there", "c"));
    let told: Vec<_> = bench
        .queue
        .regions()
        .map(|(region, queue)| (region, queue.in_use(), queue.waiting(), queue.oldest()))
        .collect();
    let oldest = Some(jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1));
    for one in [("here", 0, 2, oldest), ("there", 1, 0, None)] {
        assert!(told.contains(&one), "{told:?}");
    }
}
