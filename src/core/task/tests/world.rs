//! A small world: two clusters with the same manifest, one account, a clock, and everything that goes wrong.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::account::Account;
use super::bench::{at as moment, start_of_time, time_of};
use super::ledger::Ledger;
use super::service::{Fault, Outages, Reading, Service};
use super::site::{ApiFault, Done, Site};
use super::store::{Store, UID};
use crate::api::{Phase, StoredTask};
use crate::core::task::observed::ObservedTask;
use crate::core::task::step::Step;

/// What happens next, and where.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// In one of the clusters.
    At(usize, Event),
    /// Time passes.
    Pass(i64),
    /// The next call of the service goes wrong.
    Fail(Fault),
    /// From now on these calls go wrong, each time.
    Break(Outages),
    /// Somebody changes what plans are made of.
    Change(Account),
    /// Somebody else starts a task under the id, with the same content or another.
    StartElsewhere { same: bool },
}

/// What happens in one cluster.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The operator takes this many steps.
    Work(u8),
    /// The operator dies, and another one takes over.
    Crash,
    /// Another operator takes the lease; the old one goes on until it notices.
    ChangeLeader,
    /// The operator that had the lease before takes this many steps.
    WorkOn(u8),
    /// The watch cache shows what was stored this many changes ago.
    See(usize),
    /// The next call of the API server goes wrong.
    Fail(ApiFault),
    /// The nodes' clock is set so many seconds ahead of the time, or behind it.
    SetClock(i64),
    /// The same, while the next call of the service is under way.
    SetClockInCall(i64),
    /// A person edits the spec.
    Edit(Value),
    /// A person approves the plan that the status shows.
    Approve,
    /// A person deletes the resource.
    Delete,
    /// Somebody applies the manifest, if the resource isn't there.
    Apply,
    /// A backup of a cluster is restored: the resource as it was so many changes ago, with or without its status.
    Restore {
        from: usize,
        changes_ago: usize,
        with_status: bool,
    },
    /// The API server's own data is set back to what it was so many changes ago.
    RollBack(usize),
}

pub(super) struct World {
    pub(super) sites: Vec<Site>,
    pub(super) service: Service,
    pub(super) now: Timestamp,
    manifest: Value,
    fault: Option<Fault>,
    pub(super) ledger: Ledger,
    pub(super) writes: usize,
    /// How many resources there were.
    incarnations: usize,
    /// What is stored has been replaced behind the operators' backs.
    is_meddled_with: bool,
}

impl World {
    /// The manifest is applied in the first cluster.
    pub(super) fn new(reading: Reading, manifest: &Value) -> Self {
        let now = start_of_time();
        let mut first = Site::new(Store::create(manifest, now), now);
        first.see(0);
        Self {
            sites: vec![first, Site::new(Store::empty(), now)],
            service: Service::new(reading),
            now,
            manifest: manifest.clone(),
            fault: None,
            ledger: Ledger::default(),
            writes: 0,
            incarnations: 1,
            is_meddled_with: false,
        }
    }

