//! Scenes: what people and faults do one after the other, each aimed at a protection.

use std::time::Duration;

use fastrand::Rng;

use super::{
    Action, Beat, Cast, Condition, Kind, Loss, Manifest, Network, Shape, Site, TaskFault, Way, Who,
    kit::{Kit, Stage, kit},
};

pub(super) const SCENES: &[Kit] = &[
    kit("each kind of task", Stage::Resources, 1, each_kind),
    kit("suspended, edited, resumed", Stage::Resources, 1, edited_then_resumed),
    kit("deleted and created again", Stage::Resources, 1, created_again),
    kit("more than the slots", Stage::Resources, 1, more_than_the_slots),
    kit("a stranger was first", Stage::Resources, 2, stranger_first),
    kit(
        "a stranger's other request was first",
        Stage::Resources,
        1,
        stranger_differs,
    ),
    kit("a token of people's own", Stage::Resources, 2, own_token),
    kit("an answer is lost, and minds change", Stage::Resources, 6, answer_lost),
    kit(
        "a start never arrives, and minds change",
        Stage::Resources,
        2,
        never_arrives,
    ),
    kit("starts are throttled", Stage::Resources, 1, starts_throttled),
    kit("a request is refused", Stage::Resources, 1, refused),
    kit("the finalizer is taken off", Stage::Resources, 1, finalizer_taken),
    kit("a running task's resource is restored", Stage::Resources, 2, restored),
    kit(
        "a forgotten task's resource is restored",
        Stage::Resources,
        1,
        restored_forgotten,
    ),
    kit("two clusters, one task", Stage::Elsewhere, 1, two_clusters),
    kit("killed before the answers", Stage::Elsewhere, 1, killed_before_answers),
    kit("a request arrives late", Stage::Elsewhere, 1, late_request),
    kit("the leader is cut off", Stage::Leader, 1, leader_cut_off),
    kit("the API server goes down", Stage::Leader, 1, api_server_down),
    kit("a rollout", Stage::Leader, 1, rollout),
    kit("the leader is killed", Stage::Leader, 0, leader_killed),
];

fn anywhere(random: &mut Rng) -> Site {
    if random.bool() { Site::Elsewhere } else { Site::Here }
}

fn pause(millis: u64) -> Beat {
    Beat::Pause(Duration::from_millis(millis))
}

fn create(manifest: Manifest) -> Beat {
    Beat::Do(Action::Create(manifest, Shape::Plain))
}

/// People want the task no longer, or another.
fn change_of_mind(manifest: Manifest, variant: usize) -> Action {
    match variant % 4 {
        0 => Action::Suspend(manifest, true),
        1 => Action::Delete(manifest),
        2 => Action::Edit(manifest),
        _ => Action::Cancel(manifest),
    }
}

fn stop(manifest: Manifest, variant: usize) -> Action {
    if variant.is_multiple_of(2) {
        Action::Delete(manifest)
    } else {
        Action::Cancel(manifest)
    }
}

fn each_kind(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let mut kinds = [Kind::Quick, Kind::Failing, Kind::Unnamed, Kind::Long];
    random.shuffle(&mut kinds);
    let site = anywhere(random);
    kinds.map(|kind| create(cast.next(kind, site))).into()
}

fn edited_then_resumed(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Quick, anywhere(random));
    vec![
        Beat::Do(Action::Create(one, Shape::Suspended)),
        pause(random.u64(..1000)),
        Beat::Do(Action::Edit(one)),
        Beat::Do(Action::Suspend(one, false)),
        Beat::Until(Condition::TaskExists(one)),
    ]
}

