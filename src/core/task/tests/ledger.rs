//! What holds at any time in the world: one task a manifest, nobody else's task cancelled, no status that lies.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::service::{RETENTION, Service, Task};
use super::store::{Change, Write};
use crate::api::{AuditMitigationTaskStatus, Phase, Reason, StartedBy, StoredTask};
use crate::core::answer::TaskState;
use crate::core::task::observed::ObservedTask;
use crate::core::task::status::phase::ConditionType;
use crate::core::task::status::phase::find;

/// What a resource asks for, as it is written: the same in each cluster and after each re-creation, and found without
/// the code that is tested.
pub(super) fn manifest(object: &StoredTask) -> String {
    let spec = &serde_json::to_value(object).unwrap()["spec"];
    frozen(spec).to_string()
}

/// The members of a spec that make the request.
fn frozen(spec: &Value) -> Value {
    json!([
        spec["taskId"],
        spec["target"],
        spec["auditCheckToActionsMapping"],
        spec["clientRequestToken"],
        spec["region"]
    ])
}

/// What was done, as far as it allows or forbids anything.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// How often a resource (by uid) came to want what its manifest asks for, without a record of an earlier start.
    intents: BTreeMap<(String, String), usize>,
    /// Edits, of whatever, of a Conflict: each sends the same request again, and the other's task may be gone by then.
    retries: BTreeMap<String, usize>,
    /// Edits of the request, and backups, that the design lets start a task more.
    ways_out: BTreeMap<String, usize>,
    /// The tasks that the status of a resource has named.
    named: BTreeSet<(String, String)>,
    /// The resources whose API server has forgotten what it knew last of them: no status can tell what was before.
    forgotten: BTreeSet<String>,
    /// A clock was set by more than a fraction of the grace period, so a task may be given up as missing too early. It
    /// is asked for again every hour, and found.
    clock_was_wrong: bool,
    /// A clock was set by so much that a new record may count as one that has expired: then Describe alone decides.
    pub(super) clock_was_days_off: bool,
}

impl Ledger {
    /// A person has edited a resource that was like this before.
    pub(super) fn edited(&mut self, before: &ObservedTask, after: &ObservedTask) {
        if before.phase() == Some(Phase::Conflict) {
            *self.retries.entry(before.uid.clone()).or_default() += 1;
        }
        let hash = |observed: &ObservedTask| {
            observed
                .desired
                .as_ref()
                .map(|desired| desired.request_hash.clone())
                .ok()
        };
        if hash(before) != hash(after) && matches!(before.phase(), Some(Phase::Conflict | Phase::Unknown)) {
            *self.ways_out.entry(before.uid.clone()).or_default() += 1;
        }
    }

    /// The API server has forgotten what it knew last of a resource.
    pub(super) fn rolled_back(&mut self, uid: &str) {
        *self.ways_out.entry(uid.to_owned()).or_default() += 1;
        self.forgotten.insert(uid.to_owned());
    }

    /// Some node's clock was set this far ahead of the time, or behind.
    pub(super) fn clock_set(&mut self, ahead: SignedDuration) {
        self.clock_was_wrong |= ahead.abs() > SignedDuration::from_secs(15);
        self.clock_was_days_off |= ahead.abs() > SignedDuration::from_hours(23);
    }

    /// The API server took a write, in time or long after the operator gave up on it: then what it says was so once.
    pub(super) fn written(&mut self, write: &Write, is_late: bool, service: &Service, now: Timestamp) {
        let before = ObservedTask::parse(&write.seen);
        match &write.change {
            Change::Record { record, .. } => {
                let stood = before
                    .record
                    .is_some_and(|stood| stood.request_hash == record.request_hash);
                if !stood {
                    let intent = (before.uid, manifest(&write.seen));
                    *self.intents.entry(intent).or_default() += 1;
                }
            }
            Change::Status(status) => {
                if let Some(task_id) = &status.task_id {
                    self.named.insert((before.uid, task_id.clone()));
                }
                if !is_late {
                    self.check_status(status, &write.seen, service, now);
                }
            }
            Change::AddFinalizer | Change::RemoveFinalizer => {}
        }
    }

