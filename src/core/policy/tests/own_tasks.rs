//! Which tasks are a policy's own, what they mean to the next, and which are kept.

use serde_json::{Value, json};

use super::bench::{Bench, task};
use crate::api::{Phase, StoredTask};
use crate::core::policy::history::is_superseded;
use crate::core::policy::own_task::{OwnTask, Standing};
use crate::core::policy::step::Step;
use crate::core::task::tie::Tie;

fn stored(metadata: &Value, status: &Value) -> StoredTask {
    let mut object = json!({
        "metadata": { "name": "t", "namespace": "fleet", "uid": "task", "creationTimestamp": "2026-05-01T00:00:00Z" },
        "spec": {
            "target": { "auditTaskId": "a" },
            "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
        },
        "status": status,
    });
    for (field, value) in metadata.as_object().unwrap() {
        object["metadata"][field] = value.clone();
    }
    serde_json::from_value(object).unwrap()
}

#[test]
fn a_task_is_own_by_its_owner_or_by_its_label_when_the_owner_is_gone() {
    let owner = |kind: &str, name: &str, uid: &str| json!([{ "apiVersion": "devicedefender.dev/v1alpha1", "kind": kind, "name": name, "uid": uid, "controller": true }]);
    let label = |name: &str| json!({ "devicedefender.dev/policy": name });
    let policy = "AuditMitigationPolicy";
    for (metadata, is_own) in [
        (json!({ "ownerReferences": owner(policy, "nightly", "uid") }), true),
        (
            json!({ "ownerReferences": owner(policy, "nightly", "uid"), "labels": label("other") }),
            true,
        ),
        // Restored, or orphaned.
        (
            json!({ "ownerReferences": owner(policy, "nightly", "old"), "labels": label("nightly") }),
            true,
        ),
        (json!({ "labels": label("nightly") }), true),
        (json!({ "ownerReferences": owner(policy, "nightly", "old") }), false),
        (
            json!({ "ownerReferences": owner(policy, "weekly", "w"), "labels": label("nightly") }),
            false,
        ),
        (
            json!({ "ownerReferences": owner("CronJob", "nightly", "c"), "labels": label("nightly") }),
            false,
        ),
        (json!({ "labels": label("weekly") }), false),
        (json!({}), false),
    ] {
        let tie = Tie::of(&stored(&metadata, &json!({})));
        assert_eq!(tie.is_to("nightly", "uid"), is_own, "{metadata}");
        if is_own {
            assert_eq!(tie.policy(), Some("nightly"), "{metadata}");
        }
    }
}

#[test]
fn what_a_task_means_to_the_next() {
    let record = json!({ "taskId": "t", "token": "task", "requestHash": "h", "region": "r", "uid": "task",
        "time": "2026-05-01T00:00:00Z" });
    let started = json!({ "annotations": { "devicedefender.dev/start-record": record.to_string() } });
    let mut held = started.clone();
    held["finalizers"] = json!(["devicedefender.dev/task"]);
    let attempt = json!({ "phase": "Pending", "attempt": { "taskId": "t", "requestHash": "h", "region": "r",
        "time": "2026-05-01T00:00:00Z" } });
    let gone = json!({ "deletionTimestamp": "2026-05-01T00:00:00Z" });
    let phase = |phase: &str| json!({ "phase": phase });
    let ended = |completed| Standing::Ended { completed };
    for (metadata, status, standing) in [
        (json!({}), json!({ "observedGeneration": -1 }), Standing::NotStarted),
        (json!({}), phase("Pending"), Standing::NotStarted),
        (json!({}), phase("Queued"), Standing::NotStarted),
        (json!({}), phase("Suspended"), Standing::NotStarted),
        (json!({}), phase("AwaitingApproval"), Standing::NotStarted),
        (json!({}), phase("Running"), Standing::MayRun),
        (json!({}), phase("Canceling"), Standing::MayRun),
        (json!({}), attempt.clone(), Standing::MayRun),
        (gone.clone(), phase("Queued"), Standing::MayRun),
        (gone, phase("Failed"), ended(false)),
        (json!({}), phase("Completed"), ended(true)),
        (json!({}), phase("Failed"), ended(false)),
        (json!({}), phase("Canceled"), ended(false)),
        (json!({}), phase("Rejected"), ended(false)),
        (json!({}), phase("Conflict"), ended(false)),
        (json!({}), phase("Unknown"), Standing::Unknown),
        // The finalizer holds a task whose Start is on its way. Without one it would run on beside the next.
        (held, phase("Pending"), Standing::NotStarted),
        (started.clone(), phase("Pending"), Standing::MayRun),
        (started.clone(), phase("Queued"), Standing::MayRun),
        (started, phase("Suspended"), Standing::NotStarted),
    ] {
        let task = OwnTask::of(&stored(&metadata, &status));
        assert_eq!(task.standing(), standing, "{metadata} {status}");
        assert_eq!(task.audit_id.as_deref(), Some("a"));
    }
}

