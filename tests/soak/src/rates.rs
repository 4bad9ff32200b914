//! How often the operator asked: of the service, from the simulator's log, and of the API server, from its audit log.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use simulator::{Call, Operation};
use support::busiest;

use crate::{replica::Replica, summary::Summary, world::World};

/// The operator's own limits are 8 starts and 20 others a second, with a burst of one second's worth, and each new
/// process begins afresh: this is what two processes in a row may reach, and far from what a hot loop does.
const CALLS_A_SECOND: usize = 2 * 2 * (8 + 20);

/// A backoff that begins anew with each process makes a few attempts in ten seconds; a hot loop makes hundreds.
const STARTS_OF_AN_ID_IN_TEN_SECONDS: usize = 20;

/// For each action of the plan, which touches one resource, and each process, which looks at all.
const REQUESTS_AN_ACTION: usize = 20;
const REQUESTS_A_PROCESS: usize = 100;

/// No hot loop on either side.
pub(crate) fn rates(world: &World, summary: &mut Summary) -> Result<()> {
    let calls = world.aws.calls();
    let refused = calls.iter().filter(|call| call.code.is_some()).count();
    let busiest = most_within(calls.iter(), 1);
    let mut by_id: BTreeMap<&str, Vec<&Call>> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.operation == Some(Operation::START)) {
        by_id
            .entry(call.task_id.as_deref().unwrap_or_default())
            .or_default()
            .push(call);
    }
    let of_one_id = by_id
        .into_values()
        .map(|calls| most_within(calls.into_iter(), 10))
        .max()
        .unwrap_or_default();
    let exceeded = |count: usize, limit: usize, what: &str| (count > limit).then(|| format!("{count} {what}"));
    summary.check(
        "calls of the service are bounded, in all and for each task",
        exceeded(busiest, CALLS_A_SECOND, "calls in a second")
            .into_iter()
            .chain(exceeded(
                of_one_id,
                STARTS_OF_AN_ID_IN_TEN_SECONDS,
                "starts of an id in ten seconds",
            )),
    );
    let requests = world.cluster.requests_of(&world.user)?;
    let about_tasks = requests
        .iter()
        .filter(|request| request.resource.starts_with("auditmitigationtasks"))
        .count();
    let processes: usize = world.replicas.iter().map(Replica::processes).sum();
    let limit = REQUESTS_AN_ACTION * summary.actions() + REQUESTS_A_PROCESS * processes;
    summary.check(
        "requests to the API server are bounded",
        exceeded(about_tasks, limit, "requests about tasks"),
    );
    summary.figures.extend([
        ("processes", processes),
        ("calls of the service", calls.len()),
        ("calls refused", refused),
        ("calls in the busiest second", busiest),
        ("starts of one id in ten seconds, most", of_one_id),
        ("API requests about tasks", about_tasks),
        ("API requests in all", requests.len()),
    ]);
    Ok(())
}

fn most_within<'a>(calls: impl Iterator<Item = &'a Call>, seconds: u64) -> usize {
    busiest(calls.map(|call| call.time), Duration::from_secs(seconds))
}
