//! What must hold at any time, looked at while the faults go on: whoever breaks it ends the run.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use simulator::{Call, Operation, Task};

use crate::{
    history::{Story, text},
    leases::Held,
    ledger::Ledger,
    plan::Site,
    policies::is_garbage,
    replica::{site_of, slots},
    resources::{OWN_TOKEN_PREFIX, asks_for},
    stranger::{self, TOKEN_PREFIX},
    world::World,
};

/// How old a renewal may be by which somebody acts: the lease's fifteen seconds less the ten of a call and one for
/// luck, as the operator has it, and two for a busy machine.
const SURELY_HELD: SignedDuration = SignedDuration::from_secs(6);

/// By how much a signature may say too early a time: it is in whole seconds, and the SDK sets its clock by the
/// service's answers, whose times are in whole seconds as well.
pub(crate) const TOO_EARLY: SignedDuration = SignedDuration::from_secs(2);

pub(crate) const ONE_START: &str = "no task id is started twice, and no resource starts two tasks";
pub(crate) const CANCELS: &str = "nobody cancels what others started, or what nobody wanted cancelled";
pub(crate) const SLOTS_KEPT: &str = "no site runs more tasks than its limit";
pub(crate) const WANTED: &str = "nothing is started that was edited, suspended, cancelled or deleted before";
pub(crate) const RESTORED: &str = "what was restored from a backup starts nothing";
pub(crate) const TRUTH: &str = "no status says what isn't so or takes back an ending; no record without the finalizer; \
                                no running task is left behind";
pub(crate) const LEASE: &str = "only the leader acts, and only while it surely holds the lease";
pub(crate) const TOKENS: &str = "each start has the token of its resource";

/// What is looked at all the time.
pub(crate) const WATCHED: [&str; 6] = [ONE_START, CANCELS, SLOTS_KEPT, WANTED, RESTORED, TRUTH];

const READS: [&str; 3] = ["get", "list", "watch"];

/// A promise that was broken, and how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    pub(crate) promise: &'static str,
    pub(crate) how: String,
}

/// Looks at what has happened since it last looked.
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    seen: u64,
}

impl Monitor {
    pub(crate) fn look(
        &mut self,
        world: &World,
        ledger: &mut Ledger,
        deleted_policies: &BTreeSet<String>,
    ) -> BTreeSet<Violation> {
        let calls = world.aws.calls_after(self.seen);
        self.seen = calls.last().map_or(self.seen, |call| call.seq);
        let tasks = world.aws.tasks();
        let mut found = Found::default();
        one_start(world, &tasks, &mut found);
        limits(world, &tasks, &mut found);
        // Those of policies that were deleted.
        let garbage = garbage(world, deleted_policies);
        let operators = || calls.iter().filter(|call| call.access_key != stranger::ACCESS_KEY);
        for call in operators() {
            ledger.called.extend(call.operation.zip(call.task_id.clone()));
            match call.operation {
                Some(Operation::CANCEL) => cancel(
                    call,
                    &tasks,
                    |uid| ledger.may_be_canceled.contains(uid) || garbage.contains(uid),
                    &mut found,
                ),
                Some(Operation::START) => start(call, ledger, &mut found),
                _ => {}
            }
        }
        for how in &world.history.told().violations {
            found.note(TRUTH, how.clone());
        }
        found.0
    }
}

#[derive(Default)]
struct Found(BTreeSet<Violation>);

impl Found {
    fn note(&mut self, promise: &'static str, how: impl Into<String>) {
        let how = how.into();
        self.0.insert(Violation { promise, how });
    }
}

fn one_start(world: &World, tasks: &[Task], found: &mut Found) {
    for (id, times) in world.aws.counters().starts {
        if times > 1 {
            found.note(ONE_START, format!("{id} was started {times} times"));
        }
    }
    let mut by_token = BTreeMap::new();
    for task in tasks {
        if let Some(other) = by_token.insert(&task.token, &task.task_id) {
            found.note(
                ONE_START,
                format!("{} started {other} and {}", task.token, task.task_id),
            );
        }
    }
}

