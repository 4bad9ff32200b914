//! Policies: tasks that are made from the audits of a schedule, on a real API server and with the real SDK.

mod approval;
mod audits_under_faults;
mod guards;
mod kills;
mod page;
mod recreation;
mod rest;
mod verdict;

use std::collections::BTreeMap;

use audit_mitigation_operator::api::{AuditMitigationPolicyStatus, Phase, StoredPolicy};
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};
use serde_json::{Value, json};
use simulator::{Problem, Schedule};
use support::eventually;

use super::{LIMIT, World};

const SCHEDULE: &str = "Nightly";
const EXPIRING: &str = "DEVICE_CERTIFICATE_EXPIRING_CHECK";
const SHARED: &str = "DEVICE_CERTIFICATE_SHARED_CHECK";
/// Fast, and still one call after the other.
const POLL: &str = "--audit-poll-interval=200ms";

/// A policy that never asks, with these fields on top.
fn policy(name: &str, fields: &Value) -> Value {
    let mut spec = json!({
        "scheduledAuditName": SCHEDULE,
        "auditCheckToActionsMapping": { EXPIRING: ["Deactivate"], SHARED: ["Deactivate"] },
        "approval": { "requiredAbove": { "percent": 100 } },
    });
    for (field, value) in fields.as_object().unwrap() {
        spec[field] = value.clone();
    }
    json!({
        "apiVersion": "devicedefender.dev/v1alpha1",
        "kind": "AuditMitigationPolicy",
        "metadata": { "name": name },
        "spec": spec,
    })
}

impl World {
    /// A world with a schedule, whose audits run when they are told to.
    async fn with_schedule(prefix: &str, flags: &[&str]) -> Self {
        let flags = if flags.is_empty() { &[POLL] } else { flags };
        let world = Self::without_operator(prefix, flags, |_| {}).await;
        world.add_schedule(SCHEDULE);
        world
    }

    fn add_schedule(&self, name: &str) {
        self.aws.add_schedule(Schedule::new(name, [EXPIRING, SHARED])).unwrap();
    }

    /// So many certificates of the fleet expire, until an action mends it.
    fn add_problems(&self, count: u32) {
        let problem = Problem::new(EXPIRING).count(count).id("cert");
        self.aws.add_problem(&problem).unwrap();
    }

    fn complete(&self, audit: &str, status: &str) {
        self.aws.complete_audit(audit, status, BTreeMap::new()).unwrap();
    }

    fn policies(&self) -> Api<StoredPolicy> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    async fn policy_status(&self, name: &str) -> AuditMitigationPolicyStatus {
        let policy = self.policies().get(name).await.unwrap();
        policy.status.good().cloned().flatten().unwrap_or_default()
    }

    /// Waits until the status of the policy, for its present spec, is as it should be.
    async fn until_policy(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&AuditMitigationPolicyStatus) -> bool,
    ) -> AuditMitigationPolicyStatus {
        let found = eventually(LIMIT, what, async || {
            let policy = self.policies().get(name).await.map_err(|error| error.to_string())?;
            let status = policy.status.good().cloned().flatten().unwrap_or_default();
            if status.observed_generation == policy.metadata.generation && holds(&status) {
                Ok(status)
            } else {
                Err(serde_json::to_string(&policy).unwrap())
            }
        })
        .await;
        found.unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", self.log()))
    }

    /// Applies a policy and waits until it watches.
    async fn watch(&self, name: &str, fields: &Value) -> AuditMitigationPolicyStatus {
        self.apply(&policy(name, fields).to_string()).await;
        let created = self.policies().get(name).await.unwrap().metadata.creation_timestamp;
        // A status that was restored says since when the policy of that time watched.
        let watches_since = |status: &AuditMitigationPolicyStatus| {
            let since = status.watching.as_ref()?.since.0;
            let watches = policy_condition(status, "Ready").0 == "True" && created.as_ref()?.0 <= since;
            watches.then_some(since)
        };
        let status = self
            .until_policy(name, "it watches", |status| watches_since(status).is_some())
            .await;
        // An audit counts that begins more than a second after the policy.
        super::until_older_than(watches_since(&status).unwrap(), 2).await;
        status
    }

    /// Waits until the audit is noted, and gives what became of it: outcome, reason, task.
    async fn noted(&self, name: &str, audit: &str) -> (String, String, Option<String>) {
        let of_audit = |status: &AuditMitigationPolicyStatus| {
            let record = status.audits.iter().find(|record| record.audit_task_id == audit)?;
            let reason = record.reason.clone().unwrap_or_default();
            Some((record.outcome.as_str().to_owned(), reason, record.task.clone()))
        };
        let what = format!("{audit} is noted");
        let status = self
            .until_policy(name, &what, |status| of_audit(status).is_some())
            .await;
        of_audit(&status).unwrap()
    }

    /// The names of the tasks that there are, in their order.
    async fn task_names(&self) -> Vec<String> {
        let tasks = self.tasks().list(&ListParams::default()).await.unwrap();
        tasks.items.iter().map(kube::ResourceExt::name_any).collect()
    }

    /// Runs an audit and waits until its task has completed.
    async fn mitigated(&self, name: &str) -> String {
        let audit = self.aws.run_schedule(SCHEDULE).unwrap();
        let (outcome, _, task) = self.noted(name, &audit).await;
        assert_eq!(outcome, "TaskCreated");
        self.phase(&task.unwrap(), Phase::Completed).await;
        audit
    }
}

