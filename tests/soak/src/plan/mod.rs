//! What is done, as a function of the seed alone: first every kind of scene and fault once, in a random order, then
//! whatever comes.

mod faults;
mod kit;
mod opening;
mod policies;
mod random;
mod scenes;
mod words;

use std::time::Duration;

use fastrand::Rng;

pub(crate) use self::{
    faults::{Loss, Network, ServiceFault, TaskFault, Way},
    policies::{Age, Deed, Edit, Place, Policy, Schedule, Sight},
    words::{everything, is_scene, of_scene},
};

/// How many manifests the random actions are about; each has its own name and lives several lives.
pub(crate) const MANIFESTS: usize = 24;

/// Every sixth of them is created suspended: what is suspended can still be edited.
pub(crate) fn is_born_suspended(number: usize) -> bool {
    number < MANIFESTS && number % 6 == 5
}

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// Each lane plays its scenes one after the other, all lanes at the same time.
    pub(crate) opening: Vec<Vec<Scene>>,
    /// What begins after the opening, and when, from then on.
    pub(crate) then: Vec<(Duration, Scene)>,
}

/// The plan of a seed. A longer one begins with the shorter one.
pub(crate) fn plan(seed: u64, length: Duration) -> Plan {
    let mut random = Rng::with_seed(seed);
    let mut cast = Cast::default();
    Plan {
        opening: opening::opening(&mut random, &mut cast),
        then: random::random(&mut random, &mut cast, length),
    }
}

/// Things that are done one after the other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scene {
    /// What it is about, in words; single actions have none.
    pub(crate) name: Option<&'static str>,
    pub(crate) beats: Vec<Beat>,
}

impl Scene {
    /// The manifests that it creates.
    pub(crate) fn creates(&self) -> impl Iterator<Item = Manifest> {
        self.beats.iter().filter_map(|beat| match beat {
            Beat::Do(Action::Create(manifest, _)) => Some(*manifest),
            _ => None,
        })
    }

    /// What it does to the network.
    pub(crate) fn cuts(&self) -> impl Iterator<Item = (Who, Network)> {
        self.beats.iter().filter_map(|beat| match beat {
            Beat::Do(Action::Network(who, network)) => Some((*who, *network)),
            _ => None,
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Beat {
    Do(Action),
    /// Waits until this holds; a scene for which it doesn't in time is broken off.
    Until(Condition),
    /// The same, and that it holds in time is one of the promises.
    Must(Condition),
    Pause(Duration),
}

/// Hands out manifests that no other scene is about.
#[derive(Debug, Default)]
pub(crate) struct Cast(usize);

impl Cast {
    fn next(&mut self, kind: Kind, site: Site) -> Manifest {
        self.0 += 1;
        Manifest {
            number: MANIFESTS + self.0,
            kind,
            site,
        }
    }
}

/// What people keep in a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Manifest {
    pub(crate) number: usize,
    pub(crate) kind: Kind,
    pub(crate) site: Site,
}

impl Manifest {
    /// One of those that the random actions are about.
    fn numbered(number: usize) -> Self {
        let kind = match number % 4 {
            0 => Kind::Quick,
            1 => Kind::Long,
            2 => Kind::Failing,
            _ => Kind::Unnamed,
        };
        Self {
            number,
            kind,
            site: Site::Here,
        }
    }

    /// The same manifest, applied elsewhere.
    fn at(self, site: Site) -> Self {
        Self { site, ..self }
    }
}

/// What becomes of a manifest's task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Quick,
    Long,
    Failing,
    /// Runs until it is cancelled.
    Held,
    /// Quick, and under the id that the operator makes up.
    Unnamed,
}

/// Where a manifest is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Site {
    /// Two replicas that elect a leader.
    Here,
    /// What is as good as another cluster of the same account: an operator of its own that knows nothing of the
    /// first, with one replica and without a lease.
    Elsewhere,
}

/// Something that people, the network, or the service do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action {
    /// Creates the manifest's resource; again, where it was deleted.
    Create(Manifest, Shape),
    /// Edits the audit that the resource is about.
    Edit(Manifest),
    Suspend(Manifest, bool),
    Cancel(Manifest),
    Delete(Manifest),
    /// Takes the finalizer off by hand.
    Strip(Manifest),
    /// Creates the resource anew from a backup: with its annotations, and with its status or without.
    Restore(Manifest, bool),
    /// Creates a resource from a backup that is older than the service's memory.
    RestoreForgotten(Manifest),
    /// Somebody else starts the id that the manifest names, with the same request or another.
    Stranger {
        manifest: Manifest,
        same_request: bool,
    },
    /// SIGKILL, and a new process.
    Kill(Who),
    /// The same; what the old one has sent to the service and has not arrived yet is still on its way.
    KillAndStrand(Who),
    /// What is still on its way arrives.
    Deliver,
    /// SIGTERM, and a new process.
    Terminate(Who),
    /// Strikes everybody; the number makes its chances repeatable.
    Service(ServiceFault, u64),
    MendService,
    /// Strikes the calls for one manifest's tasks.
    OnTask(TaskFault, Manifest),
    MendTask(Manifest),
    Network(Who, Network),
    /// Ends what this did.
    MendNetwork(Who, Network),
    /// Ends all faults.
    MendAll,
    /// The API server and etcd are killed and come back, and etcd has forgotten the old versions.
    ApiServerDown,
    OfPolicies(Deed),
}

