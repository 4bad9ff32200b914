//! What must hold when everything is quiet again.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, DynamicObject, ListParams, PostParams},
};
use simulator::{Operation, Task};
use support::eventually;

use crate::{
    expect::{Rest, rest},
    rates,
    resources::{AUDIT, object},
    stranger::TOKEN_PREFIX,
    summary::Summary,
    world::{LIMIT, World},
};

const CANARY: &str = "canary";

pub(crate) async fn check(world: &mut World, summary: &mut Summary) -> Result<()> {
    settle(world, summary).await?;
    starts(world, summary);
    cancels(world, summary);
    rates::rates(world, summary)?;
    quiet(world, summary).await?;
    logs(world, summary)
}

/// Waits until nothing is left to do.
async fn settle(world: &mut World, summary: &mut Summary) -> Result<()> {
    let what = "each resource that is left has its last phase, and says what the service says; none is held";
    let open = match until_settled(world, true).await {
        Ok(open) => open,
        Err(error) => {
            summary.check(what, [format!("{error:#}")]);
            return Ok(());
        }
    };
    summary.figures.push(("open attempts given up by deletion", open.len()));
    // As people would, who don't want to wait a quarter of an hour.
    for name in &open {
        let parameters = DeleteParams::default();
        world.tasks.delete(name, &parameters).await?;
    }
    let settled = until_settled(world, false).await;
    summary.check(what, settled.err().map(|error| format!("{error:#}")));
    let left = world.tasks.list(&ListParams::default()).await?.items;
    let mut phases: BTreeMap<_, usize> = BTreeMap::new();
    for task in &left {
        *phases.entry(phase(task).to_owned()).or_default() += 1;
    }
    for (phase, count) in phases {
        let name = match phase.as_str() {
            "Completed" => "resources Completed",
            "Failed" => "resources Failed",
            "Canceled" => "resources Canceled",
            "Suspended" => "resources Suspended",
            "Conflict" => "resources Conflict",
            _ => "resources in another phase",
        };
        summary.figures.push((name, count));
    }
    Ok(())
}

/// The names of those whose attempt is left open; `Queued` behind them is no fault.
async fn until_settled(world: &mut World, with_open: bool) -> Result<Vec<String>> {
    let World {
        aws,
        tasks,
        replicas,
        cluster,
        ..
    } = world;
    eventually(LIMIT, "everything is quiet", async || {
        for replica in replicas.iter_mut() {
            replica.keep(cluster)?;
        }
        let objects = tasks.list(&ListParams::default()).await?.items;
        let known = aws.tasks();
        let rests: Vec<_> = objects.iter().map(|object| (object, rest(object, &known))).collect();
        let is_open = |rest: &Rest| with_open && *rest == Rest::Open;
        let open: Vec<_> = rests
            .iter()
            .filter(|(_, rest)| is_open(rest))
            .map(|(object, _)| object.name_any())
            .collect();
        for (object, rest) in &rests {
            let waits = !open.is_empty() && phase(object) == "Queued";
            match rest {
                Rest::Settled => {}
                Rest::Busy(_) if waits => {}
                Rest::Open if with_open => {}
                rest => bail!("{rest:?}"),
            }
        }
        Ok(open)
    })
    .await
}

fn phase(object: &DynamicObject) -> &str {
    object
        .data
        .pointer("/status/phase")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default()
}

/// One task for each manifest and each resource.
fn starts(world: &World, summary: &mut Summary) {
    let tasks = world.aws.tasks();
    let counters = world.aws.counters();
    let repeated = counters.starts.iter().filter(|(_, times)| **times > 1);
    summary.check(
        "no task id was started twice",
        repeated.map(|(id, times)| format!("{id}: {times} times")),
    );
    let mut by_token: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for task in &tasks {
        by_token.entry(&task.token).or_default().push(&task.task_id);
    }
    let several = by_token.into_iter().filter(|(_, ids)| ids.len() > 1);
    summary.check(
        "no resource started two tasks",
        several.map(|(token, ids)| format!("{token}: {ids:?}")),
    );
    let others = tasks.iter().filter(|task| is_strangers(task)).count();
    summary.figures.extend([
        ("tasks started by the operator", tasks.len() - others),
        ("tasks started by the stranger", others),
    ]);
}

fn is_strangers(task: &Task) -> bool {
    task.token.starts_with(TOKEN_PREFIX)
}

/// Only tasks of resources that people deleted or cancelled are cancelled.
fn cancels(world: &World, summary: &mut Summary) {
    let tasks = world.aws.tasks();
    let calls = world.aws.calls();
    let cancels: Vec<_> = calls
        .iter()
        .filter(|call| call.operation == Some(Operation::CANCEL))
        .collect();
    let unwanted: Vec<_> = cancels
        .iter()
        .filter_map(|call| {
            let task = tasks.iter().find(|task| Some(&task.task_id) == call.task_id.as_ref())?;
            let wanted = summary.stop_wanted.contains(&task.token);
            (!wanted).then(|| format!("{} with the token {}", task.task_id, task.token))
        })
        .collect();
    summary.check("no cancel of a task that others started, and none unasked", unwanted);
    summary.figures.push(("calls of Cancel", cancels.len()));
}

/// New processes look at everything and touch nothing, and do new work at once.
async fn quiet(world: &mut World, summary: &mut Summary) -> Result<()> {
    for replica in &mut world.replicas {
        replica.restart(&world.cluster).await?;
    }
    let (calls, requests) = (world.aws.calls().len(), world.cluster.requests_of(&world.user)?.len());
    let canary = object(CANARY, Some(CANARY), AUDIT, false)?;
    world.tasks.create(&PostParams::default(), &canary).await?;
    let completed = eventually(LIMIT, "the canary completes", async || {
        let canary = world.tasks.get(CANARY).await?;
        match rest(&canary, &world.aws.tasks()) {
            Rest::Settled => Ok(()),
            rest => bail!("{rest:?}"),
        }
    })
    .await;
    summary.check(
        "after that, new processes take up new work",
        completed.err().map(|error| format!("{error:#}")),
    );
    let made = world.aws.calls();
    let other_calls: BTreeSet<_> = made
        .iter()
        .skip(calls)
        .filter(|call| call.task_id.as_deref() != Some(CANARY))
        .map(|call| format!("{:?} of {:?}", call.operation, call.task_id))
        .collect();
    let asked = world.cluster.requests_of(&world.user)?;
    let writes = asked.iter().skip(requests).filter(|request| {
        request.resource.starts_with("auditmitigationtasks")
            && !["get", "list", "watch"].contains(&request.verb.as_str())
            && request.name != CANARY
    });
    let other_writes: Vec<_> = writes.map(|request| format!("{request:?}")).collect();
    summary.check(
        "they call nothing and write nothing for what was settled before",
        other_calls.into_iter().chain(other_writes),
    );
    Ok(())
}

fn logs(world: &World, summary: &mut Summary) -> Result<()> {
    let mut panics = Vec::new();
    for path in world.replicas.iter().flat_map(crate::replica::Replica::logs) {
        let log = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
        panics.extend(
            log.lines()
                .filter(|line| line.contains("panicked at"))
                .map(ToOwned::to_owned),
        );
    }
    summary.check("no process panicked", panics);
    Ok(())
}
