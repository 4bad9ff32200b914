//! Random lives in the [`super::world`]: whatever comes, one task at most, and in the end the truth.
//!
//! `MODEL_CASES` sets how many lives each property is tried on ([`super::lives`]), `PROPTEST_RNG_SEED` which.

use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

use super::bench::spec;
use super::happenings::{anything, anything_about_plans, manifest, mishap, reading};
use super::lives;
use super::service::Reading;
use super::world::{Event, Happening, World};
use crate::api::Phase;
use crate::core::task::status::phase::is_finished;

/// Nothing is done about a finished resource, however long, and whoever comes.
fn assert_free(world: &mut World) {
    let (writes, calls) = (world.writes, world.service.calls);
    for _ in 0..3 {
        world.happen(&Happening::At(0, Event::Crash));
        world.happen(&Happening::At(1, Event::Crash));
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
    #![proptest_config(lives(400))]

    /// P1: whatever goes wrong, exactly one task runs, and the resource completes.
    #[test]
    fn whatever_goes_wrong_one_task_completes(
        reading in reading(),
        manifest in manifest(),
        life in prop::collection::vec(mishap(), 0..60),
    ) {
        let mut world = World::new(reading, &manifest);
        for happening in &life {
            world.happen(happening);
        }
        world.come_to_rest();
        prop_assert!(world.service.canceled.is_empty());
        if world.ledger.clock_was_days_off && world.phase(0) == Some(Phase::Unknown) {
            // Nobody could tell how old the record was: what is not found is never started again.
            return Ok(());
        }
        prop_assert_eq!(world.phase(0), Some(Phase::Completed));
        prop_assert_eq!(world.service.tasks.len(), 1);
        assert_free(&mut world);
    }

    /// With people about as well: never two tasks for one manifest, never another's cancelled, and an end.
    #[test]
    fn whatever_anybody_does_it_comes_to_a_truthful_end(
        reading in reading(),
        manifest in manifest(),
        life in prop::collection::vec(anything(), 0..80),
    ) {
        let mut world = World::new(reading, &manifest);
        for happening in &life {
            world.happen(happening);
        }
        world.come_to_rest();
        for at in 0..2 {
            let Some(phase) = world.phase(at) else { continue };
            let store = &world.sites[at].store;
            let is_deleted = store.observed().deleting_since.is_some();
            prop_assert!(!is_deleted, "deleted, and never gone: {:#?}", store.json());
            let rests = is_finished(phase)
                || phase == Phase::Unknown
                || phase == Phase::Suspended && world.spec_says(at, "suspend");
            prop_assert!(rests, "{:#?}", store.json());
            prop_assert!(store.observed().is_observed());
        }
        let is_free = |at: usize| {
            world.phase(at).is_none_or(is_finished)
                && (world.phase(at).is_none() || world.sites[at].store.observed().desired.is_ok_and(|desired| desired.ttl_seconds.is_none()))
        };
        if is_free(0) && is_free(1) {
            assert_free(&mut world);
        }
    }
}

proptest! {
    #![proptest_config(lives(400))]

    /// P8: whatever changes while plans are made and approved, nothing is started beyond the bounds without the approval
    /// of the plan that was current ([`super::service`] checks each Start), and it comes to rest.
    #[test]
    fn whatever_is_approved_nothing_else_is_started(
        reading in reading(),
        bounds in prop_oneof![
            Just(json!({})),
            Just(json!({ "requiredAbove": { "findings": 2 } })),
            Just(json!({ "requiredAbove": { "percent": 2 } })),
        ],
        life in prop::collection::vec(anything_about_plans(), 0..80),
    ) {
        let mut manifest = spec();
        manifest["approval"] = bounds;
        let mut world = World::new(reading, &manifest);
        for happening in &life {
            world.happen(happening);
        }
        world.come_to_rest();
        for at in 0..2 {
            let Some(phase) = world.phase(at) else { continue };
            let store = &world.sites[at].store;
            let rests = is_finished(phase)
                || matches!(phase, Phase::Unknown | Phase::AwaitingApproval)
                || phase == Phase::Suspended && world.spec_says(at, "suspend");
            prop_assert!(rests, "{:#?}", store.json());
            prop_assert!(store.observed().is_observed());
        }
    }
}

#[test]
fn the_world_itself_can_complete_a_task() {
    let mut world = World::new(Reading::PLAIN, &spec());
    let began = world.now;
    world.come_to_rest();
    assert_eq!(world.phase(0), Some(Phase::Completed));
    assert!(world.now.duration_since(began) >= super::service::DURATION);
    assert!(world.now.duration_since(began) < super::service::DURATION + SignedDuration::from_secs(60));
}
