//! What can happen in the [`super::world`], for proptest to choose from.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::account::Account;
use super::bench::spec;
use super::service::{Fault, Outages, Reading};
use super::site::ApiFault;
use super::world::{Event, Happening};
use crate::core::answer::ErrorClass;

pub(super) fn reading() -> impl Strategy<Value = Reading> {
    let lag = prop_oneof![Just(0), Just(5), Just(40)];
    let signature = prop_oneof![Just(300), Just(850)];
    (any::<bool>(), any::<bool>(), lag, signature).prop_map(
        |(replay_succeeds, used_token_exists, lag_seconds, signature_seconds)| Reading {
            replay_succeeds,
            used_token_exists,
            lag_seconds,
            signature_seconds,
        },
    )
}

/// With an id of its own or the default one, with a token of its own or the default one.
pub(super) fn manifest() -> impl Strategy<Value = Value> {
    let rarely = || prop_oneof![3 => Just(false), 1 => Just(true)];
    (any::<bool>(), rarely(), rarely()).prop_map(|(has_id, has_token, has_bounds)| {
        let mut spec = spec();
        let members = spec.as_object_mut().unwrap();
        if !has_id {
            members.remove("taskId");
        }
        if has_token {
            members.insert("clientRequestToken".to_owned(), json!("shared-token"));
        }
        if has_bounds {
            members.insert(
                "approval".to_owned(),
                json!({ "requiredAbove": { "findings": 2, "percent": 2 } }),
            );
        }
        spec
    })
}

/// How many seconds a clock is ahead of the time: right again, off by minutes as far as the service takes a request or
/// farther, by hours, days, months.
fn clock() -> impl Strategy<Value = i64> {
    const HOUR: i64 = 3_600;
    const DAY: i64 = 24 * HOUR;
    prop_oneof![
        4 => Just(0),
        3 => -400_i64..400,
        1 => -DAY..DAY,
        1 => -30 * DAY..30 * DAY,
        1 => -400 * DAY..400 * DAY,
    ]
}

/// Crashes, lost answers, stale caches: what an operator has to bear without anybody's doing.
fn event() -> impl Strategy<Value = Event> {
    let api_fault = prop_oneof![
        Just(ApiFault::LostBefore),
        Just(ApiFault::LostAfter),
        (0_i64..30).prop_map(ApiFault::Late),
    ];
    prop_oneof![
        16 => (1_u8..6).prop_map(Event::Work),
        4 => Just(Event::Crash),
        2 => Just(Event::ChangeLeader),
        3 => (1_u8..6).prop_map(Event::WorkOn),
        6 => Just(Event::See(0)),
        2 => (1_usize..5).prop_map(Event::See),
        4 => api_fault.prop_map(Event::Fail),
        2 => clock().prop_map(Event::SetClock),
        1 => clock().prop_map(Event::SetClockInCall),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        6 => common_fault(),
        // Who edits the request in the very moment between such an answer and the status can start another task.
        1 => Just(Fault::Twice),
    ]
}

fn common_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::LostBefore),
        Just(Fault::LostAfter),
        (0_i64..900).prop_map(Fault::Late),
        Just(Fault::Refused(ErrorClass::Throttled)),
        Just(Fault::Refused(ErrorClass::LimitExceeded)),
        Just(Fault::Refused(ErrorClass::AccessDenied)),
    ]
}

/// With refusals that only an edit gets over.
fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![6 => common_fault(), 1 => Just(Fault::Invalid)]
}

/// Nobody's doing, in one cluster.
pub(super) fn mishap() -> impl Strategy<Value = Happening> {
    prop_oneof![
        20 => event().prop_map(|event| Happening::At(0, event)),
        4 => prop_oneof![Just(1), Just(20), Just(70), Just(400), Just(1_000)].prop_map(Happening::Pass),
        4 => fault().prop_map(Happening::Fail),
        2 => outages().prop_map(Happening::Break),
    ]
}

