//! Many tasks with bounds, approvals and redefinitions at random, while calls fail and the operator dies: nothing is
//! started beyond a bound without its hash, nor under another plan than the approved one.
//!
//! `APPROVAL_TASKS` sets how many tasks there are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use audit_mitigation_operator::api::{
    AuditMitigationTaskStatus, Phase, START_RECORD_ANNOTATION, StartRecord, StoredTask,
};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use simulator::{Audit, Fault, FaultKind, Operation, Problem, Redefinition};
use support::eventually;

use super::{LIMIT, World, status};

const CHECK: &str = "DEVICE_CERTIFICATE_EXPIRING_CHECK";
/// How often the operator dies.
const KILLS: usize = 6;

fn tasks() -> usize {
    std::env::var("APPROVAL_TASKS")
        .ok()
        .and_then(|tasks| tasks.parse().ok())
        .unwrap_or(40)
}

/// Names of tasks, and the hashes that somebody approved for them.
type Approved = Mutex<BTreeSet<(String, String)>>;

/// The roles that the action had, each since that time.
type Roles = Vec<(Timestamp, String)>;

fn redefine(world: &World, roles: &mut Roles) {
    let role = format!("arn:aws:iam::123456789012:role/role-{}", roles.len());
    let redefinition = Redefinition {
        role_arn: Some(role.clone()),
        ..Redefinition::default()
    };
    world.aws.redefine_action("Quarantine", redefinition).unwrap();
    roles.push((world.aws.now(), role));
}

/// Audits with 5, 10, 15 and 20 findings of 100 and more resources.
fn audits(world: &World) -> Vec<String> {
    (1..=4)
        .map(|number| {
            world
                .aws
                .add_problem(&Problem::new(CHECK).count(5).id(&format!("p{number}")))
                .unwrap();
            let audit = Audit {
                task_id: format!("audit-{number}"),
                checks: vec![CHECK.to_owned()],
                ..Audit::default()
            };
            world.aws.run_audit(audit).unwrap()
        })
        .collect()
}

fn manifest(number: usize, audits: &[String]) -> Value {
    let bounds = match fastrand::u8(..4) {
        0 => json!({}),
        1 => json!({ "requiredAbove": { "findings": fastrand::i64(0..25) } }),
        2 => json!({ "requiredAbove": { "percent": fastrand::i64(0..20) } }),
        _ => json!({ "requiredAbove": { "findings": fastrand::i64(0..25), "percent": fastrand::i64(0..20) } }),
    };
    json!({
        "taskId": format!("task-{number}"),
        "target": { "auditTaskId": audits[number % audits.len()] },
        "auditCheckToActionsMapping": { CHECK: ["Quarantine"] },
        "approval": bounds,
    })
}

/// Nobody ever approves these.
fn is_refused(task: &StoredTask) -> bool {
    task.name_any().ends_with('7')
}

fn is_at_its_end(task: &StoredTask) -> bool {
    let phase = status(task).phase;
    phase == Some(Phase::Completed) || phase == Some(Phase::AwaitingApproval) && is_refused(task)
}

impl World {
    async fn all(&self) -> Vec<StoredTask> {
        self.tasks().list(&ListParams::default()).await.unwrap().items
    }

    /// People approve: mostly what they see, now and then something else.
    async fn approve_some(&self, approved: &Approved) {
        for task in self.all().await {
            let status = status(&task);
            let Some(plan) = status.plan.filter(|_| status.phase == Some(Phase::AwaitingApproval)) else {
                continue;
            };
            if is_refused(&task) {
                continue;
            }
            let hash = match fastrand::u8(..10) {
                0 | 1 => "aaaaaaaaaaaaaaaa".to_owned(),
                2 | 3 => continue,
                _ => plan.hash,
            };
            let patch = Patch::Merge(json!({ "spec": { "approval": { "plan": &hash } } }));
            let edited = self
                .tasks()
                .patch(&task.name_any(), &PatchParams::default(), &patch)
                .await;
            // Somebody's approval before may have been enough meanwhile.
            match edited {
                Ok(_) => drop(approved.lock().unwrap().insert((task.name_any(), hash))),
                Err(error) => assert!(error.to_string().contains("is immutable once"), "{error}"),
            }
        }
    }
}