/// The status and the reason of a condition.
fn policy_condition(status: &AuditMitigationPolicyStatus, condition: &str) -> (String, String) {
    let found = status.conditions.iter().find(|candidate| candidate.type_ == condition);
    found
        .map(|found| (found.status.clone(), found.reason.clone()))
        .unwrap_or_default()
}

fn says(status: &AuditMitigationPolicyStatus, condition: &str, expected: (&str, &str)) -> bool {
    policy_condition(status, condition) == (expected.0.to_owned(), expected.1.to_owned())
}

/// The loop: an audit finds, its task mends, the next audit says so.
#[tokio::test]
async fn an_audit_with_findings_makes_a_task_and_the_next_audit_says_that_it_helped() {
    let mut world = World::with_schedule("policy", &[]).await;
    world.start_operator();
    world.add_problems(3);
    // One from before the policy never counts.
    let before = world.aws.run_schedule(SCHEDULE).unwrap();
    let status = world.watch("nightly", &json!({})).await;
    assert!(says(&status, "Compliant", ("Unknown", "NoAuditYet")), "{status:?}");
    assert_eq!(status.schedule.as_ref().unwrap().frequency.as_deref(), Some("DAILY"));
    let audit = world.mitigated("nightly").await;
    let name = format!("nightly-{audit}");
    assert_eq!(world.task_names().await, std::slice::from_ref(&name));
    let task = world.get(&name).await;
    let spec = task.spec.good().unwrap();
    assert_eq!(
        spec.task_id.as_deref(),
        Some(&*format!("{}_nightly_{audit}", world.namespace))
    );
    assert_eq!(
        spec.audit_check_to_actions_mapping.keys().collect::<Vec<_>>(),
        [EXPIRING]
    );
    assert_eq!(task.labels()["devicedefender.dev/policy"], "nightly");
    let owner = &task.owner_references()[0];
    assert_eq!((&*owner.kind, owner.controller), ("AuditMitigationPolicy", Some(true)));
    assert_eq!(world.aws.tasks_of_audit(&audit).len(), 1);
    assert!(world.aws.tasks_of_audit(&before).is_empty());
    let left = world
        .until_policy("nightly", "findings are left", |status| {
            says(status, "Compliant", ("False", "FindingsLeft")) && status.active_task.is_none()
        })
        .await;
    assert_eq!(left.findings, Some(3));
    let next = world.aws.run_schedule(SCHEDULE).unwrap();
    world
        .kubectl(&["wait", "amp/nightly", "--for=condition=Compliant", "--timeout=120s"])
        .await;
    assert_eq!(world.noted("nightly", &next).await.0, "Compliant");
    assert_eq!(world.task_names().await, [name]);
    let columns = world.kubectl(&["get", "amp"]).await;
    for (title, value) in [
        ("SCHEDULE", SCHEDULE),
        ("COMPLIANT", "True"),
        ("FINDINGS", "0"),
        ("READY", "True"),
    ] {
        assert!(columns.contains(title) && columns.contains(value), "{columns}");
    }
    world
        .until_events("nightly", &["TaskCreated", "FindingsLeft", "Compliant"])
        .await;
}