fn created_again(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
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

fn more_than_the_slots(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let site = anywhere(random);
    let all = [(); 12].map(|()| cast.next(Kind::Held, site));
    let created = all.iter().copied().map(create);
    let canceled = all.iter().rev().take(2).map(|last| Beat::Do(Action::Cancel(*last)));
    created.chain([pause(6000)]).chain(canceled).collect()
}

fn stranger_first(random: &mut Rng, cast: &mut Cast, variant: usize) -> Vec<Beat> {
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

fn stranger_differs(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
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

fn own_token(random: &mut Rng, cast: &mut Cast, variant: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Held, anywhere(random));
    vec![
        Beat::Do(Action::Create(one, Shape::OwnToken)),
        Beat::Until(Condition::Follows(one)),
        Beat::Do(stop(one, variant)),
        pause(1500),
    ]
}

fn answer_lost(random: &mut Rng, cast: &mut Cast, variant: usize) -> Vec<Beat> {
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
fn never_arrives(random: &mut Rng, cast: &mut Cast, variant: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Long, anywhere(random));
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

fn starts_throttled(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let all = [(); 3].map(|()| cast.next(Kind::Quick, anywhere(random)));
    let throttled = all.map(|one| Beat::Do(Action::OnTask(TaskFault::StartsThrottled, one)));
    let exist = all.map(|one| Beat::Until(Condition::TaskExists(one)));
    throttled.into_iter().chain(all.map(create)).chain(exist).collect()
}

fn refused(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
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

fn finalizer_taken(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
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

fn restored(random: &mut Rng, cast: &mut Cast, variant: usize) -> Vec<Beat> {
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

fn restored_forgotten(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let one = cast.next(Kind::Quick, anywhere(random));
    vec![Beat::Do(Action::RestoreForgotten(one))]
}

fn two_clusters(_: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let here = cast.next(Kind::Held, Site::Here);
    let elsewhere = here.at(Site::Elsewhere);
    vec![
        create(here),
        Beat::Until(Condition::Follows(here)),
        create(elsewhere),
        Beat::Until(Condition::Follows(elsewhere)),
        Beat::Do(Action::Delete(elsewhere)),
        Beat::Until(Condition::Gone(elsewhere)),
        Beat::Do(Action::Delete(here)),
    ]
}

fn killed_before_answers(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let all = [(); 4].map(|()| cast.next(Kind::Long, Site::Elsewhere));
    let hanging = all.map(|one| [Beat::Do(Action::OnTask(TaskFault::StartHangs, one)), create(one)]);
    let exist = all.map(|one| Beat::Until(Condition::TaskExists(one)));
    let mut changes = [0, 1, 2, 3].map(|variant| (all.get(variant).copied(), variant));
    random.shuffle(&mut changes);
    let changes = changes
        .into_iter()
        .filter_map(|(one, variant)| Some(Beat::Do(change_of_mind(one?, variant))));
    let kill = Beat::Do(Action::Kill(Who::Elsewhere));
    hanging
        .into_iter()
        .flatten()
        .chain(exist)
        .chain(changes)
        .chain([kill])
        .collect()
}

fn late_request(_: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let (changed, kept) = (
        cast.next(Kind::Long, Site::Elsewhere),
        cast.next(Kind::Long, Site::Elsewhere),
    );
    vec![
        Beat::Do(Action::Network(Who::Elsewhere, Network::Service(Way::RequestsHeld))),
        create(changed),
        create(kept),
        Beat::Until(Condition::Recorded(changed)),
        Beat::Until(Condition::Recorded(kept)),
        Beat::Until(Condition::OnTheirWay(2)),
        pause(1000),
        Beat::Do(Action::Suspend(changed, true)),
        Beat::Do(Action::KillAndStrand(Who::Elsewhere)),
        pause(2500),
        Beat::Do(Action::Deliver),
        Beat::Until(Condition::TaskExists(changed)),
    ]
}

/// A Start is answered when the status can't be written any more, and a Cancel is due when the lease isn't held.
fn leader_cut_off(_: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let (started, canceled) = (cast.next(Kind::Long, Site::Here), cast.next(Kind::Held, Site::Here));
    let cut = Network::ApiServer(Way::Cut);
    vec![
        Beat::Until(Condition::Leads),
        create(canceled),
        Beat::Until(Condition::Follows(canceled)),
        Beat::Do(Action::OnTask(TaskFault::CancelsThrottled, canceled)),
        Beat::Do(Action::Cancel(canceled)),
        Beat::Until(Condition::CancelCalled(canceled)),
        Beat::Do(Action::OnTask(TaskFault::StartIsSlow, started)),
        create(started),
        Beat::Until(Condition::StartCalled(started)),
        Beat::Do(Action::Network(Who::Leader, cut)),
        Beat::Until(Condition::LeaderChanged),
        pause(2000),
        Beat::Do(Action::MendNetwork(Who::Leader, cut)),
        Beat::Do(Action::MendTask(started)),
        Beat::Do(Action::MendTask(canceled)),
    ]
}

fn api_server_down(_: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let (running, new) = (cast.next(Kind::Long, Site::Here), cast.next(Kind::Quick, Site::Here));
    vec![
        create(running),
        Beat::Until(Condition::TaskExists(running)),
        Beat::Do(Action::ApiServerDown),
        create(new),
        Beat::Until(Condition::Leads),
    ]
}

fn rollout(_: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    vec![
        Beat::Until(Condition::Leads),
        create(cast.next(Kind::Long, Site::Here)),
        Beat::Do(Action::Kill(Who::Standby)),
        Beat::Do(Action::Terminate(Who::Leader)),
        Beat::Until(Condition::LeaderChanged),
    ]
}

fn leader_killed(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let all = [(); 3].map(|()| cast.next(Kind::Long, Site::Here));
    let hanging = all.map(|one| [Beat::Do(Action::OnTask(TaskFault::StartHangs, one)), create(one)]);
    let exist = all.map(|one| Beat::Until(Condition::TaskExists(one)));
    let changes = all.map(|one| Beat::Do(change_of_mind(one, random.usize(..4))));
    let kill = [
        Beat::Do(Action::Kill(Who::Leader)),
        Beat::Until(Condition::LeaderChanged),
    ];
    [Beat::Until(Condition::Leads)]
        .into_iter()
        .chain(hanging.into_iter().flatten())
        .chain(exist)
        .chain(changes)
        .chain(kill)
        .collect()
}