fn garbage(world: &World, deleted_policies: &BTreeSet<String>) -> BTreeSet<String> {
    let told = world.history.told();
    let is_one = |story: &Story| is_garbage(&story.latest, deleted_policies);
    let garbage = told.stories.iter().filter(|(_, story)| is_one(story));
    garbage.map(|(uid, _)| uid.clone()).collect()
}

/// The tasks that run at a site. Those whose resources are gone run on for nobody's account: orphans, and what a deletion
/// had to give up. So do those that were started before an edit, which is a conflict and not followed.
pub(crate) fn running(world: &World, tasks: &[Task]) -> BTreeMap<Site, BTreeSet<String>> {
    let mut running: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let told = world.history.told();
    for task in tasks.iter().filter(|task| task.status == "IN_PROGRESS") {
        let followed = |story: &&Story| {
            let spec = story.latest.data.get("spec").unwrap_or(&Value::Null);
            !story.is_gone && asks_for(&task.request, spec)
        };
        if let Some(story) = told.stories.get(&task.token).filter(followed) {
            running.entry(story.site).or_default().insert(task.task_id.clone());
        }
    }
    running
}

/// How many slots are taken at a site: also by attempts that are open, whose tasks may run.
pub(crate) fn taken(world: &World, site: Site) -> usize {
    let mut taken = running(world, &world.aws.tasks()).remove(&site).unwrap_or_default();
    let told = world.history.told();
    let here = told
        .stories
        .values()
        .filter(|story| story.site == site && !story.is_gone);
    taken.extend(here.filter_map(|story| text(&story.latest, "/status/attempt/taskId").map(str::to_owned)));
    taken.len()
}

fn limits(world: &World, tasks: &[Task], found: &mut Found) {
    for (site, ids) in running(world, tasks) {
        if ids.len() > slots(site) {
            found.note(SLOTS_KEPT, format!("{site:?}: {ids:?}"));
        }
    }
}

fn cancel(call: &Call, tasks: &[Task], may_be_canceled: impl Fn(&String) -> bool, found: &mut Found) {
    let Some(task) = tasks.iter().find(|task| Some(&task.task_id) == call.task_id.as_ref()) else {
        return;
    };
    if !may_be_canceled(&task.token) {
        let how = format!("{} with the token {} by {}", task.task_id, task.token, call.access_key);
        found.note(CANCELS, how);
    }
}

fn start(call: &Call, ledger: &Ledger, found: &mut Found) {
    let id = call.task_id.as_deref().unwrap_or_default();
    let Some(signed) = call.signed else { return };
    // What was on its way when the resource was restored may arrive yet.
    let restored = ledger.restored.get(id);
    if restored.is_some_and(|since| signed.duration_since(*since) > SignedDuration::from_secs(1)) {
        found.note(RESTORED, format!("{id} by {}", call.access_key));
    }
    let token = token(call);
    if call.started && ledger.knows(token) && !ledger.wanted(token, &call.body, signed) {
        let how = format!(
            "{id} with the token {token} by {}, signed {signed}: {}",
            call.access_key, call.body
        );
        found.note(WANTED, how);
    }
}

pub(crate) fn token(call: &Call) -> &str {
    let token = call.body.get("clientRequestToken").and_then(serde_json::Value::as_str);
    token.unwrap_or_default()
}

/// What is judged by the log of the API server, too.
pub(crate) fn leadership(world: &World, calls: &[Call]) -> Result<BTreeSet<Violation>> {
    let mut found = Found::default();
    let requests = world.cluster.requests_of(&world.here.user)?;
    let written = requests.iter().filter(|request| {
        request.resource == "leases" && request.code < 300 && !READS.contains(&request.verb.as_str())
    });
    let changing: Vec<_> = calls.iter().filter(|call| changes_as_leader(call)).collect();
    renewed(&changing, &written.map(|request| request.time).collect(), &mut found);
    one_leader(&changing, &world.leases.seen(), &mut found);
    Ok(found.0)
}

