//! One cluster of the world: its API server, its cache, and its operator, which may have just replaced another one.
//!
//! An operator does what `controller::reconcile` does, one step at a call, so that anything can happen in between.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::bench::{at, settings};
use super::service::{Caller, Fault, Service};
use super::store::{Change, Store, Write};
use crate::api::{AuditMitigationTaskStatus, StoredTask};
use crate::core::answer::FailedActions;
use crate::core::queue::Admission;
use crate::core::task::decide::decide;
use crate::core::task::memory::Memory;
use crate::core::task::observation::Observation;
use crate::core::task::observed::ObservedTask;
use crate::core::task::retry::Moment;
use crate::core::task::stage::Stage;
use crate::core::task::status::phase::is_finished;
use crate::core::task::step::Step;
use crate::core::timing::Now;

/// What goes wrong with the next call of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ApiFault {
    /// The request is lost on its way.
    LostBefore,
    /// The answer is lost.
    LostAfter,
    /// The client gives up, and the request arrives that much later.
    Late(i64),
}

/// One cluster.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) store: Store,
    cached: Option<StoredTask>,
    pub(super) leader: Operator,
    /// One that lost the lease and doesn't know it yet: it looks, and changes nothing any more, but what it sent before
    /// may still arrive.
    pub(super) former: Option<Operator>,
    /// How far the clock of this cluster's nodes is ahead.
    pub(super) ahead: SignedDuration,
    /// So far ahead it is set while the next call of the service is under way.
    pub(super) ahead_after_call: Option<SignedDuration>,
    pub(super) api_fault: Option<ApiFault>,
    late: Vec<(Timestamp, Write)>,
}

/// What one process knows.
#[derive(Clone, Debug)]
pub(super) struct Operator {
    /// By the right time: nobody sets the process's own clock.
    known_since: Timestamp,
    states: BTreeMap<String, State>,
    /// The resource that the pass under way has before it, and whether it was just read.
    pass: Option<(StoredTask, bool)>,
}

/// What it keeps of one resource between two passes.
#[derive(Clone, Debug, Default)]
struct State {
    memory: Memory,
    /// A status that the API server has stored otherwise than it was written.
    altered_status: Option<AuditMitigationTaskStatus>,
    /// What its own last write or read left.
    latest: Option<StoredTask>,
}

/// What a step did, for those who check.
#[derive(Debug)]
pub(super) enum Done {
    /// Nothing: there is no resource.
    Nothing,
    /// This step.
    Step(Step),
    /// A write that the API server took.
    Wrote(Box<Write>),
}

impl Operator {
    const fn begun_at(now: Timestamp) -> Self {
        Self {
            known_since: now,
            states: BTreeMap::new(),
            pass: None,
        }
    }
}

impl Site {
    pub(super) const fn new(store: Store, now: Timestamp) -> Self {
        Self {
            store,
            cached: None,
            leader: Operator::begun_at(now),
            former: None,
            ahead: SignedDuration::ZERO,
            ahead_after_call: None,
            api_fault: None,
            late: Vec::new(),
        }
    }

    /// The time as a process of this cluster sees it.
    pub(super) fn now(&self, now: Timestamp) -> Now {
        Now {
            wall: now + self.ahead,
            ..at(now)
        }
    }

    /// The operator dies, and another one takes its place.
    pub(super) fn crash(&mut self, now: Timestamp) {
        self.leader = Operator::begun_at(now);
    }

    /// Another operator has the lease now; the old one has not noticed.
    pub(super) fn change_leader(&mut self, now: Timestamp) {
        let new = Operator::begun_at(now);
        self.former = Some(std::mem::replace(&mut self.leader, new));
    }

    /// The watch cache shows what was stored this many changes ago.
    pub(super) fn see(&mut self, changes_ago: usize) {
        let past = self.store.past(changes_ago).cloned();
        self.cached = match changes_ago {
            0 => self.store.read(),
            _ => past.map(|object| serde_json::from_value(object).unwrap()),
        };
    }