    /// At most one task for a manifest, and no task of another's cancelled.
    pub(super) fn check(&self, service: &Service, now: Timestamp) {
        let mut last: BTreeMap<&str, Timestamp> = BTreeMap::new();
        let mut starts: BTreeMap<(String, String), usize> = BTreeMap::new();
        // Of what another manifest started longer ago the service can't tell.
        let memorable = SignedDuration::from_hours(80 * 24);
        let mut recent: BTreeMap<&str, usize> = BTreeMap::new();
        for (task, by) in service.started() {
            if let Some(before) = last.insert(&by.manifest, task.started) {
                let apart = task.started.duration_since(before);
                assert!(apart >= RETENTION, "one manifest started two tasks: {}", by.manifest);
            }
            *starts.entry((by.uid.clone(), by.manifest.clone())).or_default() += 1;
            if now.duration_since(task.started) < memorable {
                *recent.entry(&by.uid).or_default() += 1;
            }
        }
        for (intent, times) in &starts {
            let retries = self.retries.get(&intent.0).copied().unwrap_or_default();
            let allowed = self.intents.get(intent).copied().unwrap_or_default() + retries;
            assert!(
                *times <= allowed,
                "{times} starts where {allowed} were meant: {intent:?}"
            );
        }
        for (uid, times) in recent {
            let allowed = 1 + self.ways_out.get(uid).copied().unwrap_or_default();
            assert!(times <= allowed, "the resource {uid} started {times} tasks");
        }
        for (by, owner) in &service.canceled {
            let own = owner.as_ref().is_some_and(|owner| owner.uid == by.uid);
            assert!(own, "another's task was cancelled: {owner:?}");
        }
    }

    /// What a status says is so.
    pub(super) fn check_status(
        &self,
        status: &AuditMitigationTaskStatus,
        of: &StoredTask,
        service: &Service,
        now: Timestamp,
    ) {
        let observed = ObservedTask::parse(of);
        let is_one_where = |holds: &dyn Fn(&Task) -> bool| {
            let named = |task: &&Task| status.task_id.as_deref() == Some(task.id.as_str());
            service.tasks.iter().filter(named).any(holds)
        };
        let what = || format!("{status:#?}\n{:#?}", service.tasks);
        let phase = status.phase.expect("a phase");
        if status.task_id.is_none() {
            let pending = matches!(phase, Phase::Pending | Phase::Queued);
            let says_it_exists = find(&status.conditions, ConditionType::Ready)
                .is_some_and(|ready| ready.message.contains("exists already"));
            let says_otherwise = status.attempt.is_some() || is_reason(status, Reason::TaskExpired);
            let is_hasty = phase == Phase::Unknown && self.clock_was_wrong;
            if says_otherwise || is_hasty || pending && says_it_exists || self.forgotten.contains(&observed.uid) {
                return;
            }
            assert!(
                !service.is_in_the_air(&observed.uid),
                "a request is in the air: {}",
                what()
            );
            // What the service has forgotten was told about before: an expired record is the way to get here.
            let is_remembered = |task: &Task| now.duration_since(task.started) < RETENTION;
            let unnamed =
                |task: &Task| is_remembered(task) && !self.named.contains(&(observed.uid.clone(), task.id.clone()));
            let hidden = service
                .started()
                .filter(|(task, by)| by.uid == observed.uid && unnamed(task))
                .count();
            assert_eq!(hidden, 0, "says that nothing was started: {}", what());
            return;
        }
        assert!(is_one_where(&|_| true), "a task that there never was: {}", what());
        if status.started_by == Some(StartedBy::This) {
            let own = |task: &Task| task.by.as_ref().is_some_and(|by| by.uid == observed.uid);
            let copied = status.client_request_token.as_deref() != Some(&observed.uid);
            assert!(copied || is_one_where(&own), "claims another's task: {}", what());
        }
        let desired = observed.desired.as_ref().expect("the world's specs are good");
        let does_it = |task: &Task| task.target == desired.target && task.mapping == desired.mapping;
        let ended = |state: TaskState| is_one_where(&|task: &Task| task.state(now).0 == state && does_it(task));
        match phase {
            Phase::Completed => assert!(ended(TaskState::Completed), "{}", what()),
            Phase::Canceled => assert!(ended(TaskState::Canceled), "{}", what()),
            Phase::Failed => panic!("no task fails here: {}", what()),
            Phase::Conflict => assert!(is_one_where(&|task| !does_it(task)), "{}", what()),
            _ => {}
        }
    }
}

fn is_reason(status: &AuditMitigationTaskStatus, reason: Reason) -> bool {
    find(&status.conditions, ConditionType::Ready).is_some_and(|ready| ready.reason == reason.as_str())
}