fn changes_as_leader(call: &Call) -> bool {
    site_of(&call.access_key) == Some(Site::Here)
        && matches!(call.operation, Some(Operation::START | Operation::CANCEL))
}

/// By the end, when the history has seen all.
pub(crate) fn tokens(world: &World, calls: &[Call]) -> BTreeSet<Violation> {
    let mut found = Found::default();
    let told = world.history.told();
    let starts = calls.iter().filter(|call| call.operation == Some(Operation::START));
    for call in starts.filter(|call| call.status.is_some()) {
        let token = token(call);
        let is_known = told.stories.contains_key(token);
        let is_chosen = [TOKEN_PREFIX, OWN_TOKEN_PREFIX]
            .iter()
            .any(|prefix| token.starts_with(prefix));
        if !is_known && !is_chosen {
            found.note(TOKENS, format!("{:?} with {token:?}", call.task_id));
        }
    }
    found.0
}

/// Each call was signed soon after a renewal.
fn renewed(calls: &[&Call], written: &BTreeSet<Timestamp>, found: &mut Found) {
    for call in calls {
        let Some(signed) = call.signed else { continue };
        match written.range(..signed + TOO_EARLY).next_back() {
            None => found.note(LEASE, format!("{} acted before anybody led", call.access_key)),
            Some(last) if signed.duration_since(*last) > SURELY_HELD => {
                let age = signed.duration_since(*last);
                found.note(
                    LEASE,
                    format!("{} acted {age:#} after the last renewal", call.access_key),
                );
            }
            Some(_) => {}
        }
    }
}

/// While one holds the lease no other acts.
fn one_leader(calls: &[&Call], holders: &[Held], found: &mut Found) {
    let mut acted: BTreeMap<usize, &str> = BTreeMap::new();
    for call in calls {
        let Some(signed) = call.signed else { continue };
        let Some((index, held)) = holders.iter().enumerate().rfind(|(_, held)| held.since <= signed) else {
            continue;
        };
        // At the time of a change both have a right to act, one after the other.
        let next = holders.get(index + 1);
        if next.is_some_and(|next| next.since.duration_since(signed) <= TOO_EARLY) {
            continue;
        }
        let other = acted.entry(index).or_insert(&call.access_key);
        if *other != call.access_key {
            found.note(
                LEASE,
                format!("{} and {other} acted while {} led", call.access_key, held.by),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn call(key: &str, second: i64) -> Call {
        Call {
            access_key: key.to_owned(),
            signed: Some(at(second)),
            ..Call::default()
        }
    }

    #[test]
    fn who_acts_long_after_a_renewal_is_seen() {
        let judge = |second| {
            let mut found = Found::default();
            renewed(&[&call("AKIA0P0", second)], &[at(10)].into(), &mut found);
            found.0.len()
        };
        assert_eq!([9, 10, 16, 17].map(judge), [0, 0, 0, 1]);
        assert_eq!(judge(7), 1, "nobody led");
    }

    #[test]
    fn who_acts_while_another_leads_is_seen() {
        let held = |by: &str, second| Held {
            by: by.to_owned(),
            since: at(second),
        };
        let holders = [held("a", 10), held("b", 30)];
        let judge = |calls: &[Call]| {
            let mut found = Found::default();
            one_leader(&calls.iter().collect::<Vec<_>>(), &holders, &mut found);
            found.0.len()
        };
        assert_eq!(
            judge(&[call("AKIA0P0", 11), call("AKIA0P0", 13), call("AKIA1P0", 31)]),
            0
        );
        assert_eq!(
            judge(&[call("AKIA0P0", 11), call("AKIA1P0", 30), call("AKIA0P0", 31)]),
            1
        );
    }
}
