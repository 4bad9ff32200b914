//! The table of phases and conditions, as the design states it, against the code and what a status shows.

use jiff::SignedDuration;
use serde_json::json;

use super::bench::{REGION, TASK, spec, start_of_time};
use super::store::{Store, UID};
use crate::api::{AuditMitigationTaskStatus, Phase, Reason, StartedBy};
use crate::core::task::known_task::KnownTask;
use crate::core::task::observed::ObservedTask;
use crate::core::task::status::draft::StatusDraft;
use crate::core::task::status::phase::find;
use crate::core::task::status::phase::{ConditionType, is_finished, status_in};
use crate::core::task::status::subject::TaskIn;

/// Copied by hand from the design. `?`: "as known".
const TABLE: &str = "
| phase | Started | Complete | Failed | Finished | Ready | Reconciling | Stalled |
| Pending | False | False | False | False | False | True | False |
| Queued | False | False | False | False | False | True | False |
| Suspended | False | False | False | False | False | False | False |
| AwaitingApproval | False | False | False | False | False | False | False |
| Running | True | False | False | False | False | True | False |
| Canceling | True | False | False | False | False | True | False |
| Completed | True | True | False | True | True | False | False |
| Failed | True | False | True | True | False | False | True |
| Canceled | ? | False | True | True | False | False | True |
| Rejected | False | False | True | True | False | False | True |
| Conflict | True | False | True | True | False | False | True |
| Unknown | ? | False | False | False | False | False | True |
";

type Cells = Vec<(ConditionType, Option<bool>)>;

/// Each row: the phase, and for each condition whether it holds, where the phase alone tells.
fn rows() -> Vec<(Phase, Cells)> {
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>();
    let mut lines = TABLE.trim().lines().map(cells);
    let head = lines.next().unwrap();
    let names: Vec<_> = ConditionType::ALL.iter().map(|condition| condition.as_str()).collect();
    assert_eq!(&head[1..], names, "the conditions, and their order");
    lines
        .map(|row| {
            let phase = Phase::ALL
                .into_iter()
                .find(|phase| format!("{phase:?}") == row[0])
                .unwrap();
            let holds = |cell: &str| match cell {
                "True" => Some(true),
                "False" => Some(false),
                "?" => None,
                other => panic!("{other}"),
            };
            (
                phase,
                ConditionType::ALL
                    .into_iter()
                    .zip(row[1..].iter().map(|cell| holds(cell)))
                    .collect(),
            )
        })
        .collect()
}

fn observed() -> ObservedTask {
    Store::create(&spec(), start_of_time()).observed()
}

fn known() -> TaskIn {
    TaskIn::Known(KnownTask {
        task_id: TASK.to_owned(),
        region: REGION.to_owned(),
        token: UID.to_owned(),
        started_by: StartedBy::This,
        reason: Reason::Started,
    })
}

fn rendered(phase: Phase, task: TaskIn) -> AuditMitigationTaskStatus {
    StatusDraft::new(phase, Reason::Queued, "because")
        .about(task)
        .status_to_write(&observed(), None, start_of_time())
        .unwrap()
}

fn holds(status: &AuditMitigationTaskStatus, condition: ConditionType) -> bool {
    match find(&status.conditions, condition).unwrap().status.as_str() {
        "True" => true,
        "False" => false,
        other => panic!("{other}"),
    }
}

#[test]
fn the_code_has_the_designs_table() {
    assert_eq!(rows().len(), Phase::ALL.len());
    for (phase, conditions) in rows() {
        for (condition, expected) in conditions {
            assert_eq!(status_in(phase, condition), expected, "{phase:?} {condition:?}");
        }
    }
}

#[test]
fn a_status_shows_the_designs_table() {
    for (phase, conditions) in rows() {
        for (task, is_known) in [(TaskIn::Nowhere, false), (known(), true)] {
            let Some((_, started)) = conditions.first() else {
                panic!()
            };
            if started.is_some_and(|started| started != is_known) {
                continue;
            }
            let status = rendered(phase, task);
            for (condition, expected) in &conditions {
                let expected = expected.unwrap_or(is_known);
                assert_eq!(
                    holds(&status, *condition),
                    expected,
                    "{phase:?} {condition:?} {is_known}"
                );
            }
        }
    }
}

