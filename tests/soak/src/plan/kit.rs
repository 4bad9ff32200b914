//! What a kind of scene is.

use fastrand::Rng;

use super::{Beat, Cast, Scene, Schedule};

/// Which scenes must not play at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is about some resources of its own.
    Resources,
    /// It kills the process elsewhere, or cuts its wires.
    Elsewhere,
    /// It does something to the leader, or to the API server.
    Leader,
    /// It is about the policies of a schedule.
    Schedule(Schedule),
}

/// A kind of scene.
pub(super) struct Kit {
    pub(super) name: &'static str,
    pub(super) stage: Stage,
    /// How often it comes in the opening, each time in another variant.
    pub(super) in_opening: usize,
    /// The beats of a variant.
    build: fn(&mut Rng, &mut Cast, usize) -> Vec<Beat>,
}

impl Kit {
    pub(super) fn scene(&self, random: &mut Rng, cast: &mut Cast, variant: usize) -> Scene {
        Scene {
            name: Some(self.name),
            beats: (self.build)(random, cast, variant),
        }
    }
}

pub(super) const fn kit(
    name: &'static str,
    stage: Stage,
    in_opening: usize,
    build: fn(&mut Rng, &mut Cast, usize) -> Vec<Beat>,
) -> Kit {
    Kit {
        name,
        stage,
        in_opening,
        build,
    }
}
