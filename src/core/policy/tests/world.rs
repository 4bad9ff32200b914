//! A world in which a policy lives: AWS with its audits, and two clusters that have the policy.
//!
//! The tasks' own controller is a few lines here: it starts what hasn't started, under an id that AWS takes once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::bench::{EXPIRING, REGION, REVOKED, at};
use crate::api::{Approval, AuditMitigationPolicyStatus, AuditMitigationTask, Phase, StoredPolicy, StoredTask};
use crate::core::answer::{
    Audit, AuditState, AuditedCheck, CheckState, Effect, ErrorClass, Failure, Frequency, ListedAudit, ReadAnswer,
    ScheduledAudit,
};
use crate::core::policy::decide::decide;
use crate::core::policy::memory::PolicyMemory;
use crate::core::policy::observation::PolicyObservation;
use crate::core::policy::observed::ObservedPolicy;
use crate::core::policy::own_task::{OwnTask, Standing};
use crate::core::policy::region_audits::RegionAudits;
use crate::core::policy::step::Step;
use crate::core::task::tie::Tie;
use crate::core::timing::Now;

#[derive(Clone, Debug)]
pub(super) enum Audited {
    /// With findings of the one and the other check.
    Completed([bool; 2]),
    Failed,
    Canceled,
}

#[derive(Clone, Debug)]
pub(super) enum Edit {
    Suspend(bool),
    BothChecks(bool),
    OtherSchedule(bool),
    Orphan(bool),
    ShortDeadline(bool),
}

#[derive(Clone, Debug)]
pub(super) enum Happening {
    AuditBegins,
    AuditEnds(Audited),
    Poll(usize),
    PollFails(usize),
    Watch(usize),
    Pass(usize, usize),
    Crash(usize),
    TasksGoOn(usize),
    RunsEnd,
    Edit(usize, Edit),
    DeletePolicy(usize),
    CreatePolicy(usize),
    Backup(usize),
    Restore(usize, bool),
    TaskDeleted(usize, bool),
    Time(i64),
    Clock(usize, i64),
}

#[derive(Default)]
struct Cluster {
    policy: Option<Value>,
    tasks: BTreeMap<String, Value>,
    backup: Option<(Value, BTreeMap<String, Value>)>,
    /// What the watches have shown.
    seen_policy: Option<Value>,
    seen_tasks: BTreeMap<String, Value>,
    memory: PolicyMemory,
    audits: RegionAudits,
    has_polled: bool,
    clock: i64,
    watermark: Option<(String, Timestamp, Timestamp)>,
}

