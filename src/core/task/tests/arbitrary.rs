//! Any resource, memory and time: also ones that no life leads to.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::bench::{REGION, TASK, at, failure, spec, start, start_of_time, task};
use super::store::{Store, UID};
use crate::api::{FINALIZER, Phase, Reason, START_RECORD_ANNOTATION, StartRecord, StartedBy};
use crate::core::answer::{Described, Effect, ErrorClass, FailedActions, Operation, TaskState};
use crate::core::queue::Admission;
use crate::core::task::attempt::{AttemptAnswer, KnownAttempt};
use crate::core::task::known_task::KnownTask;
use crate::core::task::memory::{CancelOutcome, LastCancel, LastDescribe, Memory};
use crate::core::task::observation::Settings;
use crate::core::task::plan_memory::PlanMemory;
use crate::core::task::retry::{Moment, Retries};
use crate::core::task::status::draft::StatusDraft;
use crate::core::task::status::subject::TaskIn;
use crate::core::timing::Now;

/// Everything that a decision is made from.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) store: Store,
    pub(super) memory: Memory,
    pub(super) settings: Settings,
    pub(super) known_since: Timestamp,
    pub(super) is_claimed_by_older: bool,
    pub(super) is_fresh: bool,
    pub(super) admission: Admission,
    pub(super) now: Now,
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let outside = (
        stored(),
        any::<bool>(),
        admission(),
        prop_oneof![Just(Some(REGION.to_owned())), Just(None)],
    );
    (outside, ago(), prop_oneof![4 => Just(false), 1 => Just(true)]).prop_flat_map(
        |((store, is_fresh, admission, default_region), known_since, is_claimed_by_older)| {
            let record = store.observed().record;
            memory(record).prop_map(move |memory| Case {
                store: store.clone(),
                memory,
                settings: Settings {
                    default_region: default_region.clone(),
                    ..super::bench::settings()
                },
                known_since,
                is_claimed_by_older,
                is_fresh,
                admission,
                now: start(),
            })
        },
    )
}

/// Times before now, around every limit there is.
fn ago() -> impl Strategy<Value = Timestamp> {
    let seconds = prop_oneof![
        Just(0),
        Just(1),
        30_i64..70,
        Just(590),
        800_i64..1_000,
        Just(3_000),
        Just(4_000),
        Just(90_000),
        Just(79 * 86_400),
        Just(81 * 86_400),
        Just(95 * 86_400),
    ];
    seconds.prop_map(|seconds| start_of_time() - SignedDuration::from_secs(seconds))
}

fn soon() -> impl Strategy<Value = Timestamp> {
    prop_oneof![Just(-3_000_i64), Just(0), Just(500), Just(90_000)]
        .prop_map(|millis| start_of_time() + SignedDuration::from_millis(millis))
}

fn admission() -> impl Strategy<Value = Admission> {
    prop_oneof![
        4 => Just(Admission::Free),
        1 => Just(Admission::Behind { ahead: 3, namespaces: 1 }),
        1 => Just(Admission::Paced { ahead: 2, namespaces: 1, until: (start() + SignedDuration::from_secs(2)).monotonic }),
        1 => Just(Admission::Paced { ahead: 20, namespaces: 3, until: (start() + SignedDuration::from_secs(9)).monotonic }),
        1 => Just(Admission::LimitedUntil((start() + SignedDuration::from_secs(9)).monotonic)),
    ]
}

fn desired() -> impl Strategy<Value = Value> {
    let maybe = |name: &'static str, value: Value| prop_oneof![3 => Just(None), 1 => Just(Some((name, value)))];
    let members = (
        maybe("suspend", json!(true)),
        maybe("cancel", json!(true)),
        maybe("deletionPolicy", json!("Orphan")),
        maybe("activeDeadlineSeconds", json!(600)),
        maybe("ttlSecondsAfterFinished", json!(600)),
        maybe("clientRequestToken", json!("mine")),
        maybe("region", json!("us-east-1")),
        maybe("taskId", json!("edited")),
        prop_oneof![15 => Just(None), 1 => Just(Some(("target", json!("nonsense"))))],
    );
    members.prop_map(|(a, b, c, d, e, f, g, h, i)| {
        let mut spec = spec();
        for (name, value) in [a, b, c, d, e, f, g, h, i].into_iter().flatten() {
            spec[name] = value;
        }
        spec
    })
}

