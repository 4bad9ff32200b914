//! What was seen of policies and their tasks, in order, as watches of their own show it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
};

use jiff::Timestamp;
use kube::{Api, ResourceExt as _, api::DynamicObject};
use serde_json::Value;
use simulator::Server;
use tokio::task::JoinSet;

use super::manifest::policy_of;
use crate::{
    history::{lock, text},
    resources::RECORD,
    watch::{News, watch},
};

/// What was seen, oldest first. Of one kind it is in the order in which it happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(super) events: Vec<Event>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    Policy(PolicySeen),
    PolicyGone(String),
    Task(TaskSeen, Sighting),
    TaskGone(TaskSeen),
    /// It went while nobody looked, by its uid.
    TaskMissed(String),
}

/// How a version of a task was seen.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Sighting {
    /// In a list, after nobody looked for a while.
    Listed,
    /// As it was written, with the tokens of the tasks that ran in the service.
    Written(BTreeSet<String>),
}

/// A version of a policy.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PolicySeen {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) created: Timestamp,
    pub(super) schedule: String,
    /// How many tasks are kept that completed, and that ended otherwise.
    pub(super) limits: [usize; 2],
    pub(super) since: Option<Timestamp>,
    /// The newest first.
    pub(super) noted: Vec<Noted>,
    pub(super) is_ready: bool,
}

/// An audit, as a policy has noted it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Noted {
    pub(super) audit: String,
    pub(super) start: Timestamp,
    pub(super) outcome: String,
}

/// A version of a task.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TaskSeen {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) policy: String,
    /// The uid of the policy that made it.
    pub(super) owner: String,
    pub(super) audit: String,
    /// As if it were not being deleted.
    pub(super) standing: Standing,
    pub(super) is_deleting: bool,
    /// `spec.approval.requiredAbove`
    pub(super) required_above: Value,
    pub(super) plan: Option<Plan>,
}

/// The plan that a status shows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub(super) hash: String,
    pub(super) findings: u64,
}

/// What a task means to the next of its policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    NotStarted,
    MayRun,
    Unknown,
    Ended { completed: bool },
}

impl PolicySeen {
    /// What is not newer is never looked at again.
    pub(super) fn watermark(&self) -> Option<Timestamp> {
        self.noted.iter().map(|noted| noted.start).max()
    }

    fn of(object: &DynamicObject) -> Self {
        let data = &object.data;
        let limit = |member: &str| {
            let limit = data.pointer(&format!("/spec/{member}")).and_then(Value::as_u64);
            limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(3)
        };
        let conditions = data.pointer("/status/conditions").and_then(Value::as_array);
        let is_ready = conditions.into_iter().flatten().any(|condition| {
            condition.get("type").and_then(Value::as_str) == Some("Ready")
                && condition.get("status").and_then(Value::as_str) == Some("True")
        });
        let observed = data.pointer("/status/observedGeneration").and_then(Value::as_i64);
        let noted = data.pointer("/status/audits").and_then(Value::as_array);
        Self {
            name: object.name_any(),
            uid: object.uid().unwrap_or_default(),
            created: created(object),
            schedule: text(object, "/spec/scheduledAuditName").unwrap_or_default().to_owned(),
            limits: ["successfulTasksHistoryLimit", "failedTasksHistoryLimit"].map(limit),
            since: text(object, "/status/watching/since").and_then(|since| since.parse().ok()),
            noted: noted.into_iter().flatten().filter_map(Noted::of).collect(),
            is_ready: is_ready && observed == object.metadata.generation,
        }
    }
}

impl Noted {
    fn of(record: &Value) -> Option<Self> {
        let member = |name| record.get(name).and_then(Value::as_str);
        Some(Self {
            audit: member("auditTaskId")?.to_owned(),
            start: member("startTime")?.parse().ok()?,
            outcome: member("outcome")?.to_owned(),
        })
    }
}

impl TaskSeen {
    fn of(object: &DynamicObject) -> Option<Self> {
        let hash = text(object, "/status/plan/hash").map(str::to_owned);
        let findings = object.data.pointer("/status/plan/findings").and_then(Value::as_u64);
        let required_above = object.data.pointer("/spec/approval/requiredAbove");
        Some(Self {
            name: object.name_any(),
            uid: object.uid()?,
            policy: policy_of(object)?.clone(),
            owner: object.owner_references().first().map(|owner| owner.uid.clone())?,
            audit: text(object, "/spec/target/auditTaskId")?.to_owned(),
            standing: standing(object),
            is_deleting: object.metadata.deletion_timestamp.is_some(),
            required_above: required_above.cloned().unwrap_or_default(),
            plan: hash.zip(findings).map(|(hash, findings)| Plan { hash, findings }),
        })
    }
}

fn standing(task: &DynamicObject) -> Standing {
    let has_attempt = task.data.pointer("/status/attempt").is_some();
    let may_be_recorded = task.annotations().contains_key(RECORD) && task.finalizers().is_empty();
    match text(task, "/status/phase") {
        Some("Completed") => Standing::Ended { completed: true },
        Some("Failed" | "Canceled" | "Rejected" | "Conflict") => Standing::Ended { completed: false },
        Some("Running" | "Canceling") => Standing::MayRun,
        Some("Unknown") => Standing::Unknown,
        _ if has_attempt || may_be_recorded => Standing::MayRun,
        _ => Standing::NotStarted,
    }
}