#[test]
fn kstatus_never_sees_reconciling_and_stalled_together() {
    for phase in Phase::ALL {
        let status = rendered(phase, TaskIn::Nowhere);
        assert!(
            !(holds(&status, ConditionType::Reconciling) && holds(&status, ConditionType::Stalled)),
            "{phase:?}"
        );
    }
}

#[test]
fn finished_means_that_the_condition_finished_holds() {
    for (phase, conditions) in rows() {
        let finished = conditions
            .iter()
            .find(|(condition, _)| *condition == ConditionType::Finished)
            .unwrap()
            .1;
        assert_eq!(Some(is_finished(phase)), finished, "{phase:?}");
    }
}

#[test]
fn a_message_stands_on_ready_and_on_what_is_true() {
    for phase in Phase::ALL {
        for condition in rendered(phase, TaskIn::Nowhere).conditions {
            let is_told = condition.status == "True" || condition.type_ == "Ready";
            assert_eq!(!condition.message.is_empty(), is_told, "{phase:?} {}", condition.type_);
        }
    }
}

#[test]
fn a_condition_keeps_the_time_of_its_last_transition() {
    let mut store = Store::create(&spec(), start_of_time());
    let write = |store: &mut Store, phase, seconds| {
        let now = start_of_time() + SignedDuration::from_secs(seconds);
        let status = StatusDraft::new(phase, Reason::Starting, format!("at {seconds}"))
            .about(known())
            .status_to_write(&store.observed(), None, now);
        let seen = store.read().unwrap();
        store.write_status(&seen, &status.unwrap()).unwrap();
        now.as_second()
    };
    let first = write(&mut store, Phase::Running, 0);
    write(&mut store, Phase::Canceling, 10);
    let third = write(&mut store, Phase::Failed, 20);
    let status = store.observed().status.unwrap();
    let changed = |condition| {
        find(&status.conditions, condition)
            .unwrap()
            .last_transition_time
            .0
            .as_second()
    };
    assert_eq!(changed(ConditionType::Started), first);
    assert_eq!(changed(ConditionType::Complete), first);
    for condition in [
        ConditionType::Failed,
        ConditionType::Finished,
        ConditionType::Reconciling,
        ConditionType::Stalled,
    ] {
        assert_eq!(changed(condition), third, "{condition:?}");
    }
}

#[test]
fn every_condition_carries_the_generation_and_a_reason_of_the_closed_set() {
    let mut store = Store::create(&spec(), start_of_time());
    store.edit(&json!({ "ttlSecondsAfterFinished": 5 }));
    let status = StatusDraft::new(Phase::Running, Reason::InProgress, "it runs")
        .about(known())
        .status_to_write(&store.observed(), None, start_of_time());
    for condition in status.unwrap().conditions {
        assert_eq!(condition.observed_generation, Some(2), "{}", condition.type_);
        assert!(
            Reason::ALL.iter().any(|reason| reason.as_str() == condition.reason),
            "{}",
            condition.reason
        );
    }
}

#[test]
fn what_is_said_already_is_not_written_again() {
    let mut store = Store::create(&spec(), start_of_time());
    let mut draft = StatusDraft::new(Phase::Pending, Reason::Throttled, "later");
    // Neither time is a whole second; the API keeps whole seconds.
    draft.next_attempt = Some(start_of_time() + SignedDuration::from_millis(700));
    draft.described = Some(super::bench::task(crate::core::answer::TaskState::Completed));
    let status = draft
        .clone()
        .status_to_write(&store.observed(), None, start_of_time())
        .unwrap();
    let seen = store.read().unwrap();
    store.write_status(&seen, &status).unwrap();
    let later = start_of_time() + SignedDuration::from_secs(3);
    assert_eq!(draft.status_to_write(&store.observed(), None, later), None);
}