/// What goes wrong with each call of an operation, for as long as it is not mended: refused for good, refused in a way
/// that the service doesn't document, errors of the service's own before and after their effect.
pub(super) fn outages() -> impl Strategy<Value = Outages> {
    let fault = || {
        prop_oneof![
            3 => Just(None),
            1 => Just(Some(Fault::Refused(ErrorClass::AccessDenied))),
            1 => Just(Some(Fault::Refused(ErrorClass::UnexpectedAnswer))),
            1 => Just(Some(Fault::LostBefore)),
            1 => Just(Some(Fault::LostAfter)),
        ]
    };
    (fault(), fault(), fault(), fault()).prop_map(|(start, describe, cancel, read)| Outages {
        start,
        describe,
        cancel,
        read,
    })
}

fn edit() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!({ "suspend": true })),
        Just(json!({ "suspend": null })),
        Just(json!({ "cancel": true })),
        Just(json!({ "taskId": "another" })),
        Just(json!({ "taskId": "fix-task" })),
        Just(json!({ "target": { "auditTaskId": "another" } })),
        Just(json!({ "clientRequestToken": "mine" })),
        Just(json!({ "clientRequestToken": null })),
        Just(json!({ "ttlSecondsAfterFinished": 86_400 })),
        Just(json!({ "activeDeadlineSeconds": 60 })),
        Just(json!({ "deletionPolicy": "Orphan" })),
    ]
}

/// Bounds and approvals that come and go; also one that nobody's plan ever had.
fn approval() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Approve),
        1 => Just(json!({ "approval": null })).prop_map(Event::Edit),
        1 => Just(json!({ "approval": {} })).prop_map(Event::Edit),
        1 => Just(json!({ "approval": { "plan": null } })).prop_map(Event::Edit),
        1 => Just(json!({ "approval": { "plan": "aaaaaaaaaaaaaaaa" } })).prop_map(Event::Edit),
        1 => Just(json!({ "approval": { "requiredAbove": { "findings": 1 } } })).prop_map(Event::Edit),
        1 => Just(json!({ "approval": { "requiredAbove": { "percent": 3 } } })).prop_map(Event::Edit),
        1 => Just(json!({ "approval": { "requiredAbove": null } })).prop_map(Event::Edit),
    ]
}

/// What plans are made of: none to a few findings, redefined now and then, an audit that has ended most of the time.
fn account() -> impl Strategy<Value = Account> {
    let in_progress = prop_oneof![4 => Just(false), 1 => Just(true)];
    (0_u8..5, 0_u8..2, in_progress).prop_map(|(findings, definition, is_in_progress)| Account {
        findings,
        definition,
        is_in_progress,
    })
}

/// All that, and people who approve plans while what they are made of changes.
pub(super) fn anything_about_plans() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => anything(),
        2 => (0_usize..2, approval()).prop_map(|(at, event)| Happening::At(at, event)),
        1 => account().prop_map(Happening::Change),
    ]
}

/// The same in two clusters, and people who edit, delete, apply again, restore backups, or start tasks of their own;
/// and months that pass.
pub(super) fn anything() -> impl Strategy<Value = Happening> {
    let restore =
        (0_usize..2, 0_usize..12, any::<bool>()).prop_map(|(from, changes_ago, with_status)| Event::Restore {
            from,
            changes_ago,
            with_status,
        });
    let doing = prop_oneof![
        8 => edit().prop_map(Event::Edit),
        2 => Just(Event::Delete),
        4 => Just(Event::Apply),
        1 => restore,
        1 => (0_usize..12).prop_map(Event::RollBack),
    ];
    let event = prop_oneof![16 => event(), 5 => doing];
    let at = prop_oneof![2 => Just(0_usize), 1 => Just(1)];
    prop_oneof![
        24 => (at, event).prop_map(|(at, event)| Happening::At(at, event)),
        5 => prop_oneof![Just(1), Just(20), Just(70), Just(400), Just(1_000)].prop_map(Happening::Pass),
        1 => prop_oneof![Just(4_000), Just(50 * 86_400), Just(81 * 86_400), Just(91 * 86_400)].prop_map(Happening::Pass),
        5 => any_fault().prop_map(Happening::Fail),
        2 => outages().prop_map(Happening::Break),
        1 => any::<bool>().prop_map(|same| Happening::StartElsewhere { same }),
    ]
}