    pub(super) fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::At(site, event) => self.happen_at(*site, event),
            Happening::Pass(seconds) => self.pass(SignedDuration::from_secs(*seconds)),
            Happening::Fail(fault) => self.fault = Some(*fault),
            Happening::Break(outages) => self.service.outages = *outages,
            Happening::Change(account) => self.service.change(*account, self.now),
            Happening::StartElsewhere { same } => {
                let stored = self.sites.iter().find_map(|site| site.store.read());
                if let Some(Ok(desired)) = stored.map(|object| ObservedTask::parse(&object).desired) {
                    let other = BTreeMap::from([("A_CHECK".to_owned(), vec!["Other".to_owned()])]);
                    self.service
                        .start_elsewhere(&desired, if *same { &desired.mapping } else { &other }, self.now);
                }
            }
        }
        self.ledger.check(&self.service, self.now);
    }

    fn happen_at(&mut self, at: usize, event: &Event) {
        let now = self.now;
        let puts_back = matches!(event, Event::Restore { .. } | Event::RollBack(_) | Event::Apply);
        self.is_meddled_with |= puts_back;
        if puts_back {
            self.service.forget_answers();
        }
        match event {
            Event::Work(steps) => self.work(at, false, *steps),
            Event::WorkOn(steps) => self.work(at, true, *steps),
            Event::Edit(patch) => self.edit(at, patch),
            Event::Approve => {
                let stored = self.sites[at].store.read().map(|object| ObservedTask::parse(&object));
                let plan = stored.and_then(|observed| observed.status?.plan);
                if let Some(plan) = plan {
                    self.edit(at, &json!({ "approval": { "plan": plan.hash } }));
                }
            }
            Event::Apply => {
                if self.sites[at].store.read().is_none() {
                    let uid = self.new_uid();
                    self.sites[at].store.create_as(&uid, &self.manifest, now);
                }
            }
            Event::Restore {
                from,
                changes_ago,
                with_status,
            } => {
                if let Some(backup) = self.sites[*from].store.past(*changes_ago).cloned() {
                    let uid = self.new_uid();
                    self.sites[at].store.restore(&backup, &uid, *with_status, now);
                }
            }
            Event::RollBack(changes_ago) => {
                if let Some(backup) = self.sites[at].store.past(*changes_ago).cloned() {
                    self.ledger.rolled_back(backup["metadata"]["uid"].as_str().unwrap());
                    self.sites[at].store.roll_back(&backup);
                }
            }
            Event::Crash => {
                self.service.forget_answers();
                self.sites[at].crash(now);
            }
            Event::ChangeLeader => {
                self.service.forget_answers();
                self.sites[at].change_leader(now);
            }
            Event::See(changes_ago) => self.sites[at].see(*changes_ago),
            Event::Fail(fault) => self.sites[at].api_fault = Some(*fault),
            Event::SetClock(seconds) => {
                self.sites[at].ahead = SignedDuration::from_secs(*seconds);
                self.ledger.clock_set(self.sites[at].ahead);
            }
            Event::SetClockInCall(seconds) => {
                let ahead = SignedDuration::from_secs(*seconds);
                self.sites[at].ahead_after_call = Some(ahead);
                self.ledger.clock_set(ahead);
            }
            Event::Delete => self.sites[at].store.delete(now),
        }
    }

    fn new_uid(&mut self) -> String {
        self.incarnations += 1;
        format!("{UID}-{}", self.incarnations)
    }

    pub(super) fn pass(&mut self, time: SignedDuration) {
        self.now += time;
        self.service.deliver(self.now);
        for site in &mut self.sites {
            for write in site.deliver(self.now) {
                if let super::store::Change::Record { record, .. } = &write.change {
                    self.service.recorded(record, self.now);
                }
                self.ledger.written(&write, true, &self.service, self.now);
            }
        }
    }

    fn edit(&mut self, at: usize, patch: &Value) {
        let store = &mut self.sites[at].store;
        let Some(object) = store.read() else { return };
        if store.edit(patch) {
            self.ledger.edited(&ObservedTask::parse(&object), &store.observed());
        }
    }

    fn work(&mut self, at: usize, by_former: bool, steps: u8) {
        for _ in 0..steps {
            if matches!(self.step(at, by_former), None | Some(Step::Wait(_))) {
                break;
            }
        }
    }

    /// One step of an operator; `None` when there is nothing for it to do.
    pub(super) fn step(&mut self, at: usize, by_former: bool) -> Option<Step> {
        let before = self.sites[at].store.read();
        let done = self.sites[at].step(by_former, &mut self.service, &mut self.fault, self.now);
        self.pass(SignedDuration::from_millis(3));
        match done {
            Done::Nothing => None,
            Done::Step(step) => {
                if matches!(step, Step::Start(_)) && self.sites[at].former.is_none() && !self.is_meddled_with {
                    check_start(before.as_ref());
                }
                Some(step)
            }
            Done::Wrote(write) => {
                self.note_record(&write);
                self.ledger.written(&write, false, &self.service, self.now);
                self.writes += usize::from(matches!(write.change, super::store::Change::Status(_)));
                Some(Step::Read)
            }
        }
    }

    fn note_record(&mut self, write: &super::store::Write) {
        if let super::store::Change::Record { record, .. } = &write.change {
            self.service.recorded(record, self.now);
        }
    }

    /// Nothing goes wrong any more: works until everything rests for good.
    pub(super) fn come_to_rest(&mut self) {
        self.fault = None;
        self.service.outages = Outages::default();
        self.service.end_audit(self.now);
        for site in &mut self.sites {
            site.former = None;
            site.api_fault = None;
            site.ahead = SignedDuration::ZERO;
            site.ahead_after_call = None;
        }
        let mut resting: Vec<Option<Rest>> = vec![None; self.sites.len()];
        let mut patience = 5;
        for _ in 0..1_200 {
            let Some(at) = (0..self.sites.len()).find(|at| !self.is_resting(*at, resting[*at].as_ref())) else {
                let next = resting.iter().flatten().filter_map(|rest| rest.until).min();
                let Some(next) = next else {
                    return self.check_what_is_stored();
                };
                let wait = next.duration_since(self.now);
                // What can't be found is asked for every hour, for ever.
                if (0..self.sites.len()).any(|at| self.phase(at) == Some(Phase::Unknown)) && wait.as_mins() > 50 {
                    patience -= 1;
                    if patience == 0 {
                        return self.check_what_is_stored();
                    }
                }
                self.pass(wait.max(SignedDuration::ZERO));
                continue;
            };
            self.sites[at].see(0);
            let version = self.version(at);
            resting[at] = match self.step(at, false) {
                None => Some(Rest {
                    version,
                    until: None,
                    is_certain: true,
                }),
                Some(Step::Wait(until)) => {
                    // The decision was made three milliseconds ago.
                    let decided = moment(self.now - SignedDuration::from_millis(3)).monotonic;
                    assert!(until.is_none_or(|until| until > decided), "a wait that lies behind");
                    let until = until.map(time_of);
                    // A pass that was under way may rest on an older version; what changed wakes it again.
                    let is_certain = resting[at].as_ref().is_some_and(|rest| rest.version == version);
                    Some(Rest {
                        version,
                        until,
                        is_certain,
                    })
                }
                Some(_) => None,
            };
            self.ledger.check(&self.service, self.now);
        }
        panic!("it never comes to rest: {:#?}", self.sites[0].store.read());
    }

    fn check_what_is_stored(&self) {
        for stored in self.sites.iter().filter_map(|site| site.store.read()) {
            let observed = ObservedTask::parse(&stored);
            let is_copy = observed.record.is_some_and(|record| record.uid != observed.uid);
            // A copied status says what was so elsewhere.
            if let Some(status) = observed.status.filter(|_| !is_copy) {
                self.ledger.check_status(&status, &stored, &self.service, self.now);
            }
        }
    }

    fn is_resting(&self, at: usize, rest: Option<&Rest>) -> bool {
        rest.is_some_and(|rest| {
            rest.is_certain && rest.version == self.version(at) && rest.until.is_none_or(|until| until > self.now)
        })
    }

    fn version(&self, at: usize) -> Option<String> {
        self.sites[at].store.read()?.metadata.resource_version
    }

    pub(super) fn phase(&self, at: usize) -> Option<Phase> {
        self.sites[at]
            .store
            .read()
            .and_then(|object| ObservedTask::parse(&object).phase())
    }

    pub(super) fn spec_says(&self, at: usize, field: &str) -> bool {
        let store = &self.sites[at].store;
        store.read().is_some() && store.json()["spec"][field] == json!(true)
    }
}

/// What a cluster waits for.
#[derive(Clone, Debug)]
struct Rest {
    version: Option<String>,
    until: Option<Timestamp>,
    /// It has said so twice.
    is_certain: bool,
}

/// Nothing is started once a start was seen.
fn check_start(stored: Option<&StoredTask>) {
    let Some(object) = stored else { return };
    let observed = ObservedTask::parse(object);
    let started = observed.status.as_ref().is_some_and(|status| status.task_id.is_some());
    assert!(!started, "a start after a start was seen: {observed:#?}");
    assert!(
        observed.record.is_some_and(|record| record.uid == observed.uid),
        "a start without a record"
    );
}