pub(super) struct World {
    time: Timestamp,
    begin: Instant,
    number: u64,
    audits: BTreeMap<String, Audit>,
    /// The tasks in AWS, and whether they run.
    runs: BTreeMap<String, bool>,
    /// For each audit the tasks that were started.
    pub(super) started: BTreeMap<String, BTreeSet<String>>,
    clusters: [Cluster; 2],
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self {
            time: at("2026-05-01T00:00:00.500Z"),
            begin: Instant::now(),
            number: 0,
            audits: BTreeMap::new(),
            runs: BTreeMap::new(),
            started: BTreeMap::new(),
            clusters: [Cluster::default(), Cluster::default()],
        };
        for cluster in 0..2 {
            world.happen(&Happening::CreatePolicy(cluster));
            // Another commit.
            world.happen(&Happening::Edit(cluster, Edit::BothChecks(cluster == 0)));
        }
        world
    }

    fn next(&mut self) -> String {
        self.number += 1;
        self.number.to_string()
    }

    fn now(&self, cluster: usize) -> Now {
        let age = self.time.duration_since(at("2026-05-01T00:00:00Z"));
        Now {
            wall: self.time + SignedDuration::from_secs(self.clusters[cluster].clock),
            monotonic: self.begin + age.unsigned_abs(),
        }
    }

    #[allow(clippy::too_many_lines, reason = "one arm for each thing that happens")]
    pub(super) fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::AuditBegins => {
                let id = format!("audit-{}", self.next());
                let audit = Audit {
                    state: AuditState::InProgress,
                    start_time: Some(self.time),
                    scheduled_audit_name: Some("Daily".to_owned()),
                    checks: BTreeMap::new(),
                };
                self.audits.insert(id, audit);
            }
            Happening::AuditEnds(ending) => {
                let mut running = self
                    .audits
                    .values_mut()
                    .filter(|audit| audit.state == AuditState::InProgress);
                if let Some(audit) = running.next() {
                    end(audit, ending);
                }
            }
            Happening::Poll(cluster) => self.poll(*cluster),
            Happening::PollFails(cluster) => {
                self.clusters[*cluster].audits.failed(Failure {
                    class: ErrorClass::AccessDenied,
                    effect: Effect::None,
                    message: "no".to_owned(),
                });
            }
            Happening::Watch(cluster) => {
                let cluster = &mut self.clusters[*cluster];
                cluster.seen_policy.clone_from(&cluster.policy);
                cluster.seen_tasks.clone_from(&cluster.tasks);
            }
            Happening::Pass(cluster, effects) => {
                if !self.pass(*cluster, *effects) {
                    self.happen(&Happening::Crash(*cluster));
                }
            }
            Happening::Crash(cluster) => {
                let number = *cluster;
                let cluster = &mut self.clusters[number];
                cluster.memory = PolicyMemory::default();
                cluster.audits = RegionAudits::default();
                cluster.has_polled = false;
                self.happen(&Happening::Watch(number));
            }
            Happening::TasksGoOn(cluster) => self.tasks_go_on(*cluster),
            Happening::RunsEnd => self.runs.values_mut().for_each(|runs| *runs = false),
            Happening::Edit(cluster, edit) => {
                let version = self.next();
                let Some(policy) = self.clusters[*cluster].policy.as_mut() else {
                    return;
                };
                edited(&mut policy["spec"], edit);
                policy["metadata"]["generation"] = json!(policy["metadata"]["generation"].as_i64().unwrap() + 1);
                policy["metadata"]["resourceVersion"] = json!(version);
            }
            Happening::DeletePolicy(cluster) => {
                self.clusters[*cluster].policy = None;
                self.collect_garbage(*cluster);
            }
            Happening::CreatePolicy(cluster) => self.apply_policy(*cluster, &manifest(), None),
            Happening::Backup(cluster) => {
                let cluster = &mut self.clusters[*cluster];
                cluster.backup = cluster.policy.clone().map(|policy| (policy, cluster.tasks.clone()));
            }
            Happening::Restore(cluster, with_status) => self.restore(*cluster, *with_status),
            Happening::TaskDeleted(cluster, oldest) => {
                let names: Vec<String> = self.clusters[*cluster].tasks.keys().cloned().collect();
                let name = if *oldest { names.first() } else { names.last() };
                if let Some(name) = name {
                    self.delete_task(*cluster, name);
                }
            }
            Happening::Time(seconds) => self.time += SignedDuration::from_secs(*seconds),
            Happening::Clock(cluster, seconds) => {
                self.clusters[*cluster].clock = *seconds;
            }
        }
    }

    /// Nothing goes wrong any more: everything is looked at, and nothing is left to be done.
    pub(super) fn come_to_rest(&mut self) {
        while self.audits.values().any(|audit| audit.state == AuditState::InProgress) {
            self.happen(&Happening::AuditEnds(Audited::Completed([true, true])));
        }
        for _ in 0..12 {
            self.time += SignedDuration::from_secs(700);
            for cluster in 0..2 {
                for happening in [
                    Happening::Watch(cluster),
                    Happening::Poll(cluster),
                    Happening::Pass(cluster, usize::MAX),
                    Happening::TasksGoOn(cluster),
                    Happening::RunsEnd,
                ] {
                    self.happen(&happening);
                }
            }
        }
        let newest = self.audits.values().filter_map(|audit| audit.start_time).max();
        for cluster in &self.clusters {
            let Some(policy) = &cluster.policy else { continue };
            let policy = observed(policy);
            let status = policy.status.as_ref().unwrap();
            let since = status.watching.as_ref().unwrap().since.0 + SignedDuration::from_secs(1);
            let watches = status.watching.as_ref().unwrap().scheduled_audit_name == "Daily";
            let expected = newest.filter(|newest| watches && *newest > since);
            let noted = status.audits.first().map(|record| record.start_time.0);
            assert_eq!(noted.is_some(), expected.is_some(), "missed without a note: {status:?}");
            if let Some(expected) = expected {
                assert!(
                    noted.unwrap() >= expected - SignedDuration::from_millis(1),
                    "{status:?}"
                );
            }
        }
    }

    fn poll(&mut self, cluster: usize) {
        let listed: Vec<ListedAudit> = self
            .audits
            .iter()
            .map(|(id, audit)| ListedAudit {
                id: id.clone(),
                state: audit.state.clone(),
            })
            .collect();
        let audits = &mut self.clusters[cluster].audits;
        for id in audits.listed(&listed, &BTreeSet::from(["Daily".to_owned()])) {
            audits
                .described(&id, ReadAnswer::Found(self.audits[&id].clone()))
                .unwrap();
        }
        audits.completed();
        self.clusters[cluster].has_polled = true;
    }

    /// Whether it came to its end before it was killed.
    fn pass(&mut self, number: usize, mut effects: usize) -> bool {
        let Some(mut policy) = self.clusters[number].seen_policy.clone() else {
            return true;
        };
        let mut is_fresh = false;
        for _ in 0..30 {
            let now = self.now(number);
            let cluster = &mut self.clusters[number];
            let seen = observed(&policy);
            let own = own(&cluster.seen_tasks, &seen);
            let tasks = cluster.memory.tasks(own, now.monotonic);
            let snapshot = cluster.has_polled.then(|| cluster.audits.snapshot().clone());
            let decision = decide(&PolicyObservation {
                now,
                policy: &seen,
                is_fresh,
                memory: &cluster.memory,
                audits: snapshot.as_ref(),
                tasks: &tasks,
                default_region: Some(REGION),
                altered_status: None,
            });
            let Some(step) = decision.due.into_iter().next() else {
                return true;
            };
            if effects == 0 {
                return false;
            }
            effects -= 1;
            match step {
                Step::DescribeSchedule { name, .. } => {
                    let answer = if name == "Daily" || name == "Weekly" {
                        ReadAnswer::Found(ScheduledAudit {
                            frequency: Some(Frequency::Daily),
                            checks: vec![EXPIRING.to_owned(), REVOKED.to_owned()],
                        })
                    } else {
                        ReadAnswer::NotFound
                    };
                    cluster
                        .memory
                        .schedule_described(seen.generation, answer, &seen.uid, now.monotonic);
                    is_fresh = false;
                }
                Step::Read => match cluster.policy.clone() {
                    Some(read) if read["metadata"]["uid"] == policy["metadata"]["uid"] => {
                        policy = read;
                        is_fresh = true;
                    }
                    _ => return true,
                },
                Step::WriteStatus(status) => match self.write_status(number, &policy, &status) {
                    Some(written) => {
                        policy = written;
                        is_fresh = true;
                    }
                    None => return true,
                },
                Step::CreateTask { audit_id, task } => self.create_task(number, &seen, &audit_id, &task),
                Step::DeleteTask { task, .. } => {
                    let stored = cluster.tasks.get(&task.name);
                    let is_same = stored.is_some_and(|stored| {
                        stored["metadata"]["resourceVersion"].as_str() == task.version.as_deref()
                            && stored["metadata"]["uid"] == json!(task.uid)
                    });
                    if stored.is_some() && !is_same {
                        return true;
                    }
                    cluster.memory.task_deleted(&task.uid);
                    if is_same {
                        self.delete_task(number, &task.name);
                    }
                }
            }
        }
        panic!("it never comes to an end");
    }

    fn write_status(&mut self, number: usize, seen: &Value, status: &AuditMitigationPolicyStatus) -> Option<Value> {
        let version = self.next();
        let cluster = &mut self.clusters[number];
        let policy = cluster.policy.as_mut()?;
        if policy["metadata"]["resourceVersion"] != seen["metadata"]["resourceVersion"] {
            return None;
        }
        policy["status"] = serde_json::to_value(status).unwrap();
        policy["metadata"]["resourceVersion"] = json!(version);
        // The watermark never falls, as long as the same is watched.
        let watching = status.watching.as_ref().unwrap();
        let uid = policy["metadata"]["uid"].as_str().unwrap();
        let key = format!("{uid} {}", watching.scheduled_audit_name);
        let watermark = status.audits.first().map(|record| record.start_time.0);
        if let Some((of, since, before)) = &cluster.watermark
            && (of, since) == (&key, &watching.since.0)
        {
            assert!(
                watermark.is_some_and(|watermark| watermark >= *before),
                "it fell: {status:?}"
            );
        }
        cluster.watermark = watermark.map(|watermark| (key, watching.since.0, watermark));
        assert!(status.audits.len() <= 10);
        assert!(
            status
                .audits
                .is_sorted_by_key(|record| std::cmp::Reverse(record.start_time.0))
        );
        Some(policy.clone())
    }

    fn create_task(&mut self, number: usize, seen: &ObservedPolicy, audit_id: &str, task: &AuditMitigationTask) {
        let (uid, version) = (format!("uid-{}", self.next()), self.next());
        let now = self.now(number);
        let cluster = &mut self.clusters[number];
        let name = task.metadata.name.clone().unwrap();
        if let Some(taken) = cluster.tasks.get(&name) {
            let taken: StoredTask = serde_json::from_value(taken.clone()).unwrap();
            let by_same = taken.spec.good().is_some_and(|spec| spec.task_id == task.spec.task_id);
            cluster.memory.name_taken(audit_id, by_same);
            return;
        }
        // Nothing is made while one runs, or may start.
        for other in own(&cluster.tasks, seen) {
            let ends = matches!(other.standing(), Standing::Ended { .. } | Standing::Unknown);
            assert!(ends, "{name} is made beside {other:?}");
        }
        // Nothing from before the policy, or before it was pointed at the schedule.
        let audit = &self.audits[audit_id];
        let start = audit.start_time.unwrap();
        let policy = observed(cluster.policy.as_ref().unwrap());
        assert!(start > policy.created + SignedDuration::from_secs(1));
        let since = policy.status.as_ref().unwrap().watching.as_ref().unwrap().since.0;
        assert!(start > since + SignedDuration::from_secs(1));
        assert_eq!(audit.state, AuditState::Completed);
        assert!(task.spec.approval == Some(Approval::default()));
        let mut object = serde_json::to_value(task).unwrap();
        object["metadata"]["uid"] = json!(uid);
        object["metadata"]["resourceVersion"] = json!(version);
        object["metadata"]["creationTimestamp"] = json!(whole(self.time));
        let stored: StoredTask = serde_json::from_value(object.clone()).unwrap();
        cluster.tasks.insert(name, object);
        cluster.memory.task_made(audit_id, OwnTask::of(&stored), now.monotonic);
    }

    /// What the controller of tasks does: starts what has not started, and sees the end of what runs.
    fn tasks_go_on(&mut self, number: usize) {
        let names: Vec<String> = self.clusters[number].tasks.keys().cloned().collect();
        for name in names {
            let version = self.next();
            let task = self.clusters[number].tasks.get_mut(&name).unwrap();
            let id = task["spec"]["taskId"].as_str().unwrap().to_owned();
            let audit = task["spec"]["target"]["auditTaskId"].as_str().unwrap().to_owned();
            let before = task["status"]["phase"].as_str().map(str::to_owned);
            let phase = match before.as_deref() {
                // First it waits for its approval.
                None => "AwaitingApproval",
                Some("AwaitingApproval") => {
                    if !self.runs.contains_key(&id) {
                        self.runs.insert(id.clone(), true);
                        self.started.entry(audit).or_default().insert(id.clone());
                    }
                    if self.runs[&id] { "Running" } else { "Completed" }
                }
                Some("Running") if !self.runs[&id] => "Completed",
                Some(_) => continue,
            };
            task["status"] = json!({ "phase": phase });
            task["metadata"]["resourceVersion"] = json!(version);
        }
        for (audit, tasks) in &self.started {
            assert!(tasks.len() <= 1, "audit {audit} was mitigated by {tasks:?}");
        }
    }

    fn delete_task(&mut self, number: usize, name: &str) {
        let Some(task) = self.clusters[number].tasks.remove(name) else {
            return;
        };
        let is_running = task["status"]["phase"] == "Running";
        if is_running && task["spec"]["deletionPolicy"] != "Orphan" {
            self.runs
                .insert(task["spec"]["taskId"].as_str().unwrap().to_owned(), false);
        }
    }

    fn collect_garbage(&mut self, number: usize) {
        let cluster = &self.clusters[number];
        let uid = cluster.policy.as_ref().map(|policy| policy["metadata"]["uid"].clone());
        let gone: Vec<String> = cluster
            .tasks
            .iter()
            .filter(|(_, task)| {
                let owner = &task["metadata"]["ownerReferences"][0]["uid"];
                !owner.is_null() && Some(owner) != uid.as_ref()
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            self.delete_task(number, &name);
        }
    }

    fn apply_policy(&mut self, number: usize, spec: &Value, status: Option<Value>) {
        let (uid, version, created) = (self.next(), self.next(), whole(self.time));
        let cluster = &mut self.clusters[number];
        if cluster.policy.is_some() {
            return;
        }
        let mut policy = json!({
            "metadata": {
                "name": "nightly", "namespace": "fleet", "uid": uid, "generation": 1, "resourceVersion": version,
                "creationTimestamp": created,
            },
            "spec": spec,
            "status": { "observedGeneration": -1 },
        });
        if let Some(status) = status {
            policy["status"] = status;
        }
        cluster.policy = Some(policy);
        // Another object: nothing is remembered of it.
        cluster.memory = PolicyMemory::default();
        self.happen(&Happening::Watch(number));
    }

    /// As backup tools do it: without owners, and with statuses or without.
    fn restore(&mut self, number: usize, with_status: bool) {
        let Some((policy, tasks)) = self.clusters[number].backup.clone() else {
            return;
        };
        if self.clusters[number].policy.is_some() {
            return;
        }
        let status = with_status.then(|| policy["status"].clone());
        self.apply_policy(number, &policy["spec"], status);
        for (name, mut task) in tasks {
            let (uid, version) = (self.next(), self.next());
            task["metadata"]["uid"] = json!(uid);
            task["metadata"]["resourceVersion"] = json!(version);
            task["metadata"].as_object_mut().unwrap().remove("ownerReferences");
            if !with_status {
                task["status"] = json!({});
            }
            self.clusters[number].tasks.entry(name).or_insert(task);
        }
        self.happen(&Happening::Watch(number));
    }
}

