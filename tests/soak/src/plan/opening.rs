//! The opening: whatever the seed, each kind of scene and fault comes once, so that none is left to chance.

use std::time::Duration;

use fastrand::Rng;

use super::{
    Action, Beat, Cast, Kind, Network, Scene, Schedule, ServiceFault, Shape, Site, TaskFault, Way, Who,
    kit::Stage,
    scenes::{SCENES, founding},
};

/// How many scenes about resources of their own play at a time.
const RESOURCE_LANES: usize = 9;

/// Lanes that keep out of each other's way: whatever one does to a wire no other mends.
pub(super) fn opening(random: &mut Rng, cast: &mut Cast) -> Vec<Vec<Scene>> {
    let mut lanes = vec![
        of_stage(Stage::Leader, random, cast),
        of_stage(Stage::Elsewhere, random, cast),
        weather(random, cast),
    ];
    let mut resources = of_stage(Stage::Resources, random, cast).into_iter().peekable();
    let each = resources.len().div_ceil(RESOURCE_LANES);
    while resources.peek().is_some() {
        lanes.push(resources.by_ref().take(each).collect());
    }
    lanes.extend(Schedule::ALL.map(|schedule| {
        let found = Scene {
            name: None,
            beats: founding(schedule),
        };
        let scenes = of_stage(Stage::Schedule(schedule), random, cast);
        [found].into_iter().chain(scenes).collect()
    }));
    lanes
}

fn of_stage(stage: Stage, random: &mut Rng, cast: &mut Cast) -> Vec<Scene> {
    let mut scenes = Vec::new();
    for kit in SCENES.iter().filter(|kit| kit.stage == stage) {
        scenes.extend((0..kit.in_opening).map(|variant| kit.scene(random, cast, variant)));
    }
    random.shuffle(&mut scenes);
    scenes
}

/// Every fault that can strike everybody, for about a second each. Those of single calls strike two tasks of their own
/// here, or all scenes would wait most of the time.
fn weather(random: &mut Rng, cast: &mut Cast) -> Vec<Scene> {
    let mut faults: Vec<Scene> = ServiceFault::ALL.map(|fault| class(fault, random, cast)).into();
    for way in Way::ALL {
        let to_service = (Who::Leader, Network::Service(way));
        let to_apiserver = (Who::Elsewhere, Network::ApiServer(way));
        faults.extend([to_service, to_apiserver].map(|(who, network)| {
            spell(
                Action::Network(who, network),
                Action::MendNetwork(who, network),
                random.u64(400..1400),
            )
        }));
    }
    random.shuffle(&mut faults);
    faults
}

fn class(fault: ServiceFault, random: &mut Rng, cast: &mut Cast) -> Scene {
    let millis = random.u64(400..1400);
    if !fault.is_of_calls() {
        return spell(Action::Service(fault, 0), Action::MendService, millis);
    }
    let ones = [Kind::Quick, Kind::Long].map(|kind| cast.next(kind, Site::Here));
    let strike = ones.map(|one| Beat::Do(Action::OnTask(TaskFault::Like(fault, random.u64(..)), one)));
    let create = ones.map(|one| Beat::Do(Action::Create(one, Shape::Plain)));
    let [_, long] = ones;
    let cancel = [
        Beat::Pause(Duration::from_millis(millis)),
        Beat::Do(Action::Cancel(long)),
        Beat::Pause(Duration::from_millis(millis)),
    ];
    let mend = ones.map(|one| Beat::Do(Action::MendTask(one)));
    // An attempt that was cancelled while it was open would keep its slot for a quarter of an hour.
    let delete = [Beat::Do(Action::Delete(long))];
    Scene {
        name: None,
        beats: strike
            .into_iter()
            .chain(create)
            .chain(cancel)
            .chain(mend)
            .chain(delete)
            .collect(),
    }
}

fn spell(begin: Action, end: Action, millis: u64) -> Scene {
    let pause = Beat::Pause(Duration::from_millis(millis));
    Scene {
        name: None,
        beats: vec![Beat::Do(begin), pause, Beat::Do(end)],
    }
}
