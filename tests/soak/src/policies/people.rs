//! What people, schedules and the service do about policies.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use simulator::{Audit, Fault, FaultKind, Operation, Problem};

use super::{
    facts::Approval,
    manifest::{FEW, MORE, policy_of},
};
use crate::{
    actor::Actor,
    history::text,
    people::taken,
    plan::{Age, Deed, Edit, Place, Policy, Schedule, Sight, Site},
};

/// An audit counts that begins more than a second after its policy.
const SURELY_AFTER: SignedDuration = SignedDuration::from_millis(1100);

/// Before the service's clock, however far that is behind: the audit has ended.
const LONG_AGO: SignedDuration = SignedDuration::from_hours(1);

/// A hash of no plan.
const NO_PLAN: &str = "aaaaaaaaaaaaaaaa";

/// What there is to know about policies.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Each is noted before it is written.
    pub(super) approvals: Vec<Approval>,
    /// The audit of a schedule that was begun last.
    newest: BTreeMap<Schedule, String>,
    in_progress: BTreeMap<Schedule, Vec<String>>,
    /// When an audit began last.
    began: Option<Timestamp>,
    /// The hash that was approved last.
    hashes: BTreeMap<Policy, String>,
    edits: BTreeMap<Policy, u64>,
    /// The uids of policies that were deleted.
    pub(crate) deleted: BTreeSet<String>,
    /// Faults of looks.
    faults: Vec<u64>,
}

impl Books {
    /// When the next audit begins: by the cluster's clock, since it is compared with when policies were created, and the
    /// service's is behind. No two begin in the same millisecond, which is all that a status says of it.
    fn next_start(&mut self, now: Timestamp) -> Timestamp {
        let now = Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now);
        let after = self.began.map(|began| began + SignedDuration::from_millis(1));
        let start = after.map_or(now, |after| after.max(now));
        self.began = Some(start);
        start
    }
}

impl Actor {
    /// Whether it had an effect.
    pub(crate) async fn of_policies(&mut self, deed: Deed) -> Result<bool> {
        match deed {
            Deed::Create(policy) => self.create_policy(policy).await,
            Deed::Recreate(policy) => self.recreate(policy).await,
            Deed::Suspend(policy, suspend) => {
                self.edit_policy(policy, &json!({ "spec": { "suspend": suspend } }))
                    .await
            }
            Deed::Edit(policy, edit) => {
                let count = self.books.edits.entry(policy).or_default();
                *count += 1;
                let spec = edited(policy, edit, *count);
                self.edit_policy(policy, &json!({ "spec": spec })).await
            }
            Deed::Audit(schedule, findings) => self.audit(schedule, findings, true).map(|()| true),
            Deed::Begin(schedule, findings) => self.audit(schedule, findings, false).map(|()| true),
            Deed::End(schedule, completes) => Ok(self.end_audits(schedule, completes)),
            Deed::Approve(policy, place, age) => self.approve(policy, place, age).await,
            Deed::ReadsFail(seed) => {
                self.fail_reads(seed);
                Ok(true)
            }
            Deed::MendReads => {
                for fault in self.books.faults.drain(..) {
                    self.world.aws.remove_fault(fault);
                }
                Ok(true)
            }
        }
    }

    async fn create_policy(&mut self, policy: Policy) -> Result<bool> {
        let object = policy.object()?;
        let created = self.world.policies.create(&PostParams::default(), &object).await;
        Ok(taken(created)?.is_some())
    }

    async fn recreate(&mut self, policy: Policy) -> Result<bool> {
        let policies = &self.world.policies;
        let Some(found) = taken(policies.get(&policy.name()).await)? else {
            return Ok(false);
        };
        // Its tasks may be cancelled from now on.
        self.books.deleted.extend(found.uid());
        taken(policies.delete(&policy.name(), &DeleteParams::default()).await)?;
        self.create_policy(policy).await
    }

    async fn edit_policy(&mut self, policy: Policy, patch: &Value) -> Result<bool> {
        let policies = &self.world.policies;
        let (name, patch) = (policy.name(), Patch::Merge(patch));
        let patched = policies.patch(&name, &PatchParams::default(), &patch).await;
        Ok(taken(patched)?.is_some())
    }

    /// The problems of the schedule's checks are from now on as many as the audit is to find.
    fn audit(&mut self, schedule: Schedule, findings: u32, ends: bool) -> Result<()> {
        let aws = &self.world.aws;
        aws.remove_problems(&format!("{}-*", schedule.name()));
        for (check, count) in schedule.checks().into_iter().zip([findings, findings.min(1)]) {
            let problem = Problem::new(check)
                .count(count)
                .id(&format!("{}-{check}", schedule.name()));
            if count > 0 {
                aws.add_problem(&problem).context("the simulator refused a problem")?;
            }
        }
        let start = self.books.next_start(Timestamp::now());
        let audit = Audit {
            scheduled_audit_name: Some(schedule.name()),
            start: Some(start),
            end: ends.then_some(start - LONG_AGO),
            task_status: if ends { "COMPLETED" } else { "IN_PROGRESS" }.to_owned(),
            ..Audit::default()
        };
        let id = aws.run_audit(audit).context("the simulator refused an audit")?;
        if !ends {
            self.books.in_progress.entry(schedule).or_default().push(id.clone());
        }
        self.books.newest.insert(schedule, id);
        Ok(())
    }

