//! What is looked for while the faults go on, and when everything is quiet again.

use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};
use simulator::{Call, Operation};

use super::{
    facts::{runs, starts},
    manifest::is_of_a_policy,
    promises::{self, ALONE, AS_NOTED, BOUNDS, DELETED, FROM_BEFORE, ONE_TASK, PASSED_OVER, WATERMARK},
    record::{Event, Record},
};
use crate::{actor::Actor, monitor::Violation, plan::Site, replica::site_of, requests::is_about_tasks, world::World};

/// What holds at any time.
pub(crate) fn look(actor: &Actor, calls: &[Call]) -> [(&'static str, BTreeSet<Violation>); 7] {
    let record = actor.world.of_policies.record().clone();
    let runs = runs(&actor.world.aws);
    let starts = starts(&actor.world.aws, calls, &record);
    let looked = [
        (ONE_TASK, promises::one_task(&starts)),
        (
            BOUNDS,
            promises::beyond_bounds(&record, &starts, &actor.books.approvals),
        ),
        (ALONE, promises::alone(&record)),
        (DELETED, promises::deleted(&record, &runs)),
        (WATERMARK, promises::watermark(&record)),
        (FROM_BEFORE, promises::from_before(&record, &runs)),
        (PASSED_OVER, promises::passed_over(&record, &runs, false)),
    ];
    looked.map(|(promise, broken)| {
        let broken = broken.into_iter().map(|how| Violation { promise, how });
        (promise, broken.collect())
    })
}

/// What people wrote, and an operator deleted.
pub(crate) fn deleted_manifests(world: &World) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for place in world.places() {
        let requests = world.cluster.requests_of(&place.user)?.into_iter();
        let deletes = requests.filter(|request| {
            request.verb == "delete" && request.code < 300 && is_about_tasks(request) && !is_of_a_policy(&request.name)
        });
        broken.extend(deletes.map(|request| format!("{request:?}")));
    }
    Ok(broken)
}

/// Whether nothing is left to do for policies, and all of it was noted.
pub(crate) fn rest(world: &World) -> Result<()> {
    let record = world.of_policies.record().clone();
    let runs = runs(&world.aws);
    for policy in record.policies() {
        ensure!(policy.is_ready, "{} isn't ready: {policy:?}", policy.name);
    }
    for (promise, broken) in [
        (PASSED_OVER, promises::passed_over(&record, &runs, true)),
        (
            AS_NOTED,
            promises::as_noted(&record, &starts(&world.aws, &world.aws.calls(), &record)),
        ),
        ("the history limits hold", promises::beyond_limits(&record)),
        ("tasks of older audits don't wait", promises::superseded(&record, &runs)),
    ] {
        if let Some(broken) = broken.first() {
            bail!("{promise}: {broken}");
        }
    }
    Ok(())
}

/// What there was of policies.
pub(crate) fn figures(actor: &Actor, calls: &[Call]) -> [(&'static str, usize); 6] {
    let record: Record = actor.world.of_policies.record().clone();
    let names = |wanted: fn(&Event) -> Option<&str>| {
        let names: BTreeSet<&str> = record.events.iter().filter_map(wanted).collect();
        names.len()
    };
    let looks = calls.iter().filter(|call| {
        call.operation == Some(Operation::ListAuditTasks) && site_of(&call.access_key) == Some(Site::Here)
    });
    [
        ("audits", runs(&actor.world.aws).len()),
        ("looks for audits", looks.count()),
        (
            "tasks that policies made",
            names(|event| match event {
                Event::Task(task, _) => Some(&task.uid),
                _ => None,
            }),
        ),
        (
            "of these deleted by policies or with them",
            names(|event| match event {
                Event::TaskGone(task) => Some(&task.uid),
                _ => None,
            }),
        ),
        ("of these started", starts(&actor.world.aws, calls, &record).len()),
        ("approvals, of old plans too", actor.books.approvals.len()),
    ]
}