/// A resource with any status that can be written, and any record.
fn stored() -> impl Strategy<Value = Store> {
    let metadata = (
        any::<bool>(),
        prop_oneof![3 => Just(None), 1 => ago().prop_map(Some)],
        ago(),
    );
    (
        desired(),
        metadata,
        prop::option::of(status()),
        0_u8..5,
        ago(),
        any::<bool>(),
    )
        .prop_map(
            |(spec, (has_finalizer, deleting, created), status, record, recorded, is_observed)| {
                let mut store = Store::create(&spec, created);
                let observed = store.observed();
                if let Some(draft) = status {
                    let status = draft.status_to_write(&observed, None, created).unwrap();
                    store.force(&json!({ "status": status }));
                }
                let hash = observed
                    .desired
                    .map_or_else(|_| "none".to_owned(), |desired| desired.request_hash);
                let asked = store.json()["spec"]["taskId"].as_str().unwrap().to_owned();
                let (uid, task_id, request_hash) = match record {
                    0 => return finish(store, has_finalizer, deleting, is_observed),
                    1 | 2 => (UID, asked, hash),
                    3 => ("another-uid", asked, hash),
                    _ => (UID, TASK.to_owned(), "another-hash".to_owned()),
                };
                let record = StartRecord {
                    task_id,
                    token: if recorded.as_second() % 2 == 0 {
                        UID.to_owned()
                    } else {
                        "mine".to_owned()
                    },
                    request_hash,
                    region: REGION.to_owned(),
                    uid: uid.to_owned(),
                    time: recorded,
                };
                let text = serde_json::to_string(&record).unwrap();
                store.force(&json!({ "metadata": { "annotations": { START_RECORD_ANNOTATION: text } } }));
                finish(store, has_finalizer, deleting, is_observed)
            },
        )
}

fn finish(mut store: Store, has_finalizer: bool, deleting: Option<Timestamp>, is_observed: bool) -> Store {
    let finalizers = if has_finalizer {
        json!([FINALIZER])
    } else {
        json!(["somebody/else"])
    };
    let generation = if is_observed { 1 } else { 2 };
    store.force(&json!({ "metadata": { "finalizers": finalizers, "generation": generation } }));
    if let Some(time) = deleting {
        store.delete(time);
    }
    store
}

/// What a status that this operator wrote can say: the phases with the tasks and reasons that go with them.
fn status() -> impl Strategy<Value = StatusDraft> {
    let phase = prop_oneof![
        Just((Phase::Pending, Reason::Throttled, false)),
        Just((Phase::Queued, Reason::Queued, false)),
        Just((Phase::Suspended, Reason::Suspended, false)),
        Just((Phase::Canceled, Reason::CanceledBeforeStart, false)),
        Just((Phase::Rejected, Reason::InvalidRequest, false)),
        Just((Phase::Unknown, Reason::TokenInUse, false)),
        Just((Phase::Unknown, Reason::TaskExpired, false)),
        Just((Phase::Running, Reason::InProgress, true)),
        Just((Phase::Canceling, Reason::CanceledBySpec, true)),
        Just((Phase::Canceling, Reason::CanceledByDeletion, true)),
        Just((Phase::Completed, Reason::Completed, true)),
        Just((Phase::Failed, Reason::ActionsFailed, true)),
        Just((Phase::Canceled, Reason::CanceledElsewhere, true)),
        Just((Phase::Conflict, Reason::TaskDiffers, true)),
        Just((Phase::Unknown, Reason::TaskNotFound, true)),
        Just((Phase::Unknown, Reason::TaskExpired, true)),
    ];
    let owner = (any::<bool>(), any::<bool>());
    (
        phase,
        owner,
        prop::option::of(soon()),
        any::<bool>(),
        prop::option::of(described()),
    )
        .prop_map(
            |((phase, reason, has_task), (by_us, own_token), next, attempt, described)| {
                let known = KnownTask {
                    task_id: TASK.to_owned(),
                    region: REGION.to_owned(),
                    token: if own_token { UID.to_owned() } else { "mine".to_owned() },
                    started_by: if by_us { StartedBy::This } else { StartedBy::Other },
                    reason: if by_us { Reason::Started } else { Reason::AlreadyExists },
                };
                let task = if has_task {
                    TaskIn::Known(known)
                } else {
                    TaskIn::Nowhere
                };
                let mut draft = StatusDraft::new(phase, reason, "as it was said").about(task);
                draft.next_attempt = next;
                draft.described = described.filter(|_| has_task);
                if phase == Phase::Pending && attempt {
                    draft.attempt = Some(StartRecord {
                        task_id: TASK.to_owned(),
                        token: UID.to_owned(),
                        request_hash: "another-hash".to_owned(),
                        region: REGION.to_owned(),
                        uid: UID.to_owned(),
                        time: start_of_time(),
                    });
                }
                draft
            },
        )
}

