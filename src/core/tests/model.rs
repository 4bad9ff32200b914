//! Random lives in the [`super::world`]: whatever comes, one task at most, and in the end the truth.

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

use super::service::{Fault, Reading};
use super::world::{Happening, World};
use crate::api::Phase;
use crate::core::answer::Trouble;
use crate::core::phase::is_finished;

fn reading() -> impl Strategy<Value = Reading> {
    (any::<bool>(), any::<bool>(), prop_oneof![Just(0), Just(5), Just(40)]).prop_map(
        |(replay_succeeds, used_token_exists, lag_seconds)| Reading {
            replay_succeeds,
            used_token_exists,
            lag_seconds,
        },
    )
}

/// Crashes, lost answers, stale caches: what the operator has to bear without anybody's doing.
fn mishap() -> impl Strategy<Value = Happening> {
    let fault = prop_oneof![
        Just(Fault::LostBefore),
        Just(Fault::LostAfter),
        // A signature lives for fifteen minutes, Describe's lag included.
        (0_i64..850).prop_map(Fault::Late),
        Just(Fault::Refused(Trouble::Throttled)),
        Just(Fault::Refused(Trouble::LimitExceeded)),
        Just(Fault::Refused(Trouble::AccessDenied)),
    ];
    prop_oneof![
        8 => (1_u8..6).prop_map(Happening::Work),
        3 => Just(Happening::Crash),
        4 => prop_oneof![Just(1), Just(20), Just(70), Just(400), Just(1_000)].prop_map(Happening::Pass),
        4 => Just(Happening::CatchUp),
        4 => fault.prop_map(Happening::Fail),
    ]
}

/// The same, and people who edit, cancel, suspend, delete, or start tasks of their own; and months that pass.
fn anything() -> impl Strategy<Value = Happening> {
    let edit = prop_oneof![
        Just(json!({ "suspend": true })),
        Just(json!({ "suspend": null })),
        Just(json!({ "cancel": true })),
        Just(json!({ "taskId": "another" })),
        Just(json!({ "taskId": "fix-task" })),
        Just(json!({ "target": { "auditTaskId": "another" } })),
        Just(json!({ "clientRequestToken": "mine" })),
        Just(json!({ "clientRequestToken": null })),
        Just(json!({ "ttlSecondsAfterFinished": 86_400 })),
        Just(json!({ "activeDeadlineSeconds": 60 })),
        Just(json!({ "deletionPolicy": "Orphan" })),
    ];
    prop_oneof![
        12 => mishap(),
        4 => edit.prop_map(Happening::Edit),
        1 => Just(Happening::Delete),
        1 => any::<bool>().prop_map(|same| Happening::StartElsewhere { same }),
        1 => prop_oneof![Just(4_000), Just(50 * 86_400), Just(81 * 86_400), Just(91 * 86_400)].prop_map(Happening::Pass),
    ]
}

/// Nothing is done about a finished resource, however long, and whoever comes.
fn assert_free(world: &mut World) {
    let (writes, calls) = (world.writes, world.service.calls);
    for _ in 0..3 {
        world.happen(&Happening::Crash);
        world.happen(&Happening::Pass(1_000));
        world.come_to_rest();
    }
    assert_eq!(
        (world.writes, world.service.calls),
        (writes, calls),
        "writes and calls of a finished resource"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, ..ProptestConfig::with_cases(1_000) })]

    /// P1: whatever goes wrong, exactly one task runs, and the resource completes.
    #[test]
    fn whatever_goes_wrong_one_task_completes(reading in reading(), life in prop::collection::vec(mishap(), 0..60)) {
        let mut world = World::new(reading);
        for happening in &life {
            world.happen(happening);
        }
        world.come_to_rest();
        prop_assert_eq!(world.phase(), Some(Phase::Completed));
        prop_assert_eq!(world.service.started.len(), 1);
        prop_assert!(world.service.canceled.is_empty());
        assert_free(&mut world);
    }

    /// With people about as well: never two tasks for one manifest, never another's cancelled, and an end.
    #[test]
    fn whatever_anybody_does_it_comes_to_a_truthful_end(reading in reading(), life in prop::collection::vec(anything(), 0..80)) {
        let mut world = World::new(reading);
        for happening in &life {
            world.happen(happening);
        }
        let deletes = life.iter().any(|happening| matches!(happening, Happening::Delete));
        world.come_to_rest();
        let Some(phase) = world.phase() else {
            let expires = life.iter().any(|happening| matches!(happening, Happening::Edit(edit) if edit["ttlSecondsAfterFinished"].is_i64()));
            prop_assert!(deletes || expires, "gone, and nobody asked for it");
            return Ok(());
        };
        prop_assert!(!deletes, "deleted, and never gone: {:#?}", world.store.json());
        let rests = is_finished(phase) || phase == Phase::Unknown || phase == Phase::Suspended && world.spec_says("suspend");
        prop_assert!(rests, "{:#?}", world.store.json());
        prop_assert!(world.store.facts().is_observed());
        if is_finished(phase) && world.store.facts().wish.is_ok_and(|wish| wish.ttl_seconds.is_none()) {
            assert_free(&mut world);
        }
    }
}

#[test]
fn the_world_itself_can_complete_a_task() {
    let mut world = World::new(Reading {
        replay_succeeds: true,
        used_token_exists: false,
        lag_seconds: 0,
    });
    let began = world.now;
    world.come_to_rest();
    assert_eq!(world.phase(), Some(Phase::Completed));
    assert!(world.now.duration_since(began) >= super::service::DURATION);
    assert!(world.now.duration_since(began) < super::service::DURATION + SignedDuration::from_secs(60));
}