    /// Writes that were given up on arrive: those that the API server takes.
    pub(super) fn deliver(&mut self, now: Timestamp) -> Vec<Write> {
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.late = later;
        due.into_iter()
            .map(|(_, write)| write)
            .filter(|write| self.store.apply(&write.seen, &write.change).is_ok())
            .collect()
    }

    /// One step of the operator that leads, or of the one that did before.
    pub(super) fn step(
        &mut self,
        by_former: bool,
        service: &mut Service,
        fault: &mut Option<Fault>,
        now: Timestamp,
    ) -> Done {
        let clock = self.now(now);
        let operator = match &mut self.former {
            Some(former) if by_former => former,
            None if by_former => return Done::Nothing,
            _ => &mut self.leader,
        };
        let Some((object, is_fresh)) = operator.begin_or_continue(self.cached.as_ref()) else {
            return Done::Nothing;
        };
        let observed = ObservedTask::parse(&object);
        let known_since = at(operator.known_since).monotonic;
        let state = operator.states.entry(observed.uid.clone()).or_default();
        let step = {
            let o = Observation {
                now: clock,
                known_since,
                observed: &observed,
                size: 0,
                is_fresh,
                memory: &state.memory,
                is_claimed_by_older: false,
                altered_status: state.altered_status.as_ref(),
                plan_of_policy: None,
                settings: &settings(),
            };
            decide(&o, &Stage::of(&o), Admission::Free).next_step()
        };
        let looks = matches!(
            step,
            Step::Read | Step::Describe(_) | Step::ReadForPlan { .. } | Step::ListFailedActions(_) | Step::Wait(_)
        );
        if by_former && !looks {
            // It waits for the lease, and ends before it has it.
            self.former = None;
            return Done::Nothing;
        }
        operator.pass = Some((object.clone(), is_fresh));
        let change = match &step {
            Step::WriteStatus(status) => Change::Status(status.clone()),
            Step::WriteRecord { record, with_finalizer } => Change::Record {
                record: record.clone(),
                with_finalizer: *with_finalizer,
            },
            Step::AddFinalizer => Change::AddFinalizer,
            Step::RemoveFinalizer { .. } => Change::RemoveFinalizer,
            Step::Read => {
                self.read(by_former, &observed.uid);
                return Done::Step(step);
            }
            Step::Delete => {
                operator.pass = None;
                self.store.delete(now);
                return Done::Step(step);
            }
            Step::Wait(_) => {
                if observed.phase().is_some_and(is_finished) && observed.is_observed() {
                    state.memory = Memory::default();
                }
                operator.pass = None;
                return Done::Step(step);
            }
            Step::Start(_)
            | Step::Describe(_)
            | Step::Cancel(_)
            | Step::ReadForPlan { .. }
            | Step::ListFailedActions(_) => {
                let ahead = self.ahead_after_call.take().unwrap_or(self.ahead);
                operator.call(
                    &step,
                    &object,
                    &observed,
                    service,
                    fault.take(),
                    (now, self.ahead, ahead),
                );
                self.ahead = ahead;
                return Done::Step(step);
            }
        };
        self.write(Write { seen: object, change }, by_former, &observed, now)
            .map_or(Done::Step(step), |write| Done::Wrote(Box::new(write)))
    }

    /// Writes, and goes on with what that left; after a conflict with what is there now. Without an answer the pass
    /// ends.
    fn write(&mut self, write: Write, by_former: bool, observed: &ObservedTask, now: Timestamp) -> Option<Write> {
        let fault = self.api_fault.take();
        match fault {
            None => {}
            Some(ApiFault::LostBefore) => {
                self.operator(by_former)?.pass = None;
                return None;
            }
            Some(ApiFault::LostAfter) => {
                self.operator(by_former)?.pass = None;
                let taken = self.store.apply(&write.seen, &write.change).is_ok();
                return taken.then_some(write);
            }
            Some(ApiFault::Late(seconds)) => {
                self.operator(by_former)?.pass = None;
                self.late.push((now + SignedDuration::from_secs(seconds), write));
                return None;
            }
        }
        let taken = self.store.apply(&write.seen, &write.change).is_ok();
        if taken {
            let memory = &mut self
                .operator(by_former)?
                .states
                .entry(observed.uid.clone())
                .or_default()
                .memory;
            match &write.change {
                Change::Status(_) => {
                    memory.status_written(observed, at(now));
                }
                Change::Record { record, .. } => memory.record_written(record.clone(), at(now)),
                Change::AddFinalizer | Change::RemoveFinalizer => {}
            }
        }
        self.read(by_former, &observed.uid);
        if let (true, Change::Status(written)) = (taken, &write.change) {
            let stored = self.store.read().and_then(|object| ObservedTask::parse(&object).status);
            let state = self
                .operator(by_former)?
                .states
                .entry(observed.uid.clone())
                .or_default();
            state.altered_status = (stored.as_ref() != Some(&**written)).then(|| (**written).clone());
        }
        taken.then_some(write)
    }

