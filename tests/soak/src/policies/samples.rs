//! What the tests of the promises are about: one policy, created at the second 0, and its audits and tasks.

use jiff::Timestamp;
use serde_json::Value;

use super::{
    facts::{Approval, Run, Started},
    record::{Event, Noted, Plan, PolicySeen, Record, Sighting, Standing, TaskSeen},
};

const NAME: &str = "policy-one";
const OWNER: &str = "policy-uid";
const SCHEDULE: &str = "Nightly";

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn record(events: impl IntoIterator<Item = Event>) -> Record {
    Record {
        events: events.into_iter().collect(),
    }
}

/// It keeps two tasks that completed, and one other.
pub(super) fn policy(noted: &[(&str, i64, &str)]) -> Event {
    let noted = noted.iter().map(|(audit, start, outcome)| Noted {
        audit: (*audit).to_owned(),
        start: at(*start),
        outcome: (*outcome).to_owned(),
    });
    Event::Policy(PolicySeen {
        name: NAME.to_owned(),
        uid: OWNER.to_owned(),
        created: at(0),
        schedule: SCHEDULE.to_owned(),
        limits: [2, 1],
        since: Some(at(0)),
        noted: noted.collect(),
        is_ready: true,
    })
}

pub(super) fn policy_gone() -> Event {
    Event::PolicyGone(OWNER.to_owned())
}

pub(super) fn task(uid: &str, audit: &str, standing: Standing) -> TaskSeen {
    TaskSeen {
        name: format!("{NAME}-{audit}"),
        uid: uid.to_owned(),
        policy: NAME.to_owned(),
        owner: OWNER.to_owned(),
        audit: audit.to_owned(),
        standing,
        is_deleting: false,
        required_above: Value::Null,
        plan: None,
    }
}

pub(super) fn with_plan(task: TaskSeen, hash: &str, findings: u64) -> TaskSeen {
    let hash = hash.to_owned();
    TaskSeen {
        plan: Some(Plan { hash, findings }),
        ..task
    }
}

pub(super) fn deleting(task: TaskSeen) -> TaskSeen {
    TaskSeen {
        is_deleting: true,
        ..task
    }
}

/// While these tasks ran.
pub(super) fn written(task: TaskSeen, running: &[&str]) -> Event {
    let running = running.iter().map(|uid| (*uid).to_owned());
    Event::Task(task, Sighting::Written(running.collect()))
}

pub(super) fn listed(task: TaskSeen) -> Event {
    Event::Task(task, Sighting::Listed)
}

pub(super) fn gone(task: TaskSeen) -> Event {
    Event::TaskGone(task)
}

pub(super) fn run(id: &str, start: i64) -> Run {
    Run {
        id: id.to_owned(),
        schedule: SCHEDULE.to_owned(),
        start: at(start),
        status: "COMPLETED".to_owned(),
    }
}

/// At the second 100.
pub(super) fn start(uid: &str, audit: &str, findings: u64) -> Started {
    Started {
        task_id: format!("ns_{NAME}_{uid}"),
        token: uid.to_owned(),
        policy: NAME.to_owned(),
        audit: audit.to_owned(),
        findings: [("ONE_CHECK".to_owned(), findings)].into(),
        at: at(100),
    }
}

pub(super) fn approval(task: Option<&str>, hash: &str, second: i64) -> Approval {
    Approval {
        policy: NAME.to_owned(),
        task: task.map(str::to_owned),
        hash: hash.to_owned(),
        at: at(second),
    }
}
