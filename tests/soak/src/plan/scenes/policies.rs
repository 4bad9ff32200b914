//! Scenes about policies: each schedule has a lane of its own.

use fastrand::Rng;

use super::pause;
use crate::plan::{
    Action, Beat, Cast, Condition, Who,
    policies::{Age, Deed, Edit, Place, Policy, Schedule, Sight},
};

fn deed(deed: Deed) -> Beat {
    Beat::Do(Action::OfPolicies(deed))
}

fn until(sight: Sight) -> Beat {
    Beat::Until(Condition::OfPolicies(sight))
}

fn place(variant: usize) -> Place {
    if variant.is_multiple_of(2) {
        Place::Task
    } else {
        Place::Policy
    }
}

/// The policies of a schedule, after an audit that is none of their business.
pub(in crate::plan) fn founding(schedule: Schedule) -> Vec<Beat> {
    // Times are in whole seconds.
    let before = [deed(Deed::Audit(schedule, 2)), pause(1100)];
    let create = schedule.policies().map(|policy| deed(Deed::Create(policy)));
    let watch = schedule.policies().map(|policy| until(Sight::Watches(policy)));
    before.into_iter().chain(create).chain(watch).collect()
}

/// Within the bounds of both, and then beyond those of one.
pub(super) fn two_of_a_schedule(random: &mut Rng, _: &mut Cast, _: usize) -> Vec<Beat> {
    vec![
        deed(Deed::Audit(Schedule::Expiring, 1)),
        until(Sight::Starts(Policy::Automatic)),
        until(Sight::Starts(Policy::Bounded)),
        until(Sight::Noted(Schedule::Expiring)),
        deed(Deed::Audit(Schedule::Expiring, random.u32(6..9))),
        until(Sight::Awaits(Policy::Bounded)),
        until(Sight::Starts(Policy::Automatic)),
    ]
}

pub(super) fn bounds_edited(random: &mut Rng, _: &mut Cast, variant: usize) -> Vec<Beat> {
    vec![
        deed(Deed::Audit(Schedule::Expiring, random.u32(6..9))),
        until(Sight::Awaits(Policy::Bounded)),
        deed(Deed::Edit(Policy::Bounded, Edit::Bounds)),
        pause(random.u64(..1000)),
        deed(Deed::Approve(Policy::Bounded, place(variant), Age::Current)),
        until(Sight::Starts(Policy::Bounded)),
    ]
}

pub(super) fn looks_fail(random: &mut Rng, _: &mut Cast, _: usize) -> Vec<Beat> {
    vec![
        deed(Deed::ReadsFail(random.u64(..))),
        deed(Deed::Audit(Schedule::Expiring, 2)),
        pause(random.u64(1000..2500)),
        deed(Deed::MendReads),
        until(Sight::Noted(Schedule::Expiring)),
        until(Sight::Starts(Policy::Automatic)),
    ]
}

pub(super) fn approved(_: &mut Rng, _: &mut Cast, variant: usize) -> Vec<Beat> {
    vec![
        deed(Deed::Audit(Schedule::Revoked, 3)),
        until(Sight::Awaits(Policy::Asking)),
        deed(Deed::Approve(Policy::Asking, place(variant), Age::Old)),
        pause(1000),
        deed(Deed::Approve(Policy::Asking, place(variant), Age::Current)),
        until(Sight::Starts(Policy::Asking)),
    ]
}

pub(super) fn superseded(random: &mut Rng, _: &mut Cast, variant: usize) -> Vec<Beat> {
    let approve = deed(Deed::Approve(Policy::Asking, place(variant), Age::Current));
    vec![
        deed(Deed::Audit(Schedule::Revoked, 1)),
        until(Sight::Awaits(Policy::Asking)),
        deed(Deed::Audit(Schedule::Revoked, 2)),
        pause(random.u64(..400)),
        // Whatever is shown at the moment: the old plan, the new one, or none.
        approve,
        until(Sight::Noted(Schedule::Revoked)),
        deed(Deed::Audit(Schedule::Revoked, 0)),
        until(Sight::Noted(Schedule::Revoked)),
    ]
}

pub(super) fn audit_meanwhile(random: &mut Rng, _: &mut Cast, _: usize) -> Vec<Beat> {
    vec![
        deed(Deed::Audit(Schedule::Shared, 2)),
        until(Sight::Starts(Policy::Changing)),
        pause(random.u64(..1000)),
        deed(Deed::Audit(Schedule::Shared, 1)),
        deed(Deed::Audit(Schedule::Shared, 3)),
        until(Sight::Noted(Schedule::Shared)),
        until(Sight::Starts(Policy::Changing)),
    ]
}

/// Between any two of the steps that follow from the audit.
pub(super) fn killed_at_an_audit(random: &mut Rng, _: &mut Cast, _: usize) -> Vec<Beat> {
    vec![
        deed(Deed::Audit(Schedule::Shared, 2)),
        pause(random.u64(300..1500)),
        Beat::Do(Action::Kill(Who::Leader)),
        Beat::Until(Condition::LeaderChanged),
        until(Sight::Noted(Schedule::Shared)),
    ]
}

pub(super) fn suspended(_: &mut Rng, _: &mut Cast, _: usize) -> Vec<Beat> {
    vec![
        deed(Deed::Suspend(Policy::Changing, true)),
        deed(Deed::Audit(Schedule::Shared, 2)),
        until(Sight::Noted(Schedule::Shared)),
        deed(Deed::Suspend(Policy::Changing, false)),
        deed(Deed::Edit(Policy::Changing, Edit::Mapping)),
        deed(Deed::Edit(Policy::Changing, Edit::Limits)),
        deed(Deed::Audit(Schedule::Shared, 2)),
        until(Sight::Starts(Policy::Changing)),
    ]
}

pub(super) fn ends_later(random: &mut Rng, _: &mut Cast, variant: usize) -> Vec<Beat> {
    vec![
        deed(Deed::Begin(Schedule::Shared, 2)),
        pause(random.u64(300..1200)),
        deed(Deed::End(Schedule::Shared, variant.is_multiple_of(2))),
        until(Sight::Noted(Schedule::Shared)),
    ]
}

pub(super) fn made_again(random: &mut Rng, _: &mut Cast, _: usize) -> Vec<Beat> {
    vec![
        deed(Deed::Audit(Schedule::Shared, 2)),
        pause(random.u64(..1500)),
        deed(Deed::Recreate(Policy::Changing)),
        until(Sight::Watches(Policy::Changing)),
        deed(Deed::Audit(Schedule::Shared, 2)),
        until(Sight::Starts(Policy::Changing)),
    ]
}
