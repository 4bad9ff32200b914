//! Scenes: what people and faults do one after the other, each aimed at a protection.

mod policies;
mod processes;
mod resources;

use std::time::Duration;

use fastrand::Rng;

use super::{
    Action, Beat, Manifest, Schedule, Shape, Site,
    kit::{Kit, Stage, kit},
};
pub(super) use policies::founding;
use policies::{
    approved, audit_meanwhile, bounds_edited, ends_later, killed_at_an_audit, looks_fail, made_again, superseded,
    suspended, two_of_a_schedule,
};
use processes::{
    api_server_down, killed_before_answers, late_request, leader_cut_off, leader_killed, rollout, two_clusters,
};
use resources::{
    answer_lost, created_again, each_kind, edited_then_resumed, finalizer_taken, more_than_the_slots, never_arrives,
    own_token, refused, restored, restored_forgotten, starts_throttled, stranger_differs, stranger_first,
};

const EXPIRING: Stage = Stage::Schedule(Schedule::Expiring);
const REVOKED: Stage = Stage::Schedule(Schedule::Revoked);
const SHARED: Stage = Stage::Schedule(Schedule::Shared);

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
    kit("the leader is killed at an audit", Stage::Leader, 0, killed_at_an_audit),
    kit("two policies of a schedule", EXPIRING, 1, two_of_a_schedule),
    kit("bounds are edited while a task waits", EXPIRING, 1, bounds_edited),
    kit("an audit while looks fail", EXPIRING, 1, looks_fail),
    kit("a plan is approved", REVOKED, 2, approved),
    kit("a task that waits is superseded", REVOKED, 2, superseded),
    kit("audits while a task runs", SHARED, 1, audit_meanwhile),
    kit("a policy is suspended, resumed and edited", SHARED, 1, suspended),
    kit("an audit ends later", SHARED, 2, ends_later),
    kit("a policy is made again", SHARED, 1, made_again),
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