/// What is special about a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Plain,
    Suspended,
    /// With a token that people chose.
    OwnToken,
    /// Its task is left alone when it is deleted.
    Orphan,
}

/// Which process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Leader,
    Standby,
    Elsewhere,
}

/// What a scene waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The status names a task, and says that it runs.
    Follows(Manifest),
    /// The phase is Conflict.
    Conflicts(Manifest),
    /// The phase is Rejected.
    IsRejected(Manifest),
    /// The status shows an attempt that is open.
    IsOpen(Manifest),
    /// The start record is written.
    Recorded(Manifest),
    /// The finalizer is on.
    Held(Manifest),
    /// The resource is gone.
    Gone(Manifest),
    /// The service has the task.
    TaskExists(Manifest),
    /// A Start for it has arrived.
    StartCalled(Manifest),
    /// A Cancel for it has arrived.
    CancelCalled(Manifest),
    /// All slots of the site are taken.
    Full(Site),
    /// So many requests of the process elsewhere are held up on their way to the service.
    OnTheirWay(usize),
    /// Another process leads than when something was last done to a leader.
    LeaderChanged,
    /// Somebody leads.
    Leads,
    OfPolicies(Sight),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn actions(plan: &Plan) -> impl Iterator<Item = &Action> {
        let scenes = plan
            .opening
            .iter()
            .flatten()
            .chain(plan.then.iter().map(|(_, scene)| scene));
        scenes.flat_map(|scene| &scene.beats).filter_map(|beat| match beat {
            Beat::Do(action) => Some(action),
            _ => None,
        })
    }

    #[test]
    fn a_plan_follows_from_its_seed_and_a_longer_one_begins_with_it() {
        let (short, long) = (Duration::from_secs(20), Duration::from_mins(10));
        let all = plan(1, long);
        let first = plan(1, short);
        assert_eq!(first, plan(1, short));
        assert_eq!(all.opening, first.opening);
        assert!(all.then.starts_with(&first.then));
        assert!(first.then.len() > 40, "{}", first.then.len());
        assert_ne!(plan(2, short).opening, first.opening);
        assert_ne!(plan(2, short).then, first.then);
        assert!(
            all.then
                .iter()
                .any(|(_, scene)| matches!(scene.beats.as_slice(), [Beat::Do(Action::Edit(manifest))] if is_born_suspended(manifest.number)))
        );
    }

    #[test]
    fn the_opening_alone_tries_everything() {
        for seed in 0..200 {
            let opening = plan(seed, Duration::ZERO);
            assert!(opening.then.is_empty());
            let scenes = opening.opening.iter().flatten().filter_map(|scene| scene.name);
            let tried: BTreeSet<_> = actions(&opening)
                .map(Action::words)
                .chain(scenes.map(of_scene))
                .collect();
            let left: Vec<_> = everything().into_iter().filter(|what| !tried.contains(what)).collect();
            assert!(left.is_empty(), "seed {seed}: {left:?}");
        }
    }
}
