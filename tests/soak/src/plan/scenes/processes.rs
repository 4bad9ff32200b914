//! Scenes about the operator's processes: killed, cut off, replaced, beside each other.

use fastrand::Rng;

use super::{change_of_mind, create, pause};
use crate::plan::{Action, Beat, Cast, Condition, Kind, Network, Site, TaskFault, Way, Who};

pub(super) fn two_clusters(_: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
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

pub(super) fn killed_before_answers(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
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

pub(super) fn late_request(_: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
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

/// A Start is answered when the status can't be written any more, and Cancels are due all the while that the lease isn't
/// surely held.
pub(super) fn leader_cut_off(_: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let started = cast.next(Kind::Long, Site::Here);
    let canceled = [(); 4].map(|()| cast.next(Kind::Held, Site::Here));
    let cut = Network::ApiServer(Way::Cut);
    let first = canceled.map(|one| [Beat::Do(Action::OnTask(TaskFault::CancelsThrottled, one)), create(one)]);
    let run = canceled.map(|one| Beat::Until(Condition::Follows(one)));
    let cancel = canceled.map(|one| {
        [
            Beat::Do(Action::Cancel(one)),
            Beat::Until(Condition::CancelCalled(one)),
            pause(400),
        ]
    });
    let then = [
        Beat::Do(Action::OnTask(TaskFault::StartIsSlow, started)),
        create(started),
        Beat::Until(Condition::StartCalled(started)),
        Beat::Do(Action::Network(Who::Leader, cut)),
        Beat::Until(Condition::LeaderChanged),
        pause(2000),
        Beat::Do(Action::MendNetwork(Who::Leader, cut)),
        Beat::Do(Action::MendTask(started)),
    ];
    let mend = canceled.map(|one| Beat::Do(Action::MendTask(one)));
    [Beat::Until(Condition::Leads)]
        .into_iter()
        .chain(first.into_iter().flatten())
        .chain(run)
        .chain(cancel.into_iter().flatten())
        .chain(then)
        .chain(mend)
        .collect()
}

pub(super) fn api_server_down(_: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    let (running, new) = (cast.next(Kind::Long, Site::Here), cast.next(Kind::Quick, Site::Here));
    vec![
        create(running),
        Beat::Until(Condition::TaskExists(running)),
        Beat::Do(Action::ApiServerDown),
        create(new),
        Beat::Until(Condition::Leads),
    ]
}

pub(super) fn rollout(_: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
    vec![
        Beat::Until(Condition::Leads),
        create(cast.next(Kind::Long, Site::Here)),
        Beat::Do(Action::Kill(Who::Standby)),
        Beat::Do(Action::Terminate(Who::Leader)),
        Beat::Until(Condition::LeaderChanged),
    ]
}

pub(super) fn leader_killed(random: &mut Rng, cast: &mut Cast, _: usize) -> Vec<Beat> {
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