/// A start that nobody approved, if this one is.
fn violation(world: &World, task: &StoredTask, roles: &Roles, approved: &Approved) -> Option<String> {
    let status: AuditMitigationTaskStatus = status(task);
    let spec = task.spec.good()?;
    let id = spec.task_id.clone()?;
    let started = world.aws.task(&id)?;
    let Some(plan) = status.plan else {
        return Some(format!("{id} was started without a plan"));
    };
    let approval = spec.approval.clone()?;
    let bounds = approval.required_above.unwrap_or_default();
    let has_bounds = bounds.findings.is_some() || bounds.percent.is_some();
    let is_within = has_bounds
        && bounds
            .findings
            .is_none_or(|most| plan.findings.is_some_and(|findings| findings <= most))
        && bounds
            .percent
            .is_none_or(|most| plan.percent.is_some_and(|percent| percent <= most));
    // Until the status names the task, a later edit may still replace the hash that it was started under.
    let is_approved = approved.lock().unwrap().contains(&(task.name_any(), plan.hash.clone()));
    if !is_within && !is_approved {
        return Some(format!(
            "{id} was started beyond {bounds:?} without approval of {}",
            plan.hash
        ));
    }
    if plan.findings != i64::try_from(started.mitigates.len()).ok() {
        return Some(format!("{id} has other findings than its plan: {started:?} {plan:?}"));
    }
    let record: StartRecord = serde_json::from_str(task.annotations().get(START_RECORD_ANNOTATION)?).ok()?;
    let earliest = record.time - SignedDuration::from_secs(62);
    let until = roles.iter().skip(1).map(|(until, _)| *until).chain([Timestamp::MAX]);
    let was_current = |role: &str| {
        std::iter::zip(roles, until.clone())
            .any(|((since, known), until)| known == role && *since <= started.start && until >= earliest)
    };
    let role = plan
        .actions
        .first()
        .and_then(|action| action.role_arn.clone())
        .unwrap_or_default();
    (!was_current(&role)).then(|| format!("{id} was started under a plan with {role}, which was redefined long before"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_start_beyond_a_bound_without_its_hash() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    fastrand::seed(seed);
    let mut world = World::without_operator("approvals", &["--max-running-tasks=10"], |_| {}).await;
    let audits = audits(&world);
    let (mut roles, approved) = (Roles::new(), Approved::default());
    redefine(&world, &mut roles);
    for number in 0..tasks() {
        world
            .create(&format!("task-{number}"), &manifest(number, &audits))
            .await;
    }
    let faults = [
        Fault::new(FaultKind::Internal)
            .on(Operation::StartAuditMitigationActionsTask)
            .probability(0.1, 1)
            .after_work(),
        Fault::new(FaultKind::Throttle)
            .on(Operation::ListAuditFindings)
            .probability(0.05, 2),
        Fault::new(FaultKind::Internal)
            .on(Operation::DescribeMitigationAction)
            .probability(0.1, 3),
        Fault::new(FaultKind::Cut)
            .on(Operation::DescribeAuditTask)
            .probability(0.1, 4),
    ];
    for fault in faults {
        world.aws.inject(fault);
    }
    world.start_operator();
    for kill in 0..KILLS {
        // As much as a person does between two looks, and no more than the tasks there are.
        let calls = world.aws.calls().last().map_or(0, |call| call.seq);
        let progress = eventually(LIMIT, "it goes on", async || {
            let now = world.aws.calls().last().map_or(0, |call| call.seq);
            let rests =
                |task: &StoredTask| matches!(status(task).phase, Some(Phase::Completed | Phase::AwaitingApproval));
            let is_over = world.all().await.iter().all(rests);
            if now >= calls + 30 || is_over {
                Ok(())
            } else {
                Err(now.to_string())
            }
        });
        progress.await.unwrap();
        world.approve_some(&approved).await;
        if kill % 2 == 0 {
            redefine(&world, &mut roles);
        }
        world.operator.take().unwrap().kill().unwrap();
        world.start_operator();
    }
    world.aws.clear_faults();
    eventually(LIMIT * 4, "all come to their end", async || {
        world.approve_some(&approved).await;
        let all = world.all().await;
        let open: BTreeMap<_, _> = all
            .iter()
            .filter(|task| !is_at_its_end(task))
            .map(|task| (task.name_any(), status(task).phase))
            .collect();
        if open.is_empty() {
            Ok(())
        } else {
            Err(format!("{open:?}"))
        }
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", world.log()));
    let all = world.all().await;
    let violations: Vec<String> = all
        .iter()
        .filter_map(|task| violation(&world, task, &roles, &approved))
        .collect();
    assert!(violations.is_empty(), "{violations:#?}");
    for task in &all {
        let id = format!("task-{}", task.name_any().trim_start_matches("task-"));
        let expected = u64::from(status(task).phase == Some(Phase::Completed));
        assert_eq!(world.aws.starts(&id), expected, "{id}");
    }
    let waiting = all
        .iter()
        .filter(|task| status(task).phase == Some(Phase::AwaitingApproval))
        .count();
    println!(
        "{} tasks, {} started, {waiting} never approved, {} redefinitions, {KILLS} kills",
        all.len(),
        all.len() - waiting,
        roles.len()
    );
}
