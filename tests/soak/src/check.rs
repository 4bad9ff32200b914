//! What must hold when everything is quiet again.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail, ensure};
use jiff::Timestamp;
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use simulator::{Call, Operation, Task};
use std::time::Duration;
use support::eventually;
use tokio::time::Instant;

use crate::{
    actor::Actor,
    expect::{Rest, rest},
    history::text,
    monitor, policies, rates,
    replica::Replica,
    requests,
    resources::plain,
    stranger::TOKEN_PREFIX,
    summary::Summary,
    world::{LIMIT, World},
};

const CANARY: &str = "canary";

/// How long a status may say that it is the last word and be wrong: the next look at the task mends it.
const WRONG: Duration = Duration::from_secs(20);

/// How long policies may take to rest: a look at audits may be put off by a minute, and a task runs for seconds.
const POLICIES_REST: Duration = Duration::from_mins(3);

/// How long nothing may change before that counts as stuck, but for those who say when they go on.
const STUCK: Duration = Duration::from_mins(2);

pub(crate) async fn check(actor: &mut Actor, summary: &mut Summary) -> Result<()> {
    // What was seen on the way says enough: no waiting for an end that may never come.
    let was_whole = summary.violations.is_empty();
    if was_whole {
        settle(&mut actor.world, summary).await?;
    }
    let calls = actor.world.aws.calls();
    figures(&actor.world, &calls, summary);
    summary.figures.extend(policies::figures(actor, &calls));
    for (promise, broken) in policies::look(actor, &calls) {
        summary.check(promise, broken.into_iter().map(|violation| violation.how));
    }
    for (promise, broken) in [
        (monitor::TOKENS, monitor::tokens(&actor.world, &calls)),
        (monitor::LEASE, monitor::leadership(&actor.world, &calls)?),
        (requests::READ_BEFORE, requests::unread(actor, &calls)?),
    ] {
        summary.check(promise, broken.into_iter().map(|violation| violation.how));
    }
    summary.check(policies::DELETED, policies::deleted_manifests(&actor.world)?);
    rates::rates(&actor.world, &calls, &actor.ledger.touched, summary);
    requests::requests(actor, &calls, summary)?;
    if was_whole {
        quiet(&mut actor.world, summary).await?;
    }
    logs(&actor.world, summary)
}

/// Waits until nothing is left to do.
async fn settle(world: &mut World, summary: &mut Summary) -> Result<()> {
    let what = "each resource that is left has its last phase, and says what the service says; none is held";
    let waiting = match until_settled(world, true).await {
        Ok(waiting) => waiting,
        Err(error) => {
            summary.check(what, [format!("{error:#}")]);
            return Ok(());
        }
    };
    summary
        .figures
        .push(("waits of more than a minute, ended by deletion", waiting.len()));
    // As people would, who don't want to wait a quarter of an hour.
    for (api, name) in &waiting {
        let parameters = DeleteParams::default();
        api.delete(name, &parameters).await?;
    }
    let mut settled = until_settled(world, false).await;
    if settled.is_ok() {
        // They make tasks, and delete them, until they rest.
        let what =
            "each audit is noted as what became of it, the history limits hold, and no task of an older audit waits";
        let rested = eventually(POLICIES_REST, what, async || policies::rest(world)).await;
        summary.check(what, rested.err().map(|error| format!("{error:#}")));
        settled = until_settled(world, false).await;
    }
    summary.check(what, settled.err().map(|error| format!("{error:#}")));
    let mut phases: BTreeMap<_, usize> = BTreeMap::new();
    for (_, object) in all(world).await? {
        let phase = text(&object, "/status/phase").unwrap_or_default().to_owned();
        *phases.entry(phase).or_default() += 1;
    }
    for (phase, count) in phases {
        let name = match phase.as_str() {
            "Completed" => "resources Completed",
            "Failed" => "resources Failed",
            "Canceled" => "resources Canceled",
            "Suspended" => "resources Suspended",
            "AwaitingApproval" => "resources AwaitingApproval",
            "Conflict" => "resources Conflict",
            "Rejected" => "resources Rejected",
            _ => "resources in another phase",
        };
        summary.figures.push((name, count));
    }
    Ok(())
}

async fn all(world: &World) -> Result<Vec<(Api<DynamicObject>, DynamicObject)>> {
    let mut all = Vec::new();
    for place in world.places() {
        let listed = place.tasks.list(&ListParams::default()).await?.items;
        all.extend(listed.into_iter().map(|object| (place.tasks.clone(), object)));
    }
    Ok(all)
}

/// Those that wait for longer than anybody would; `Queued` behind them is no fault.
async fn until_settled(world: &mut World, may_wait: bool) -> Result<Vec<(Api<DynamicObject>, String)>> {
    let mut patience = Patience::new();
    // The outer result ends the wait: what is wrong or stuck doesn't become right.
    eventually(LIMIT, "everything is quiet", async || {
        world.keep()?;
        let objects = all(world).await?;
        let tasks = world.aws.tasks();
        let rests: Vec<_> = objects.iter().map(|(_, object)| rest(object, &tasks)).collect();
        let waiting: Vec<_> = objects
            .iter()
            .zip(&rests)
            .filter(|(_, rest)| may_wait && **rest == Rest::Waits)
            .map(|((api, object), _)| (api.clone(), object.name_any()))
            .collect();
        let left = objects.iter().zip(&rests).find(|((_, object), rest)| match rest {
            Rest::Settled => false,
            Rest::Waits => !may_wait,
            Rest::Busy(_) => waiting.is_empty() || text(object, "/status/phase") != Some("Queued"),
            Rest::Wrong(_) => true,
        });
        let Some((_, left)) = left else {
            return Ok(Ok(waiting));
        };
        if let Err(verdict) = patience.bears(&objects, &tasks, &rests) {
            return Ok(Err(verdict));
        }
        bail!("{left:?}")
    })
    .await?
}