fn created(object: &DynamicObject) -> Timestamp {
    let created = object.metadata.creation_timestamp.as_ref();
    created.map_or(Timestamp::MIN, |created| created.0)
}

/// Whether a task is of a policy that was deleted, so that the garbage collector deletes it, or is deleted by its policy:
/// whether it may do that is looked at elsewhere.
pub(crate) fn is_garbage(task: &DynamicObject, deleted: &BTreeSet<String>) -> bool {
    let mut owners = task.owner_references().iter();
    let is_deleted = policy_of(task).is_some() && task.metadata.deletion_timestamp.is_some();
    is_deleted || owners.any(|owner| deleted.contains(&owner.uid))
}

/// The record, which goes on while this is kept.
pub(crate) struct History {
    record: Arc<Mutex<Record>>,
    _watching: JoinSet<()>,
}

impl History {
    pub(crate) fn watch(policies: Api<DynamicObject>, tasks: Api<DynamicObject>, aws: &Arc<Server>) -> Self {
        let record = Arc::<Mutex<Record>>::default();
        let (of_policies, of_tasks, aws) = (Arc::clone(&record), Arc::clone(&record), Arc::clone(aws));
        let mut watching = JoinSet::new();
        watching.spawn(watch(policies, move |news| lock(&of_policies).of_policies(news)));
        watching.spawn(watch(tasks, move |news| {
            lock(&of_tasks).of_tasks(news, || running(&aws));
        }));
        Self {
            record,
            _watching: watching,
        }
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        lock(&self.record)
    }
}

fn running(aws: &Server) -> BTreeSet<String> {
    let tasks = aws.tasks().into_iter();
    tasks
        .filter(|task| task.status == "IN_PROGRESS")
        .map(|task| task.token)
        .collect()
}

impl Record {
    fn of_policies(&mut self, news: News) {
        match news {
            News::Listed(listed) => {
                let there: BTreeSet<_> = listed.iter().filter_map(DynamicObject::uid).collect();
                let gone: Vec<_> = self
                    .policies()
                    .into_iter()
                    .filter(|policy| !there.contains(&policy.uid))
                    .map(|policy| Event::PolicyGone(policy.uid.clone()))
                    .collect();
                self.events.extend(gone);
                self.events
                    .extend(listed.iter().map(|object| Event::Policy(PolicySeen::of(object))));
            }
            News::Is(object) => self.events.push(Event::Policy(PolicySeen::of(&object))),
            News::Gone(object) => self.events.extend(object.uid().map(Event::PolicyGone)),
        }
    }

    fn of_tasks(&mut self, news: News, running: impl Fn() -> BTreeSet<String>) {
        match news {
            News::Listed(listed) => {
                let there: BTreeSet<_> = listed.iter().filter_map(DynamicObject::uid).collect();
                let missed: Vec<_> = present(&self.events)
                    .into_keys()
                    .filter(|uid| !there.contains(*uid))
                    .map(|uid| Event::TaskMissed(uid.to_owned()))
                    .collect();
                self.events.extend(missed);
                let listed = listed.iter().filter_map(TaskSeen::of);
                self.events
                    .extend(listed.map(|task| Event::Task(task, Sighting::Listed)));
            }
            News::Is(object) => {
                let written = |task| Event::Task(task, Sighting::Written(running()));
                self.events.extend(TaskSeen::of(&object).map(written));
            }
            News::Gone(object) => self.events.extend(TaskSeen::of(&object).map(Event::TaskGone)),
        }
    }

    /// The policies that are there, as they were seen last.
    pub(super) fn policies(&self) -> Vec<&PolicySeen> {
        let mut there: Vec<&PolicySeen> = Vec::new();
        for event in &self.events {
            match event {
                Event::Policy(seen) => {
                    there.retain(|known| known.uid != seen.uid);
                    there.push(seen);
                }
                Event::PolicyGone(uid) => there.retain(|known| known.uid != *uid),
                _ => {}
            }
        }
        there
    }

    /// A policy, as it was seen last.
    pub(super) fn policy(&self, name: &str) -> Option<&PolicySeen> {
        self.policies().into_iter().find(|policy| policy.name == name)
    }
}

/// The tasks that are there after these events, as they were seen last, by their uids.
pub(super) fn present(events: &[Event]) -> BTreeMap<&str, &TaskSeen> {
    let mut there = BTreeMap::new();
    for event in events {
        follow(&mut there, event);
    }
    there
}

/// What an event changes of the tasks that are there.
pub(super) fn follow<'a>(there: &mut BTreeMap<&'a str, &'a TaskSeen>, event: &'a Event) {
    match event {
        Event::Task(task, _) => drop(there.insert(&task.uid, task)),
        Event::TaskGone(TaskSeen { uid, .. }) | Event::TaskMissed(uid) => drop(there.remove(uid.as_str())),
        Event::Policy(_) | Event::PolicyGone(_) => {}
    }
}
