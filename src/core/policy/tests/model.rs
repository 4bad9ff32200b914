//! Random lives of a policy in two clusters: whatever comes, one task in AWS at most for one audit.
//!
//! `MODEL_CASES` sets how many lives are tried, `PROPTEST_RNG_SEED` which.

use proptest::prelude::*;

use super::world::{Audited, Edit, Happening, World};
use crate::core::task::tests::lives;

fn cluster() -> impl Strategy<Value = usize> {
    0..2_usize
}

/// What may happen to a policy.
fn happening() -> impl Strategy<Value = Happening> {
    let ending = prop_oneof![
        4 => any::<[bool; 2]>().prop_map(Audited::Completed),
        1 => Just(Audited::Failed),
        1 => Just(Audited::Canceled),
    ];
    let edit = prop_oneof![
        2 => any::<bool>().prop_map(Edit::Suspend),
        1 => any::<bool>().prop_map(Edit::BothChecks),
        1 => any::<bool>().prop_map(Edit::OtherSchedule),
        1 => any::<bool>().prop_map(Edit::Orphan),
        1 => any::<bool>().prop_map(Edit::ShortDeadline),
    ];
    prop_oneof![
        6 => Just(Happening::AuditBegins),
        6 => ending.prop_map(Happening::AuditEnds),
        8 => cluster().prop_map(Happening::Poll),
        1 => cluster().prop_map(Happening::PollFails),
        6 => cluster().prop_map(Happening::Watch),
        // Killed after so many effects.
        12 => (cluster(), 0..8_usize).prop_map(|(cluster, effects)| Happening::Pass(cluster, effects)),
        2 => cluster().prop_map(Happening::Crash),
        6 => cluster().prop_map(Happening::TasksGoOn),
        4 => Just(Happening::RunsEnd),
        3 => (cluster(), edit).prop_map(|(cluster, edit)| Happening::Edit(cluster, edit)),
        1 => cluster().prop_map(Happening::DeletePolicy),
        2 => cluster().prop_map(Happening::CreatePolicy),
        1 => cluster().prop_map(Happening::Backup),
        1 => (cluster(), any::<bool>()).prop_map(|(cluster, status)| Happening::Restore(cluster, status)),
        2 => (cluster(), any::<bool>()).prop_map(|(cluster, status)| Happening::TaskDeleted(cluster, status)),
        4 => (1..200_000_i64).prop_map(Happening::Time),
        1 => (cluster(), -100_000..100_000_i64).prop_map(|(cluster, seconds)| Happening::Clock(cluster, seconds)),
    ]
}

proptest! {
    #![proptest_config(lives(300))]

    /// P1a, and the watermark, and never two at a time: see the checks of the world.
    #[test]
    fn whatever_happens_an_audit_is_mitigated_once_at_most(life in prop::collection::vec(happening(), 0..120)) {
        let mut world = World::new();
        for happening in &life {
            world.happen(happening);
        }
        world.come_to_rest();
    }
}

/// The checks are no use if nothing ever happens.
#[test]
fn a_quiet_life_makes_a_task_for_each_audit_with_findings() {
    let mut world = World::new();
    for findings in [[true, false], [true, true], [false, false], [false, true]] {
        world.happen(&Happening::Time(90_000));
        world.happen(&Happening::AuditBegins);
        world.happen(&Happening::AuditEnds(Audited::Completed(findings)));
        world.come_to_rest();
    }
    assert_eq!(world.started.len(), 3, "{:?}", world.started);
}