#[test]
fn the_oldest_of_the_ended_tasks_go_one_by_one() {
    let mut bench = Bench::watching();
    let hours = ["01", "02", "03", "04", "05"];
    for (number, hour) in hours.iter().enumerate() {
        let start = format!("2026-05-01T{hour}:00:00Z");
        bench
            .tasks
            .push(task(&format!("done-{number}"), "x", &start, Some(Phase::Completed)));
        bench
            .tasks
            .push(task(&format!("bad-{number}"), "x", &start, Some(Phase::Rejected)));
        bench
            .tasks
            .push(task(&format!("odd-{number}"), "x", &start, Some(Phase::Unknown)));
    }
    bench.edit("successfulTasksHistoryLimit", serde_json::json!(4));
    bench.write_status();
    let mut deleted = Vec::new();
    while let Some(Step::DeleteTask { task, is_superseded }) = bench.decide().due.first().cloned() {
        assert!(!is_superseded && deleted.len() < bench.tasks.len(), "{deleted:?}");
        deleted.push(task.name.clone());
        bench.memory.task_deleted(&task.uid);
    }
    assert_eq!(deleted, ["done-0", "bad-0", "bad-1"]);
    bench.edit("failedTasksHistoryLimit", serde_json::json!(0));
    bench.write_status();
    assert_eq!(bench.due(), ["DeleteTask"]);
}

/// Kubernetes' times have whole seconds, and a backup that is restored makes all tasks at once: what is older is told by
/// the audits.
#[test]
fn of_tasks_that_were_made_in_the_same_second_the_one_of_the_older_audit_goes() {
    for (older, newer) in [("a", "b"), ("b", "a")] {
        let mut bench = Bench::watching();
        bench.edit("successfulTasksHistoryLimit", json!(1));
        for (name, start) in [(newer, "2026-05-01T02:00:00.2Z"), (older, "2026-05-01T02:00:00.1Z")] {
            let mut task = task(name, "x", start, Some(Phase::Completed));
            task.created = "2026-05-02T00:00:00Z".parse().unwrap();
            bench.tasks.push(task);
        }
        bench.write_status();
        let due = bench.decide().due;
        assert!(
            matches!(&due[..], [Step::DeleteTask { task, .. }] if task.name == older),
            "{due:?}"
        );
    }
}

/// By a newer audit than its own, and by no other.
#[test]
fn a_task_that_has_not_started_is_superseded_by_a_newer_audit() {
    let (before, own, after) = (
        "2026-05-01T01:59:59Z",
        "2026-05-01T02:00:00Z",
        "2026-05-01T02:00:00.001Z",
    );
    let waiting = task("nightly-a", "a", own, Some(Phase::AwaitingApproval));
    let mut undated = waiting.clone();
    undated.audit_start = None;
    for (task, audit, start, expected) in [
        (&waiting, "b", before, false),
        (&waiting, "b", own, false),
        (&waiting, "b", after, true),
        (&waiting, "a", after, false),
        (&undated, "b", before, true),
    ] {
        let is_superseded = is_superseded(task, (audit, start.parse().unwrap()));
        assert_eq!(is_superseded, expected, "{audit} at {start}");
    }
}