fn described() -> impl Strategy<Value = Described> {
    let state = prop_oneof![
        3 => Just(TaskState::InProgress),
        1 => Just(TaskState::Completed),
        1 => Just(TaskState::Failed),
        1 => Just(TaskState::Canceled),
        1 => Just(TaskState::Other("NEW".to_owned())),
    ];
    (state, prop::option::of(ago()), any::<bool>(), any::<bool>()).prop_map(|(state, start_time, shows, fails)| {
        let mut task = Described {
            start_time,
            ..task(state)
        };
        if !shows {
            task.target = None;
        }
        if fails {
            let counts = json!({ "totalFindingsCount": 3, "failedFindingsCount": 2 });
            task.statistics
                .insert("A_CHECK".to_owned(), serde_json::from_value(counts).unwrap());
        }
        task
    })
}

fn memory(record: Option<StartRecord>) -> impl Strategy<Value = Memory> {
    let answer = prop_oneof![
        Just(None),
        Just(Some(AttemptAnswer::AlreadyExists)),
        Just(Some(AttemptAnswer::Refused)),
        Just(Some(AttemptAnswer::Success {
            task_id: TASK.to_owned()
        })),
        (1_i64..3).prop_map(|generation| Some(AttemptAnswer::Invalid {
            message: "no".to_owned(),
            generation
        })),
    ];
    let attempt = prop::option::of((answer, prop::option::of(ago()), ago())).prop_map(move |known| {
        let (answer, opened_at, last_sent) = known?;
        // Either nobody saw an answer, or there was one, or nothing was sent.
        Some(KnownAttempt {
            record: record.clone()?,
            opened_at: opened_at.map(|time| at(time.min(last_sent)).monotonic),
            last_sent: at(last_sent).monotonic,
            answer,
        })
    });
    let last_describe = (
        prop_oneof![Just(TASK), Just("edited")],
        ago(),
        1_i64..3,
        prop::option::of(described()),
    )
        .prop_map(|(task_id, time, generation, task)| LastDescribe {
            task_id: task_id.to_owned(),
            at: at(time),
            generation,
            task,
        });
    let outcome = prop_oneof![
        Just(CancelOutcome::Accepted),
        Just(CancelOutcome::NotRunning),
        Just(CancelOutcome::Failed)
    ];
    let last_cancel = (ago(), outcome).prop_map(|(time, outcome)| LastCancel {
        at: at(time).monotonic,
        outcome,
    });
    let failed_actions = any::<bool>().prop_map(|known| known.then(FailedActions::default));
    (
        attempt,
        prop::option::of(last_describe),
        prop::option::of(ago()),
        prop::option::of(last_cancel),
        failed_actions,
        retries(),
    )
        .prop_map(
            |(attempt, last_describe, missing_since, last_cancel, failed_actions, retries)| Memory {
                attempt,
                // Only ever set where the last answer was "not found".
                missing_since: missing_since
                    .map(|time| at(time).monotonic)
                    .filter(|_| last_describe.as_ref().is_some_and(|last| last.task.is_none())),
                last_describe,
                last_cancel,
                failed_actions,
                plan: PlanMemory::default(),
                retries,
            },
        )
}

/// Each operation failed a few times, or not at all, until not long ago.
fn retries() -> impl Strategy<Value = Retries> {
    let class = || {
        prop_oneof![
            Just(ErrorClass::Throttled),
            Just(ErrorClass::LimitExceeded),
            Just(ErrorClass::AccessDenied),
            Just(ErrorClass::ServiceUnavailable),
            Just(ErrorClass::UnexpectedAnswer),
        ]
    };
    let failures = || prop_oneof![2 => Just(0_u32), 1 => 1_u32..4];
    let of = |operation: Operation| {
        (failures(), class(), prop_oneof![Just(0_i64), 0_i64..400], 1_i64..3)
            .prop_map(move |(count, class, seconds, generation)| (operation, count, class, seconds, generation))
    };
    (of(Operation::Start), of(Operation::Describe), of(Operation::Cancel)).prop_map(|(start_, describe, cancel)| {
        let mut retries = Retries::default();
        for (operation, count, class, seconds, generation) in [start_, describe, cancel] {
            let moment = Moment {
                now: start() - SignedDuration::from_secs(seconds),
                uid: UID,
                generation,
            };
            for _ in 0..count {
                retries.failed(operation, failure(class, Effect::None), moment);
            }
        }
        retries
    })
}
