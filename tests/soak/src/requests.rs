//! How often the operators asked the API server, from its audit log, and whether they read before they started.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use simulator::{Call, Operation};
use support::{AuditedRequest, busiest};

use crate::{
    actor::Actor,
    monitor::{TOO_EARLY, Violation},
    plan::Site,
    policies::is_of_a_policy,
    replica, resources,
    summary::Summary,
};

pub(crate) const READ_BEFORE: &str =
    "nothing is started without having been read, or written over what was read, just before";

/// From a read to the start that rests on it, on a busy machine; shorter than the later waits between two attempts.
const JUST_READ: SignedDuration = SignedDuration::from_secs(5);

/// Around the time when the API server was killed, lines of its log may be missing.
const LOST_LINES: SignedDuration = SignedDuration::from_secs(10);

/// A whole life, and half of the next: four writes, each after a conflict and a read.
const IN_A_SECOND: usize = 12;

/// For whatever is news to a process: an edit, an answer, the resource itself.
const FOR_ONE_NEWS: usize = 6;

/// It is made and deleted, its plan is made, and a policy may approve that.
const BY_ITS_POLICY: usize = 4;

pub(crate) fn is_about_tasks(request: &AuditedRequest) -> bool {
    request.resource.starts_with("auditmitigationtasks")
}

pub(crate) fn is_about_policies(request: &AuditedRequest) -> bool {
    request.resource.starts_with("auditmitigationpolicies")
}

/// What happened to a resource, as far as the service's log shows it.
#[derive(Default)]
struct News<'a> {
    starts: usize,
    cancels: usize,
    setbacks: usize,
    processes: BTreeSet<&'a str>,
}

impl News<'_> {
    fn count(&self) -> usize {
        self.starts + self.cancels + self.setbacks + self.processes.len()
    }
}

pub(crate) fn requests(actor: &Actor, calls: &[Call], summary: &mut Summary) -> Result<()> {
    let mut exceeded = Vec::new();
    let (mut about_tasks, mut in_all, mut most) = (0, 0, 0);
    for site in [Site::Here, Site::Elsewhere] {
        let requests = actor.world.cluster.requests_of(&actor.world.place(site).user)?;
        in_all += requests.len();
        let mut by_name: BTreeMap<&str, Vec<&AuditedRequest>> = BTreeMap::new();
        for request in requests
            .iter()
            .filter(|request| is_about_tasks(request) && !request.name.is_empty())
        {
            by_name.entry(&request.name).or_default().push(request);
        }
        let news = news(calls, site);
        // Whoever waits for a slot is told when the next may be had.
        let limited = calls.iter().filter(|call| {
            replica::site_of(&call.access_key) == Some(site) && call.code.as_deref() == Some("LimitExceededException")
        });
        let limited = limited.count();
        let failed_looks = calls.iter().filter(|call| is_failed_look(call, site)).count();
        for (name, requests) in by_name {
            about_tasks += requests.len();
            let news = news.get(name);
            let busiest = busiest(requests.iter().map(|request| request.time), Duration::from_secs(1));
            most = busiest.max(most);
            if busiest > IN_A_SECOND {
                exceeded.push(format!("{name} {site:?}: {busiest} in a second"));
            }
            let touched = actor.ledger.touched.get(name).copied().unwrap_or_default();
            let of_policies = if is_of_a_policy(name) {
                FOR_ONE_NEWS * BY_ITS_POLICY + failed_looks
            } else {
                0
            };
            let limit = FOR_ONE_NEWS * (touched + news.map_or(0, News::count)) + limited + of_policies;
            if requests.len() > limit {
                exceeded.push(format!("{name} {site:?}: {}, more than {limit}", requests.len()));
            }
        }
    }
    summary.check(
        "requests to the API server about a resource are bounded, in a second and by what happened to it",
        exceeded,
    );
    summary.figures.extend([
        ("API requests about resources", about_tasks),
        ("API requests about a resource in its busiest second (12 allowed)", most),
        ("API requests in all", in_all),
    ]);
    Ok(())
}

/// Starts that were sent long after the resource was read, or written over what was read.
pub(crate) fn unread(actor: &Actor, calls: &[Call]) -> Result<BTreeSet<Violation>> {
    let mut found = BTreeSet::new();
    for site in [Site::Here, Site::Elsewhere] {
        let requests = actor.world.cluster.requests_of(&actor.world.place(site).user)?;
        let mut seen: BTreeMap<&str, BTreeSet<Timestamp>> = BTreeMap::new();
        for request in requests.iter().filter(|request| shows_the_resource(request)) {
            seen.entry(&request.name).or_default().insert(request.time);
        }
        let starts = calls.iter().filter(|call| {
            call.operation == Some(Operation::START) && replica::site_of(&call.access_key) == Some(site)
        });
        for call in starts {
            let (Some(id), Some(signed)) = (&call.task_id, call.signed) else {
                continue;
            };
            let is_near = |outage: &Timestamp| signed.duration_since(*outage).abs() < LOST_LINES;
            if actor.outages.iter().any(is_near) {
                continue;
            }
            let seen = seen.get(resources::name_of(id).as_str());
            let last = seen.and_then(|seen| seen.range(..signed + TOO_EARLY).next_back());
            if last.is_none_or(|last| signed.duration_since(*last) > JUST_READ) {
                found.insert(Violation {
                    promise: READ_BEFORE,
                    how: format!("{id} {site:?}: signed {signed}, read or written {last:?}"),
                });
            }
        }
    }
    Ok(found)
}

fn news(calls: &[Call], site: Site) -> BTreeMap<String, News<'_>> {
    let mut by_name: BTreeMap<String, News<'_>> = BTreeMap::new();
    for call in calls
        .iter()
        .filter(|call| replica::site_of(&call.access_key) == Some(site))
    {
        let Some(id) = &call.task_id else { continue };
        let news = by_name.entry(resources::name_of(id)).or_default();
        news.processes.insert(&call.access_key);
        match call.operation {
            Some(Operation::START) => news.starts += 1,
            Some(Operation::CANCEL) => news.cancels += 1,
            _ => news.setbacks += usize::from(is_setback(call)),
        }
    }
    by_name
}

/// A look for a plan, which its task's status tells of.
fn is_failed_look(call: &Call, site: Site) -> bool {
    let looks = [
        Operation::DescribeAuditTask,
        Operation::ListAuditFindings,
        Operation::DescribeMitigationAction,
    ];
    let is_one = call.operation.is_some_and(|operation| looks.contains(&operation));
    is_one && replica::site_of(&call.access_key) == Some(site) && is_setback(call)
}

fn is_setback(call: &Call) -> bool {
    call.code.is_some() || !call.delivered || call.status != Some(200)
}

fn shows_the_resource(request: &AuditedRequest) -> bool {
    let reads_or_writes_it = ["get", "patch"].contains(&request.verb.as_str());
    reads_or_writes_it && request.code == 200 && is_about_tasks(request)
}
