//! A small world: an API server, a cache that lags, a service that fails, a clock, an operator that dies at any step.
//!
//! One resource, one operator at a time. The operator does what `controller::reconcile` does, one step at a call, so
//! that anything can happen between two steps.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::bench::{moment, settings, spec, start_of_time};
use super::service::{Fault, Reading, Service};
use super::store::{Conflict, Store, UID};
use crate::api::{Phase, StoredTask};
use crate::core::answer::FailedActions;
use crate::core::decide::decide;
use crate::core::facts::Facts;
use crate::core::memory::Memory;
use crate::core::observe::{Observation, Settings};
use crate::core::phase::is_finished;
use crate::core::queue::Admission;
use crate::core::step::Step;

/// What happens next.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// The operator takes this many steps.
    Work(u8),
    /// The operator dies, and another one takes over.
    Crash,
    /// Time passes.
    Pass(i64),
    /// The watch cache sees the present.
    CatchUp,
    /// The next call of the service goes wrong.
    Fail(Fault),
    /// A person edits the spec.
    Edit(Value),
    /// A person deletes the resource.
    Delete,
    /// Somebody else starts a task under the id, with the same content or another.
    StartElsewhere { same: bool },
}

pub(super) struct World {
    pub(super) store: Store,
    pub(super) service: Service,
    pub(super) now: Timestamp,
    cached: Option<StoredTask>,
    operator: Operator,
    fault: Option<Fault>,
    /// Edits of the request that the design lets start a task more.
    ways_out: usize,
    /// Edits, of whatever, of a Conflict: each sends the same request again, and the other's task may be gone by then.
    retries: usize,
    pub(super) writes: usize,
}

/// What one process knows.
struct Operator {
    settings: Settings,
    memory: Memory,
    /// What its own last write or read left.
    latest: Option<StoredTask>,
    /// The resource that the pass under way has before it.
    pass: Option<(StoredTask, bool)>,
}

impl Operator {
    fn begun_at(now: Timestamp) -> Self {
        Self {
            settings: Settings {
                since: now,
                ..settings()
            },
            memory: Memory::default(),
            latest: None,
            pass: None,
        }
    }
}

impl World {
    pub(super) fn new(reading: Reading) -> Self {
        let store = Store::create(&spec(), start_of_time());
        Self {
            cached: store.read(),
            store,
            service: Service::new(reading),
            now: start_of_time(),
            operator: Operator::begun_at(start_of_time()),
            fault: None,
            ways_out: 0,
            retries: 0,
            writes: 0,
        }
    }