fn whole(time: Timestamp) -> String {
    crate::core::timing::whole_seconds(time).to_string()
}

fn manifest() -> Value {
    json!({
        "scheduledAuditName": "Daily",
        "auditCheckToActionsMapping": { EXPIRING: ["Quarantine"] },
        "approval": {},
    })
}

fn edited(spec: &mut Value, edit: &Edit) {
    match edit {
        Edit::Suspend(suspend) => spec["suspend"] = json!(suspend),
        Edit::BothChecks(true) => spec["auditCheckToActionsMapping"][REVOKED] = json!(["Deactivate"]),
        Edit::BothChecks(false) => {
            spec["auditCheckToActionsMapping"]
                .as_object_mut()
                .unwrap()
                .remove(REVOKED);
        }
        Edit::OtherSchedule(other) => spec["scheduledAuditName"] = json!(if *other { "Weekly" } else { "Daily" }),
        Edit::Orphan(orphan) => spec["deletionPolicy"] = json!(if *orphan { "Orphan" } else { "Cancel" }),
        Edit::ShortDeadline(short) => spec["startingDeadlineSeconds"] = json!(if *short { 60 } else { 172_800 }),
    }
}

fn end(audit: &mut Audit, ending: &Audited) {
    let findings = match ending {
        Audited::Completed(findings) => findings,
        Audited::Failed => return audit.state = AuditState::Failed,
        Audited::Canceled => return audit.state = AuditState::Canceled,
    };
    audit.state = AuditState::Completed;
    for (check, is_found) in [EXPIRING, REVOKED].into_iter().zip(findings) {
        let audited = AuditedCheck {
            state: if *is_found {
                CheckState::NonCompliant
            } else {
                CheckState::Compliant
            },
            resources: Some(100),
            non_compliant: Some(3),
            suppressed: None,
            error_code: None,
        };
        audit.checks.insert(check.to_owned(), audited);
    }
}

fn observed(policy: &Value) -> ObservedPolicy {
    let stored: StoredPolicy = serde_json::from_value(policy.clone()).unwrap();
    ObservedPolicy::parse(&stored)
}

fn own(tasks: &BTreeMap<String, Value>, policy: &ObservedPolicy) -> Vec<OwnTask> {
    let stored = tasks
        .values()
        .map(|task| serde_json::from_value::<StoredTask>(task.clone()).unwrap());
    stored
        .filter(|task| Tie::of(task).is_to(&policy.name, &policy.uid))
        .map(|task| OwnTask::of(&task))
        .collect()
}

/// So that a phase that is misspelled here is noticed.
#[test]
fn the_phases_are_those_of_tasks() {
    for phase in ["AwaitingApproval", "Running", "Completed"] {
        let _: Phase = serde_json::from_value(json!(phase)).unwrap();
    }
}
