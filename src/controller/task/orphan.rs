//! Which task runs on without its resource.

use kube::Resource as _;

use super::context::Context;
use crate::api::{DeletionPolicy, Phase, StoredTask};
use crate::core::task::attempt::AttemptAnswer;
use crate::core::task::memory::Memory;
use crate::core::task::observed::ObservedTask;
use crate::core::task::step::TaskAddress;

impl Context {
    /// A resource is gone, and this is how it was seen last. If its finalizer should have kept it, because its own task
    /// runs, the task is cancelled.
    pub(super) fn cancel_if_orphaned(&self, last_seen: &StoredTask, memory: &Memory) {
        let observed = ObservedTask::parse(last_seen);
        let Some(task) = orphaned_task(&observed, memory) else {
            return;
        };
        if self.caches.claimed_by_older(&observed) {
            return;
        }
        self.orphaned_tasks.cancel_orphaned(task, last_seen.object_ref(&()));
    }
}

/// The own task that runs, of a resource that is gone although the finalizer was on it. A resource whose deletion the
/// finalizer held up has a deletionTimestamp: whoever took that finalizer off has decided about the task.
fn orphaned_task(observed: &ObservedTask, memory: &Memory) -> Option<TaskAddress> {
    let is_meant = observed.has_finalizer()
        && observed.deleting_since.is_none()
        && observed.deletion_policy() == DeletionPolicy::Cancel;
    is_meant
        .then(|| running_in_status(observed).or_else(|| started(observed, memory)))
        .flatten()
}

/// The task that the status shows as this resource's own, and as running.
fn running_in_status(observed: &ObservedTask) -> Option<TaskAddress> {
    let status = observed.status.as_ref()?;
    let runs = matches!(status.phase, Some(Phase::Running | Phase::Canceling));
    (runs && observed.says_own_task()).then_some(TaskAddress {
        task_id: status.task_id.clone()?,
        region: status.region.clone()?,
    })
}

/// The task that was just started, and that no status tells of yet.
fn started(observed: &ObservedTask, memory: &Memory) -> Option<TaskAddress> {
    let is_untold = observed.status.as_ref().is_none_or(|status| status.task_id.is_none());
    let known = memory.attempt.as_ref().filter(|_| is_untold)?;
    match &known.answer {
        Some(AttemptAnswer::Success { task_id })
            if known.record.uid == observed.uid && known.record.token == observed.uid =>
        {
            Some(TaskAddress {
                task_id: task_id.clone(),
                region: known.record.region.clone(),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::{FINALIZER, StartRecord};
    use crate::core::task::attempt::KnownAttempt;

    fn running() -> Value {
        json!({
            "metadata": { "name": "one", "namespace": "fleet", "uid": "u", "finalizers": [FINALIZER] },
            "spec": { "target": { "auditTaskId": "a" }, "auditCheckToActionsMapping": { "C": ["A"] } },
            "status": {
                "phase": "Running", "taskId": "t", "region": "eu-west-1", "startedBy": "Self",
                "clientRequestToken": "u", "conditions": [],
            },
        })
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut object = running();
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        object.pointer_mut(parent).unwrap()[field] = value;
        object
    }

    fn orphan(object: &Value, memory: &Memory) -> Option<(String, String)> {
        let stored: StoredTask = serde_json::from_value(object.clone()).unwrap();
        orphaned_task(&ObservedTask::parse(&stored), memory).map(|task| (task.task_id, task.region))
    }

    #[test]
    fn an_own_task_that_runs_is_orphaned_and_no_other() {
        let task = Some(("t".to_owned(), "eu-west-1".to_owned()));
        for (object, expected) in [
            (running(), task.clone()),
            (with("/status/phase", json!("Canceling")), task),
            // Somebody took off the finalizer that held the deletion up.
            (with("/metadata/deletionTimestamp", json!("2026-01-01T00:00:00Z")), None),
            (with("/metadata/finalizers", json!([])), None),
            (with("/spec/deletionPolicy", json!("Orphan")), None),
            (with("/status/startedBy", json!("Other")), None),
            // A status that was copied from another resource.
            (with("/status/clientRequestToken", json!("another")), None),
            (with("/status/phase", json!("Completed")), None),
            (with("/status/phase", json!("Unknown")), None),
        ] {
            assert_eq!(orphan(&object, &Memory::default()), expected, "{object}");
        }
    }

    #[test]
    fn a_task_that_was_just_started_is_orphaned_before_the_status_tells_of_it() {
        let record = StartRecord {
            task_id: "t".to_owned(),
            token: "u".to_owned(),
            request_hash: "h".to_owned(),
            region: "eu-west-1".to_owned(),
            uid: "u".to_owned(),
            time: jiff::Timestamp::UNIX_EPOCH,
        };
        let memory = |record: &StartRecord, answer| Memory {
            attempt: Some(KnownAttempt {
                record: record.clone(),
                opened_at: None,
                last_sent: std::time::Instant::now(),
                answer,
            }),
            ..Memory::default()
        };
        let success = || {
            Some(AttemptAnswer::Success {
                task_id: "t".to_owned(),
            })
        };
        let untold = with("/status", json!({ "phase": "Pending" }));
        let task = Some(("t".to_owned(), "eu-west-1".to_owned()));
        let another = StartRecord {
            token: "chosen".to_owned(),
            ..record.clone()
        };
        for (record, answer, expected) in [
            (&record, success(), task),
            (&record, Some(AttemptAnswer::AlreadyExists), None),
            (&record, None, None),
            (&another, success(), None),
        ] {
            let row = format!("{record:?} {answer:?}");
            assert_eq!(orphan(&untold, &memory(record, answer)), expected, "{row}");
        }
        assert_eq!(
            orphan(&with("/status/phase", json!("Completed")), &memory(&record, success())),
            None,
            "the status tells how it ended"
        );
    }
}