    pub(super) fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Work(steps) => {
                for _ in 0..*steps {
                    if matches!(self.step(), None | Some(Step::Wait(_))) {
                        break;
                    }
                }
            }
            Happening::Crash => self.operator = Operator::begun_at(self.now),
            Happening::Pass(seconds) => self.pass(SignedDuration::from_secs(*seconds)),
            Happening::CatchUp => self.cached = self.store.read(),
            Happening::Fail(fault) => self.fault = Some(*fault),
            Happening::Edit(patch) => self.edit(patch),
            Happening::Delete => self.store.delete(self.now),
            Happening::StartElsewhere { same } => {
                if let Some(Ok(wish)) = self.store.read().map(|object| Facts::parse(&object).wish) {
                    let other = BTreeMap::from([("A_CHECK".to_owned(), vec!["Other".to_owned()])]);
                    self.service
                        .start_elsewhere(&wish, if *same { &wish.mapping } else { &other }, self.now);
                }
            }
        }
        self.check();
    }

    fn pass(&mut self, time: SignedDuration) {
        self.now += time;
        self.service.deliver(self.now);
    }

    fn edit(&mut self, patch: &Value) {
        let Some(object) = self.store.read() else { return };
        let before = Facts::parse(&object);
        if !self.store.edit(patch) {
            return;
        }
        if before.phase() == Some(Phase::Conflict) {
            self.retries += 1;
        }
        let hash = |facts: &Facts| facts.wish.as_ref().map(|wish| wish.request_hash.clone()).ok();
        let asks_for_another = hash(&before) != hash(&self.store.facts());
        if asks_for_another && matches!(before.phase(), Some(Phase::Conflict | Phase::Unknown)) {
            self.ways_out += 1;
        }
    }

    /// One step of the operator; `None` when the resource is gone.
    fn step(&mut self) -> Option<Step> {
        let (object, is_fresh) = self.begin_or_continue()?;
        let facts = Facts::parse(&object);
        let observation = Observation {
            now: self.now,
            facts: &facts,
            is_fresh,
            memory: &self.operator.memory,
            admission: Admission::Free,
            settings: &self.operator.settings,
        };
        let step = decide(&observation);
        self.pass(SignedDuration::from_millis(3));
        self.operator.pass = Some((object.clone(), is_fresh));
        self.take(&step, &object, &facts);
        Some(step)
    }

    fn begin_or_continue(&mut self) -> Option<(StoredTask, bool)> {
        if let Some(pass) = self.operator.pass.take() {
            return Some(pass);
        }
        let version = |object: &StoredTask| {
            object
                .metadata
                .resource_version
                .as_ref()
                .and_then(|version| version.parse::<u64>().ok())
        };
        let cached = self.cached.clone();
        let latest = self
            .operator
            .latest
            .clone()
            .filter(|latest| cached.as_ref().is_some_and(|cached| version(latest) > version(cached)));
        Some((latest.or(cached)?, false))
    }

    fn take(&mut self, step: &Step, seen: &StoredTask, facts: &Facts) {
        let fault = matches!(step, Step::Start(_) | Step::Describe(_) | Step::Cancel(_))
            .then(|| self.fault.take())
            .flatten();
        if matches!(step, Step::Start(_)) {
            self.check_start();
        }
        let memory = &mut self.operator.memory;
        match step {
            Step::Read => self.read(),
            Step::WriteStatus(status) => {
                self.writes += 1;
                let written = self.store.write_status(seen, status);
                if written.is_ok() {
                    memory.status_written(facts);
                }
                self.written(written);
            }
            Step::WriteRecord { record, with_finalizer } => {
                let written = self.store.write_record(seen, record, *with_finalizer);
                if written.is_ok() {
                    memory.record_written(record.clone());
                }
                self.written(written);
            }
            Step::AddFinalizer => {
                let written = self.store.add_finalizer(seen);
                self.written(written);
            }
            Step::RemoveFinalizer { .. } => {
                let written = self.store.remove_finalizer(seen);
                self.written(written);
            }
            Step::Start(record) => {
                let wish = facts.wish.as_ref().expect("a start needs a wish");
                let answer = self.service.start(record, wish, self.now, fault);
                memory.started(
                    record,
                    self.operator.settings.since,
                    answer,
                    true,
                    moment(facts, self.now),
                );
            }
            Step::Describe(task) => {
                let answer = self.service.describe(&task.task_id, self.now, fault);
                memory.described(&task.task_id, answer, moment(facts, self.now));
            }
            Step::Cancel(task) => {
                let answer = self.service.cancel(&task.task_id, self.now, fault);
                memory.canceled(answer, moment(facts, self.now));
            }
            Step::ListFailedActions(_) => memory.failed_actions = Some(FailedActions::default()),
            Step::Delete => {
                self.store.delete(self.now);
                self.operator.pass = None;
            }
            Step::Wait(_) => {
                if facts.phase().is_some_and(is_finished) && facts.is_observed() {
                    *memory = Memory::default();
                }
                self.operator.pass = None;
            }
        }
    }

    fn read(&mut self) {
        self.operator.latest = self.store.read();
        self.operator.pass = self.store.read().map(|object| (object, true));
        if self.store.read().is_none() {
            self.cached = None;
        }
    }

    /// Goes on with what a write left; after a conflict with what is there now.
    fn written(&mut self, _: Result<(), Conflict>) {
        self.read();
    }

    /// Nothing is started once a start was seen.
    fn check_start(&self) {
        let Some(object) = self.store.read() else { return };
        let facts = Facts::parse(&object);
        let started = facts.status.as_ref().is_some_and(|status| status.task_id.is_some());
        assert!(!started, "a start after a start was seen: {:#?}", self.store.json());
        assert!(
            facts.record.is_some_and(|record| record.uid == UID),
            "a start without a record"
        );
    }

    /// What holds at any time.
    fn check(&self) {
        let started = &self.service.started;
        let distinct: std::collections::BTreeSet<_> = started.iter().map(|(request, _)| request).collect();
        let again = started.len() - distinct.len();
        assert!(again <= self.retries, "one manifest started {} tasks", 1 + again);
        // Of what another manifest started longer ago the service can't tell.
        let memorable = SignedDuration::from_hours(80 * 24);
        let recently = started
            .iter()
            .filter(|(_, at)| self.now.duration_since(*at) < memorable)
            .count();
        assert!(recently <= 1 + self.ways_out, "one resource started {recently} tasks");
        assert!(
            self.service.canceled.iter().all(|token| token == UID),
            "another's task was cancelled"
        );
    }

    /// Nothing goes wrong any more: works until it rests for good.
    pub(super) fn come_to_rest(&mut self) {
        self.fault = None;
        let mut rested_on = None;
        for _ in 0..2_000 {
            self.cached = self.store.read();
            let version = self
                .cached
                .as_ref()
                .and_then(|object| object.metadata.resource_version.clone());
            match self.step() {
                None => return,
                Some(Step::Wait(None)) if rested_on == version => return,
                // A pass that was under way may rest on an older version; what changed wakes it again.
                Some(Step::Wait(_)) if rested_on != version => rested_on = version,
                Some(Step::Wait(Some(until))) => {
                    assert!(
                        until > self.now - SignedDuration::from_millis(3),
                        "a wait that lies behind"
                    );
                    let wait = until.duration_since(self.now).max(SignedDuration::ZERO);
                    if self.phase() == Some(Phase::Unknown) && wait > SignedDuration::from_mins(50) {
                        return;
                    }
                    self.pass(wait);
                }
                Some(_) => {}
            }
            self.check();
        }
        panic!("it never comes to rest: {:#?}", self.store.json());
    }

    pub(super) fn phase(&self) -> Option<Phase> {
        self.store.read().and_then(|object| Facts::parse(&object).phase())
    }

    pub(super) fn spec_says(&self, field: &str) -> bool {
        self.store.read().is_some() && self.store.json()["spec"][field] == json!(true)
    }
}
