//! What comes after the opening: single actions and scenes at random times.

use std::time::Duration;

use fastrand::Rng;

use super::{
    Action, Beat, Cast, Deed, MANIFESTS, Manifest, Network, Scene, ServiceFault, Shape, Way, Who, is_born_suspended,
    scenes::SCENES,
};

/// The longest wait between two of them.
const LONGEST_WAIT_MILLIS: u64 = 500;

pub(super) fn random(random: &mut Rng, cast: &mut Cast, length: Duration) -> Vec<(Duration, Scene)> {
    let mut at = Duration::ZERO;
    let mut scenes = Vec::new();
    loop {
        at += Duration::from_millis(random.u64(20..LONGEST_WAIT_MILLIS));
        // Drawn in any case, so that nothing depends on the length.
        let scene = scene(random, cast);
        if at >= length {
            return scenes;
        }
        scenes.push((at, scene));
    }
}

fn scene(random: &mut Rng, cast: &mut Cast) -> Scene {
    let whole = random.u32(..100) < 6;
    match SCENES.get(random.usize(..SCENES.len())) {
        Some(kit) if whole => {
            let variant = random.usize(..100);
            kit.scene(random, cast, variant)
        }
        _ => Scene {
            name: None,
            beats: vec![Beat::Do(action(random))],
        },
    }
}

fn action(random: &mut Rng) -> Action {
    let number = random.usize(..MANIFESTS);
    let manifest = Manifest::numbered(number);
    let suspended = Manifest::numbered(number / 6 * 6 + 5);
    let who = [Who::Leader, Who::Standby, Who::Elsewhere];
    let who = *random.choice(&who).unwrap_or(&Who::Leader);
    match random.u32(..100) {
        0..18 => Action::OfPolicies(Deed::random(random)),
        18..40 => {
            let shape = if is_born_suspended(number) {
                Shape::Suspended
            } else {
                Shape::Plain
            };
            Action::Create(manifest, shape)
        }
        40..44 => Action::Edit(suspended),
        44..46 => Action::Edit(manifest),
        46..50 => Action::Suspend(suspended, false),
        50..53 => Action::Suspend(manifest, true),
        53..57 => Action::Cancel(manifest),
        57..69 => Action::Delete(manifest),
        69..73 => Action::Stranger {
            manifest,
            same_request: random.bool(),
        },
        73 => Action::Kill(who),
        74..76 => Action::Terminate(who),
        76..85 => {
            let fault = random.choice(&ServiceFault::ALL).copied();
            fault.map_or(Action::MendService, |fault| Action::Service(fault, random.u64(..)))
        }
        85..90 => {
            let way = random.choice(&Way::ALL).copied().unwrap_or(Way::Cut);
            let network = if random.bool() {
                Network::ApiServer(way)
            } else {
                Network::Service(way)
            };
            Action::Network(who, network)
        }
        90..95 => Action::MendService,
        _ => Action::MendAll,
    }
}