    fn operator(&mut self, is_former: bool) -> Option<&mut Operator> {
        if is_former {
            self.former.as_mut()
        } else {
            Some(&mut self.leader)
        }
    }

    fn read(&mut self, by_former: bool, uid: &str) {
        let fault = self.api_fault.take();
        let stored = self.store.read();
        let Some(operator) = self.operator(by_former) else {
            return;
        };
        operator.pass = None;
        if fault.is_some() {
            return;
        }
        match stored.filter(|stored| stored.metadata.uid.as_deref() == Some(uid)) {
            Some(object) => {
                operator.states.entry(uid.to_owned()).or_default().latest = Some(object.clone());
                operator.pass = Some((object, true));
            }
            // Deleted, or deleted and made again.
            None => {
                operator.states.remove(uid);
            }
        }
    }
}

impl Operator {
    fn begin_or_continue(&mut self, cached: Option<&StoredTask>) -> Option<(StoredTask, bool)> {
        if let Some(pass) = self.pass.take() {
            return Some(pass);
        }
        let cached = cached?;
        let version =
            |object: &StoredTask| -> u64 { object.metadata.resource_version.as_ref().unwrap().parse().unwrap() };
        let uid = cached.metadata.uid.as_deref().unwrap_or_default();
        let latest = self.states.get(uid).and_then(|state| state.latest.as_ref());
        let newer = latest.filter(|latest| version(latest) > version(cached));
        Some((newer.unwrap_or(cached).clone(), false))
    }

    fn call(
        &mut self,
        step: &Step,
        object: &StoredTask,
        observed: &ObservedTask,
        service: &mut Service,
        fault: Option<Fault>,
        (now, ahead, ahead_after): (Timestamp, SignedDuration, SignedDuration),
    ) {
        let known_since = at(self.known_since).monotonic;
        let memory = &mut self.states.entry(observed.uid.clone()).or_default().memory;
        let caller = Caller {
            uid: observed.uid.clone(),
            manifest: super::ledger::manifest(object),
            signed: now + ahead,
        };
        let moment = Moment {
            now: Now {
                wall: now + ahead_after,
                ..at(now)
            },
            uid: &observed.uid,
            generation: observed.generation,
        };
        match step {
            Step::Start(record) => {
                let desired = observed.desired.as_ref().expect("a start needs a good spec");
                let answer = service.start(&caller, record, desired, now, fault);
                memory.start_answered(record, known_since, answer, moment);
            }
            Step::Describe(task) => {
                let answer = service.describe(&caller, &task.task_id, now, fault);
                memory.describe_answered(&task.task_id, answer, moment);
                self.is_fresh_no_more();
            }
            Step::Cancel(task) => {
                let answer = service.cancel(&caller, &task.task_id, now, fault);
                memory.cancel_answered(answer, moment);
                self.is_fresh_no_more();
            }
            Step::ReadForPlan { region, read } => {
                let desired = observed.desired.as_ref().expect("a plan needs a good spec");
                let answer = service.read_for_plan(&caller, read, now, fault);
                memory.plan_answered(&desired.plan_request(region), read, answer, Duration::ZERO, moment);
                self.is_fresh_no_more();
            }
            _ => memory.failed_actions = Some(FailedActions::default()),
        }
    }

    /// The answer may have taken long.
    fn is_fresh_no_more(&mut self) {
        if let Some((_, is_fresh)) = &mut self.pass {
            *is_fresh = false;
        }
    }
}
