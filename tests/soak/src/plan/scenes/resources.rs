//! Scenes about some resources of their own: whoever plays beside them does nothing to these.

use fastrand::Rng;

use super::{anywhere, change_of_mind, create, pause, stop};
use crate::plan::{Action, Beat, Cast, Condition, Kind, Loss, Shape, Site, TaskFault};

pub(super) fn each_kind(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let mut kinds = [Kind::Quick, Kind::Failing, Kind::Unnamed, Kind::Long];
    random.shuffle(&mut kinds);
    let site = anywhere(random);
    kinds.map(|kind| create(cast.next(kind, site))).into()
}

pub(super) fn edited_then_resumed(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Quick, anywhere(random));
    vec![
        Beat::Do(Action::Create(one, Shape::Suspended)),
        pause(random.u64(..1000)),
        Beat::Do(Action::Edit(one)),
        Beat::Do(Action::Suspend(one, false)),
        Beat::Until(Condition::TaskExists(one)),
    ]
}

pub(super) fn created_again(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Long, anywhere(random));
    vec![
        create(one),
        Beat::Until(Condition::TaskExists(one)),
        pause(random.u64(..500)),
        Beat::Do(Action::Delete(one)),
        Beat::Until(Condition::Gone(one)),
        create(one),
    ]
}

/// Where no attempts are left open, each of which takes a slot.
pub(super) fn more_than_the_slots(_: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let site = Site::Here;
    let all = [(); 12].map(|()| cast.next(Kind::Held, site));
    let created = all.iter().copied().map(create);
    let canceled = all.iter().take(2).map(|first| Beat::Do(Action::Cancel(*first)));
    let full = || [Beat::Until(Condition::Full(site)), pause(2000)];
    created.chain(full()).chain(canceled).chain(full()).collect()
}

pub(super) fn stranger_first(random: &mut Rng, cast: &mut Cast, variant: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Held, anywhere(random));
    vec![
        Beat::Do(Action::Stranger {
            manifest: one,
            same_request: true,
        }),
        create(one),
        Beat::Until(Condition::Follows(one)),
        Beat::Do(stop(one, variant)),
        pause(1500),
    ]
}

pub(super) fn stranger_differs(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Long, anywhere(random));
    vec![
        Beat::Do(Action::Stranger {
            manifest: one,
            same_request: false,
        }),
        create(one),
        Beat::Until(Condition::Conflicts(one)),
    ]
}

pub(super) fn own_token(random: &mut Rng, cast: &mut Cast, variant: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Held, anywhere(random));
    vec![
        Beat::Do(Action::Create(one, Shape::OwnToken)),
        Beat::Until(Condition::Follows(one)),
        Beat::Do(stop(one, variant)),
        pause(1500),
    ]
}

pub(super) fn answer_lost(random: &mut Rng, cast: &mut Cast, variant: usize) -> Vec<Beat> {
    let loss = *Loss::ALL.get(variant % Loss::ALL.len()).unwrap_or(&Loss::Cut);
    // One that people see too late to suspend or to edit it any more runs until it is cancelled.
    let is_seen_late = loss == Loss::CutThenThrottled;
    let kind = if is_seen_late { Kind::Held } else { Kind::Long };
    let one = cast.next(kind, anywhere(random));
    let (wait, change) = if is_seen_late {
        (2500, stop(one, random.usize(..2)))
    } else {
        (random.u64(..300), change_of_mind(one, random.usize(..4)))
    };
    vec![
        Beat::Do(Action::OnTask(TaskFault::AnswerLost(loss), one)),
        create(one),
        Beat::Until(Condition::TaskExists(one)),
        pause(wait),
        Beat::Do(change),
        pause(3000),
        Beat::Do(Action::MendTask(one)),
    ]
}

/// In the end people delete what they had only suspended: an attempt that is left open takes a quarter of an hour.
pub(super) fn never_arrives(_: &mut Rng, cast: &mut Cast, variant: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Long, Site::Elsewhere);
    vec![
        Beat::Do(Action::OnTask(TaskFault::NeverArrives, one)),
        create(one),
        Beat::Until(Condition::StartCalled(one)),
        Beat::Do(change_of_mind(one, variant)),
        Beat::Until(Condition::IsOpen(one)),
        pause(4000),
        Beat::Do(Action::Delete(one)),
    ]
}

pub(super) fn starts_throttled(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let all = [(); 3].map(|()| cast.next(Kind::Quick, anywhere(random)));
    let throttled = all.map(|one| Beat::Do(Action::OnTask(TaskFault::StartsThrottled, one)));
    let exist = all.map(|one| Beat::Until(Condition::TaskExists(one)));
    throttled.into_iter().chain(all.map(create)).chain(exist).collect()
}

pub(super) fn refused(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Quick, anywhere(random));
    vec![
        Beat::Do(Action::OnTask(TaskFault::Invalid, one)),
        create(one),
        Beat::Until(Condition::IsRejected(one)),
        pause(2000),
        Beat::Do(Action::MendTask(one)),
        Beat::Do(Action::Suspend(one, true)),
        Beat::Do(Action::Suspend(one, false)),
        Beat::Until(Condition::TaskExists(one)),
    ]
}

pub(super) fn finalizer_taken(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Held, anywhere(random));
    vec![
        create(one),
        Beat::Until(Condition::Follows(one)),
        Beat::Do(Action::Strip(one)),
        Beat::Must(Condition::Held(one)),
        Beat::Do(Action::Delete(one)),
        Beat::Until(Condition::Gone(one)),
    ]
}

pub(super) fn restored(random: &mut Rng, cast: &mut Cast, variant: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Held, anywhere(random));
    vec![
        Beat::Do(Action::Create(one, Shape::Orphan)),
        Beat::Until(Condition::Follows(one)),
        Beat::Do(Action::Delete(one)),
        Beat::Until(Condition::Gone(one)),
        Beat::Do(Action::Restore(one, variant.is_multiple_of(2))),
        Beat::Until(Condition::Follows(one)),
        pause(300),
        Beat::Do(stop(one, random.usize(..2))),
        pause(1500),
    ]
}

pub(super) fn restored_forgotten(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Quick, anywhere(random));
    vec![Beat::Do(Action::RestoreForgotten(one))]
}
