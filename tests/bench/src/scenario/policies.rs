//! Policies on a few schedules of one region: what they cost between audits, and what audits make of them.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use kube::{
    Api,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, PostParams},
};
use serde_json::{Value, json};
use simulator::{Problem, Schedule};
use support::eventually;
use tokio::time::sleep;

use super::{between, mebibytes, seconds};
use crate::{
    candidate::Candidate,
    report::Figure,
    resources::Watch,
    run::{Run, counted},
    stand::{LIMIT, Stand},
};

const CRD: &str = include_str!("../../../../crds/auditmitigationpolicies.yaml");

const SCHEDULES: usize = 5;

/// Findings of it are mitigated, and the action leaves them for the next audit.
const CHECK: &str = "DEVICE_CERTIFICATE_EXPIRING_CHECK";

const PROBLEM: &str = "bench";

/// How large it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PolicySizes {
    pub(crate) policies: usize,
    /// How long they are watched between audits.
    pub(crate) rest: Duration,
    /// How often each schedule runs then.
    pub(crate) audits: usize,
    /// `--audit-poll-interval`
    pub(crate) interval: &'static str,
}

pub(super) async fn run(stand: &Stand, candidate: &Candidate, sizes: PolicySizes) -> Result<Vec<Figure>> {
    prepare(stand).await?;
    let namespace = stand.cluster.namespace("policies").await?;
    let policies: Api<DynamicObject> = Api::namespaced_with(stand.client.clone(), &namespace, &resource());
    let variables = [("AUDIT_POLL_INTERVAL", sizes.interval)];

    let mut run = Run::start(stand, candidate, &namespace, &variables).await?;
    run.ready().await?;
    run.quiet().await?;
    let empty = run.memory()?;
    run.end().await?;

    let mut watch = Watch::start(stand.tasks(&namespace));
    let mut run = Run::start(stand, candidate, &namespace, &variables).await?;
    run.ready().await?;
    create(&policies, sizes.policies).await?;
    let since = until_all_watch(&policies, sizes.policies).await?;
    run.quiet().await?;
    let of = |what: &str| format!("{} policies: {what}", sizes.policies);
    let mut figures = vec![mebibytes("0 policies: resident", empty.resident)];

    let (began, used) = (Timestamp::now(), run.cpu()?);
    sleep(sizes.rest).await;
    let used = run.cpu()?.saturating_sub(used);
    let memory = run.memory()?;
    figures.extend([
        mebibytes(&of("resident between audits"), memory.resident),
        seconds("between audits: time", between(began, Timestamp::now())),
        seconds("between audits: CPU", used),
    ]);
    figures.extend(asked(&run, "between audits", began)?);

    let counts_from = since.checked_add(Duration::from_secs(2)).context("no such time")?;
    eventually(LIMIT, "audits from now on count", async || {
        if Timestamp::now() > counts_from {
            Ok(())
        } else {
            Err("not yet")
        }
    })
    .await?;
    let (began, clock, mut audits) = (Timestamp::now(), Instant::now(), Vec::new());
    for _ in 0..sizes.audits {
        for number in 0..SCHEDULES {
            audits.push(stand.aws.run_schedule(&schedule(number))?);
        }
        let expected = audits.len() / SCHEDULES * sizes.policies;
        watch
            .until("the tasks of the audits are done", |progress| progress.free >= expected)
            .await?;
    }
    run.quiet().await?;
    let during = format!("{} audits of each schedule", sizes.audits);
    let memory = run.memory()?;
    figures.extend([
        seconds(&format!("{during}: time"), clock.elapsed()),
        mebibytes(&of("resident after their audits"), memory.resident),
        mebibytes(&of("resident, most"), memory.peak),
    ]);
    figures.extend(asked(&run, &during, began)?);
    run.end().await?;

    policies
        .delete_collection(&DeleteParams::default(), &ListParams::default())
        .await?;
    for audit in &audits {
        stand.aws.remove_audits(audit);
    }
    stand.aws.remove_problems(PROBLEM);
    Ok(figures)
}

/// The definition, schedules, and what their audits find.
async fn prepare(stand: &Stand) -> Result<()> {
    stand.set(|settings| {
        settings.task_duration = Duration::from_secs(1);
        Stand::without_quotas(settings);
    });
    stand.aws.clear_calls();
    stand.cluster.apply(CRD).await?;
    let all: Api<DynamicObject> = Api::all_with(stand.client.clone(), &resource());
    eventually(LIMIT, "policies are served", async || {
        all.list(&ListParams::default().limit(1)).await
    })
    .await?;
    for number in 0..SCHEDULES {
        stand.aws.add_schedule(Schedule::new(&schedule(number), [CHECK]))?;
    }
    stand.aws.add_problem(&Problem::new(CHECK).count(3).id(PROBLEM))?;
    Ok(())
}

fn schedule(number: usize) -> String {
    format!("Schedule{number}")
}

async fn create(policies: &Api<DynamicObject>, count: usize) -> Result<()> {
    for number in 0..count {
        let policy = json!({
            "apiVersion": "devicedefender.dev/v1alpha1",
            "kind": "AuditMitigationPolicy",
            "metadata": { "name": format!("policy-{number}") },
            "spec": {
                "scheduledAuditName": schedule(number % SCHEDULES),
                "auditCheckToActionsMapping": { CHECK: ["Quarantine"] },
                "approval": { "requiredAbove": { "percent": 100 } },
            },
        });
        let policy = serde_json::from_value(policy).context("no object")?;
        policies.create(&PostParams::default(), &policy).await?;
    }
    Ok(())
}

/// Waits until all say that they watch: when the youngest began to.
async fn until_all_watch(policies: &Api<DynamicObject>, count: usize) -> Result<Timestamp> {
    eventually(LIMIT, "all policies watch", async || {
        let list = policies
            .list(&ListParams::default())
            .await
            .map_err(|error| error.to_string())?;
        let since: Vec<Timestamp> = list.items.iter().filter_map(watches_since).collect();
        match since.iter().max() {
            Some(youngest) if since.len() == count => Ok(*youngest),
            _ => Err(format!("{} of {count} do", since.len())),
        }
    })
    .await
}

fn watches_since(policy: &DynamicObject) -> Option<Timestamp> {
    let conditions = policy.data.pointer("/status/conditions")?.as_array()?;
    let is_ready = |condition: &&Value| condition["type"] == "Ready" && condition["status"] == "True";
    conditions.iter().find(is_ready)?;
    policy.data.pointer("/status/watching/since")?.as_str()?.parse().ok()
}

/// What it has asked of AWS and of the API server since then.
fn asked(run: &Run<'_>, when: &str, since: Timestamp) -> Result<Vec<Figure>> {
    let calls = run.calls();
    let calls = calls.iter().filter(|call| call.time >= since);
    let calls = calls.map(|call| format!("{when}: AWS calls, {}", Run::name_of(call)));
    let requests = run.requests()?.into_iter().filter(|request| request.time >= since);
    let requests: Vec<_> = requests.collect();
    let is_write = |verb: &str| !["get", "list", "watch"].contains(&verb);
    let writes = requests.iter().filter(|request| is_write(&request.verb)).count();
    let mut figures = counted(calls);
    figures.push(Figure::count(format!("{when}: writes to the API server"), writes));
    let requests = requests
        .iter()
        .map(|request| format!("{when}: {}", Run::title_of(request)));
    figures.extend(counted(requests));
    Ok(figures)
}

fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("devicedefender.dev", "v1alpha1", "AuditMitigationPolicy");
    ApiResource::from_gvk_with_plural(&kind, "auditmitigationpolicies")
}