    fn end_audits(&mut self, schedule: Schedule, completes: bool) -> bool {
        let status = if completes { "COMPLETED" } else { "FAILED" };
        let begun = self.books.in_progress.remove(&schedule).unwrap_or_default();
        let ended = begun
            .iter()
            .map(|id| self.world.aws.complete_audit(id, status, BTreeMap::new()));
        ended.flatten().count() > 0
    }

    /// Ends the audits that are in progress.
    pub(crate) fn end_all_audits(&mut self) {
        for schedule in Schedule::ALL {
            self.end_audits(schedule, true);
        }
    }

    async fn approve(&mut self, policy: Policy, place: Place, age: Age) -> Result<bool> {
        let Some((task, uid, shown)) = self.waiting(policy) else {
            return Ok(false);
        };
        let hash = match age {
            Age::Current => shown,
            Age::Old => {
                let last = self.books.hashes.get(&policy).filter(|last| **last != shown);
                last.map_or_else(|| NO_PLAN.to_owned(), Clone::clone)
            }
        };
        self.books.approvals.push(Approval {
            policy: policy.name(),
            task: (place == Place::Task).then_some(uid),
            hash: hash.clone(),
            at: Timestamp::now(),
        });
        self.ledger.touches(&task);
        let patch = json!({ "spec": { "approval": { "plan": hash } } });
        self.books.hashes.insert(policy, hash);
        match place {
            Place::Policy => self.edit_policy(policy, &patch).await,
            Place::Task => {
                let tasks = &self.world.here.tasks;
                let patched = tasks.patch(&task, &PatchParams::default(), &Patch::Merge(patch)).await;
                Ok(taken(patched)?.is_some())
            }
        }
    }

    /// The task of a policy that waits for its approval: its name, uid, and the hash of the plan that it shows.
    fn waiting(&self, policy: Policy) -> Option<(String, String, String)> {
        let told = self.world.history.told();
        let mut waiting = told.stories.values().filter(|story| {
            !story.is_gone && policy_of(&story.latest) == Some(&policy.name()) && awaits_approval(&story.latest)
        });
        let task = &waiting.next()?.latest;
        let hash = text(task, "/status/plan/hash")?;
        Some((task.name_any(), task.uid()?, hash.to_owned()))
    }

    fn fail_reads(&mut self, seed: u64) {
        let faults = [
            (Operation::ListAuditTasks, FaultKind::Internal),
            (Operation::DescribeAuditTask, FaultKind::Cut),
            (Operation::DescribeScheduledAudit, FaultKind::Throttle),
            (Operation::ListAuditFindings, FaultKind::Throttle),
            (Operation::DescribeMitigationAction, FaultKind::Unavailable),
        ];
        let aws = &self.world.aws;
        let injected = faults.map(|(operation, kind)| {
            let fault = Fault::new(kind).on(operation).probability(0.5, seed);
            aws.inject(fault)
        });
        self.books.faults.extend(injected);
    }

    /// Whether what a scene waits for is there.
    pub(crate) fn sees(&self, sight: Sight) -> bool {
        let newest = |policy: Policy| self.books.newest.get(&policy.schedule());
        match sight {
            Sight::Watches(policy) => {
                let record = self.world.of_policies.record();
                let seen = record.policy(&policy.name());
                seen.is_some_and(|seen| {
                    let counts = seen.since.is_some_and(|since| since + SURELY_AFTER < Timestamp::now());
                    seen.is_ready && counts && !self.books.deleted.contains(&seen.uid)
                })
            }
            Sight::Noted(schedule) => {
                let record = self.world.of_policies.record();
                let mut seen = schedule.policies().map(|policy| record.policy(&policy.name()));
                let newest = self.books.newest.get(&schedule);
                seen.all(|seen| seen.is_some_and(|seen| seen.noted.iter().any(|noted| Some(&noted.audit) == newest)))
            }
            Sight::Awaits(policy) => {
                let Some(audit) = newest(policy) else { return false };
                let told = self.world.history.told();
                let story = told.newest(Site::Here, &policy.task(audit));
                story.is_some_and(|story| !story.is_gone && awaits_approval(&story.latest))
            }
            Sight::Starts(policy) => newest(policy).is_some_and(|audit| {
                let id = policy.task_id(&self.world.here.namespace, audit);
                self.world.aws.task(&id).is_some()
            }),
        }
    }
}

fn awaits_approval(task: &DynamicObject) -> bool {
    text(task, "/status/phase") == Some("AwaitingApproval")
}

/// What an edit makes of the spec, the first or the next time.
fn edited(policy: Policy, edit: Edit, count: u64) -> Value {
    match edit {
        // Null takes the other check away.
        Edit::Mapping => {
            let [_, second] = policy.schedule().checks();
            let actions = if count.is_multiple_of(2) {
                json!(["Deactivate"])
            } else {
                Value::Null
            };
            json!({ "auditCheckToActionsMapping": { second: actions } })
        }
        Edit::Limits => json!({
            "successfulTasksHistoryLimit": 1 + count % 3,
            "failedTasksHistoryLimit": 1 + (count + 1) % 3,
        }),
        Edit::Bounds => {
            let findings = if count.is_multiple_of(2) { FEW } else { MORE };
            json!({ "approval": { "requiredAbove": { "findings": findings } } })
        }
    }
}