/// What changed last, and since when something is wrong.
struct Patience {
    seen: (Vec<Option<String>>, Vec<String>),
    changed: Instant,
    right: Instant,
}

impl Patience {
    fn new() -> Self {
        Self {
            seen: Default::default(),
            changed: Instant::now(),
            right: Instant::now(),
        }
    }

    fn bears(&mut self, objects: &[(Api<DynamicObject>, DynamicObject)], tasks: &[Task], rests: &[Rest]) -> Result<()> {
        let now = Instant::now();
        let versions = objects.iter().map(|(_, object)| object.resource_version()).collect();
        let seen = (versions, tasks.iter().map(|task| task.status.clone()).collect());
        if seen != self.seen {
            (self.seen, self.changed) = (seen, now);
        }
        let wrong = rests.iter().find(|rest| matches!(rest, Rest::Wrong(_)));
        if wrong.is_none() {
            self.right = now;
        }
        ensure!(now - self.right < WRONG, "for {WRONG:?}: {wrong:?}");
        let goes_on = |(_, object): &(_, DynamicObject)| {
            let next: Option<Timestamp> = text(object, "/status/nextAttemptTime").and_then(|time| time.parse().ok());
            next.is_some_and(|next| next > Timestamp::now())
        };
        if objects.iter().any(goes_on) {
            self.changed = now;
        }
        let busy: Vec<_> = rests.iter().filter(|rest| **rest != Rest::Settled).collect();
        ensure!(
            now - self.changed < STUCK,
            "nothing has changed for {STUCK:?}: {busy:?}"
        );
        Ok(())
    }
}

fn figures(world: &World, calls: &[Call], summary: &mut Summary) {
    let tasks = world.aws.tasks();
    let others = tasks.iter().filter(|task| task.token.starts_with(TOKEN_PREFIX)).count();
    let cancels = calls
        .iter()
        .filter(|call| call.operation == Some(Operation::CANCEL))
        .count();
    summary.figures.extend([
        ("tasks started by the operators", tasks.len() - others),
        ("tasks started by the stranger", others),
        ("calls of Cancel", cancels),
    ]);
}

/// New processes look at everything and touch nothing, and do new work at once.
async fn quiet(world: &mut World, summary: &mut Summary) -> Result<()> {
    for replica in &mut world.replicas {
        replica.restart(&world.cluster).await?;
    }
    let calls = world.aws.calls().len();
    let mut asked = Vec::new();
    for place in world.places() {
        asked.push(world.cluster.requests_of(&place.user)?.len());
        let canary = plain(CANARY, Some(&format!("{CANARY}-{}", place.namespace)))?;
        place.tasks.create(&PostParams::default(), &canary).await?;
    }
    let completed = eventually(LIMIT, "the canaries complete", async || {
        for place in world.places() {
            let canary = place.tasks.get(CANARY).await?;
            match rest(&canary, &world.aws.tasks()) {
                Rest::Settled => {}
                rest => bail!("{rest:?}"),
            }
        }
        Ok(())
    })
    .await;
    summary.check(
        "after that, new processes take up new work",
        completed.err().map(|error| format!("{error:#}")),
    );
    let made = world.aws.calls();
    let is_canarys = |call: &&Call| call.task_id.as_deref().is_some_and(|id| id.starts_with(CANARY));
    // A policy looks at audits all the time, and at its schedule first.
    let is_look = |call: &&Call| {
        let looks = [
            Operation::ListAuditTasks,
            Operation::DescribeAuditTask,
            Operation::DescribeScheduledAudit,
        ];
        call.operation.is_some_and(|operation| looks.contains(&operation))
    };
    let mut touched: BTreeSet<_> = made
        .iter()
        .skip(calls)
        .filter(|call| !is_canarys(call) && !is_look(call))
        .map(|call| format!("{:?} of {:?}", call.operation, call.task_id))
        .collect();
    for (place, before) in world.places().into_iter().zip(asked) {
        let requests = world.cluster.requests_of(&place.user)?;
        let writes = requests.iter().skip(before).filter(|request| {
            (requests::is_about_tasks(request) || requests::is_about_policies(request))
                && !["get", "list", "watch"].contains(&request.verb.as_str())
                && request.name != CANARY
        });
        touched.extend(writes.map(|request| format!("{request:?}")));
    }
    summary.check(
        "they call nothing and write nothing for what was settled before",
        touched,
    );
    Ok(())
}

fn logs(world: &World, summary: &mut Summary) -> Result<()> {
    let mut panics = Vec::new();
    for path in world.replicas.iter().flat_map(Replica::logs) {
        let log = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
        let lines = log.lines().filter(|line| line.contains("panicked at"));
        panics.extend(lines.map(ToOwned::to_owned));
    }
    summary.check("no process panicked", panics);
    if !summary.violations.is_empty() {
        // The originals go with the run.
        let kept = tempfile::Builder::new().prefix("soak-").tempdir()?.keep();
        for path in world.replicas.iter().flat_map(Replica::logs) {
            std::fs::copy(path, kept.join(path.file_name().unwrap_or_default()))?;
        }
        std::fs::write(kept.join("calls.json"), serde_json::to_vec_pretty(&world.aws.calls())?)?;
        let record = format!("{:#?}", world.of_policies.record());
        std::fs::write(kept.join("policies.txt"), record)?;
        summary.logs = Some(kept);
    }
    Ok(())
}
