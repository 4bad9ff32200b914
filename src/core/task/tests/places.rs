//! What each stage of a resource means to the queue, and what the queue's answer means to the resource.

use jiff::SignedDuration;
use serde_json::json;

use super::bench::{Bench, REGION, TASK, found, lost, refused, success, uid};
use crate::api::{Phase, Reason};
use crate::core::answer::{ErrorClass, StartAnswer, TaskState};
use crate::core::queue::{Admission, Order, Place};
use crate::core::task::place::place;

fn holding() -> Place {
    Place::Holding {
        region: REGION.to_owned(),
        task_id: TASK.to_owned(),
    }
}

fn place_of(bench: &Bench) -> Place {
    bench.with_observation(place)
}

#[test]
fn the_place_of_each_stage() {
    let waits = Place::Waiting {
        region: REGION.to_owned(),
        order: Order {
            created: Bench::new(&json!({})).observed().created,
            uid: uid().to_owned(),
            namespace: "fleet".to_owned(),
        },
    };
    let new = Bench::new(&json!({}));
    assert_eq!(place_of(&new), waits, "new");
    assert_eq!(
        place_of(&Bench::new(&json!({ "suspend": true }))),
        Place::None,
        "suspended"
    );
    assert_eq!(
        place_of(&Bench::new(&json!({ "cancel": true }))),
        Place::None,
        "cancelled"
    );

    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    assert_eq!(
        place_of(&bench),
        waits,
        "about to be sent: it keeps the slot that it was let in to"
    );
    let Place::Waiting { order, .. } = waits.clone() else {
        unreachable!()
    };
    let open = Place::Open {
        region: REGION.to_owned(),
        task_id: TASK.to_owned(),
        order,
    };
    bench.restart();
    assert_eq!(place_of(&bench), open, "open, found by another process");
    bench.call_start();
    bench.answer_start(lost());
    assert_eq!(place_of(&bench), open, "open");
    bench.answer_start(success());
    assert_eq!(place_of(&bench), holding(), "started");
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    assert_eq!(place_of(&bench), holding(), "running");
    bench.delete();
    assert_eq!(place_of(&bench), holding(), "being deleted, still running");
    bench.answer_describe(found(TaskState::Completed));
    assert_eq!(place_of(&bench), Place::None, "ended, not yet written");

    let answered = |answer| {
        let mut bench = Bench::new(&json!({}));
        bench.call_start();
        bench.answer_start(answer);
        bench
    };
    assert_eq!(
        place_of(&answered(refused(ErrorClass::LimitExceeded))),
        waits,
        "back at its place"
    );
    let mut deleted = answered(refused(ErrorClass::LimitExceeded));
    deleted.delete();
    assert_eq!(place_of(&deleted), Place::None, "being deleted, and never started");
    assert_eq!(
        place_of(&answered(refused(ErrorClass::Throttled))),
        Place::None,
        "a backoff holds nobody up"
    );
    assert_eq!(
        place_of(&answered(StartAnswer::InvalidRequest("no".to_owned()))),
        Place::None,
        "rejected"
    );
    assert_eq!(
        place_of(&answered(StartAnswer::AlreadyExists)),
        Place::None,
        "not known to run"
    );
}

#[test]
fn somebody_elses_running_task_holds_a_slot_too() {
    let mut bench = Bench::new(&json!({}));
    bench.call_start();
    bench.answer_start(StartAnswer::AlreadyExists);
    bench.call_describe();
    bench.answer_describe(found(TaskState::InProgress));
    bench.rest();
    bench.restart();
    assert_eq!(place_of(&bench), holding());
}

#[test]
fn a_short_wait_for_the_rate_is_not_worth_a_write_and_a_long_one_is() {
    let paced = |seconds| {
        let mut bench = Bench::new(&json!({}));
        let until = bench.now + SignedDuration::from_secs(seconds);
        bench.admission = Admission::Paced {
            ahead: 4,
            namespaces: 1,
            until: until.monotonic,
        };
        assert_eq!(bench.rest().map(|rest| rest.monotonic), Some(until.monotonic));
        bench
    };
    assert_eq!(paced(2).writes, 0);
    let long = paced(20);
    assert_eq!(long.writes, 1);
    long.assert_says(Phase::Queued, Reason::Queued);
    assert!(long.message().contains("4 were ahead"), "{}", long.message());
}
