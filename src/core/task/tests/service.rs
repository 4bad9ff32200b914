//! What the service does with starts, descriptions and cancellations, as far as the world needs it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::account::Account;
use super::bench::{failure, not_running, refused, start_of_time};
use crate::api::{MitigationPlan, StartRecord, Target};
use crate::core::answer::{
    CancelAnswer, DescribeAnswer, Described, Effect, ErrorClass, ReadAnswer, StartAnswer, TaskState,
};
use crate::core::mitigation_plan::bounds::excess;
use crate::core::mitigation_plan::{PlanAnswer, PlanRead};
use crate::core::task::desired::DesiredTask;

/// How long a task runs.
pub(super) const DURATION: SignedDuration = SignedDuration::from_secs(120);
/// How long the service remembers a task.
pub(super) const RETENTION: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What no document settles: the world is tried under each reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// The same id with the same token succeeds again, or is told that it exists.
    pub(super) replay_succeeds: bool,
    /// A token of another task gives TaskAlreadyExists, or InvalidRequest.
    pub(super) used_token_exists: bool,
    /// How long Describe lags behind Start.
    pub(super) lag_seconds: i64,
    /// How long after the time in its signature a request is still taken: five minutes in most cases ("Create a
    /// signed AWS API request"). The operator counts on at most fifteen.
    pub(super) signature_seconds: i64,
}

impl Reading {
    /// The simplest service: no lag, a replay succeeds.
    pub(super) const PLAIN: Self = Self {
        replay_succeeds: true,
        used_token_exists: false,
        lag_seconds: 0,
        signature_seconds: 850,
    };

    /// How far ahead of the service's clock a signature may be. With the life of a signature it is less than the
    /// fifteen minutes that the operator waits, by a clock that may be so far ahead.
    const fn clock_tolerance(self) -> i64 {
        let margin = 900 - self.signature_seconds;
        if margin < 300 { margin } else { 300 }
    }
}

/// What goes wrong with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Refused for this reason.
    Refused(ErrorClass),
    /// A Start is refused as invalid.
    Invalid,
    /// The request is lost on its way.
    LostBefore,
    /// The answer is lost.
    LostAfter,
    /// The client gives up, and the request arrives that much later.
    Late(i64),
    /// Something on the way sends the request twice, and the second answer is what comes back.
    Twice,
}

/// What goes wrong with each call of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Outages {
    pub(super) start: Option<Fault>,
    pub(super) describe: Option<Fault>,
    pub(super) cancel: Option<Fault>,
    /// Of each call for a plan.
    pub(super) read: Option<Fault>,
}

/// Who calls: what the service itself can't see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// The resource's uid.
    pub(super) uid: String,
    /// What its manifest asks for, as it is written.
    pub(super) manifest: String,
    /// The time by the caller's clock, which signs the request.
    pub(super) signed: Timestamp,
}

/// A task as it is, whether the service still remembers it or not.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) token: String,
    pub(super) target: Target,
    pub(super) mapping: BTreeMap<String, Vec<String>>,
    pub(super) started: Timestamp,
    /// `None` for a stranger's.
    pub(super) by: Option<Caller>,
    canceled: Option<Timestamp>,
}

/// What tells one record from another.
type Key = (String, String, Timestamp);

fn key(record: &StartRecord) -> Key {
    (record.uid.clone(), record.request_hash.clone(), record.time)
}

/// What is known of a record.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// When it was written.
    since: Timestamp,
    /// Whether every Start under it was answered, as far as the process that leads knows; none was sent yet else.
    is_answered: Option<bool>,
}

/// One account and region.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) reading: Reading,
    /// Every task that there ever was, oldest first.
    pub(super) tasks: Vec<Task>,
    late: Vec<(Timestamp, Caller, StartRecord, DesiredTask)>,
    /// Who cancelled, and whose task it was.
    pub(super) canceled: Vec<(Caller, Option<Caller>)>,
    /// Which resources have tried to cancel, whatever came of it.
    pub(super) cancel_calls: BTreeSet<String>,
    /// What goes wrong with each call of an operation, until it is mended.
    pub(super) outages: Outages,
    pub(super) calls: usize,
    records: BTreeMap<Key, Known>,
    /// What plans are made of, and since when it was so; the present is the last.
    pub(super) accounts: Vec<(Timestamp, Account)>,
}

impl Service {
    pub(super) fn new(reading: Reading) -> Self {
        Self {
            reading,
            tasks: Vec::new(),
            late: Vec::new(),
            canceled: Vec::new(),
            cancel_calls: BTreeSet::new(),
            outages: Outages {
                start: None,
                describe: None,
                cancel: None,
                read: None,
            },
            calls: 0,
            records: BTreeMap::new(),
            accounts: vec![(start_of_time(), Account::PLAIN)],
        }
    }

    /// Somebody redefines an action or suppresses a finding, or the audit ends.
    pub(super) fn change(&mut self, account: Account, now: Timestamp) {
        self.accounts.push((now, account));
    }

    /// The audit comes to its end.
    pub(super) fn end_audit(&mut self, now: Timestamp) {
        let ended = Account {
            is_in_progress: false,
            ..self.account()
        };
        self.change(ended, now);
    }

    fn account(&self) -> Account {
        self.accounts.last().map_or(Account::PLAIN, |(_, account)| *account)
    }

    pub(super) fn read_for_plan(
        &mut self,
        caller: &Caller,
        read: &PlanRead,
        now: Timestamp,
        fault: Option<Fault>,
    ) -> PlanAnswer {
        self.calls += 1;
        let Some(class) = self.class(caller, now, fault.or(self.outages.read)) else {
            return self.account().answer(read);
        };
        let failed = failure(class, Effect::None);
        match read {
            PlanRead::Audit(_) => PlanAnswer::Audit(ReadAnswer::Failed(failed)),
            PlanRead::Finding(_) => PlanAnswer::Finding(ReadAnswer::Failed(failed)),
            PlanRead::Action(_) => PlanAnswer::Action(ReadAnswer::Failed(failed)),
            PlanRead::Findings { .. } => PlanAnswer::Findings(Err(failed)),
        }
    }

    /// A record stands from now on.
    pub(super) fn recorded(&mut self, record: &StartRecord, now: Timestamp) {
        self.records.insert(
            key(record),
            Known {
                since: now,
                is_answered: None,
            },
        );
    }

    /// A process has died or lost the lease: its successor doesn't know what was answered.
    pub(super) fn forget_answers(&mut self) {
        for known in self.records.values_mut() {
            known.is_answered = Some(false);
        }
    }

    /// P8: a start is sent within the bounds, or under the approval of the plan as it was a minute ago or later. What
    /// may have been sent before, under the same record, is only settled by the same start: there it is the time of the
    /// record that counts.
    fn check_approval(&mut self, record: &StartRecord, desired: &DesiredTask, now: Timestamp) {
        let Some(approval) = &desired.approval else { return };
        let known = self.records.get(&key(record)).copied();
        let decided = known
            .filter(|known| known.is_answered == Some(false))
            .map_or(now, |known| known.since);
        let a_minute_ago = decided - SignedDuration::from_secs(61);
        let until = self.accounts.iter().skip(1).map(|(until, _)| *until).chain([now]);
        let lately: Vec<Account> = std::iter::zip(&self.accounts, until)
            .filter(|(_, until)| *until >= a_minute_ago)
            .map(|((_, account), _)| *account)
            .collect();
        // A plan is read call by call, so its parts may be of different moments.
        let plans = lately.iter().flat_map(|one| {
            lately.iter().map(|other| Account {
                definition: other.definition,
                ..*one
            })
        });
        let may_start =
            |plan: &MitigationPlan| excess(plan, approval).is_none() || approval.plan.as_ref() == Some(&plan.hash);
        let known: Vec<_> = plans.map(|account| account.plan(desired, &record.region)).collect();
        assert!(
            known.iter().any(may_start),
            "started beyond the bounds without approval: {approval:?} {lately:?}"
        );
    }

    /// The tasks that resources of the world have started.
    pub(super) fn started(&self) -> impl Iterator<Item = (&Task, &Caller)> {
        self.tasks
            .iter()
            .filter_map(|task| task.by.as_ref().map(|by| (task, by)))
    }

    /// Whether a request of this resource is under way that may still start a task.
    pub(super) fn is_in_the_air(&self, uid: &str) -> bool {
        self.late.iter().any(|(at, caller, record, _)| {
            let is_taken = self.is_signature_good(caller, *at) && self.remembered(&record.task_id, *at).is_none();
            caller.uid == uid && is_taken
        })
    }

    /// Somebody else starts a task.
    pub(super) fn start_elsewhere(
        &mut self,
        desired: &DesiredTask,
        mapping: &BTreeMap<String, Vec<String>>,
        now: Timestamp,
    ) {
        if self.remembered(&desired.task_id, now).is_none() {
            self.tasks.push(Task {
                id: desired.task_id.clone(),
                token: "somebody-else".to_owned(),
                target: desired.target.clone(),
                mapping: mapping.clone(),
                started: now,
                by: None,
                canceled: None,
            });
        }
    }

    /// Requests that were given up on arrive.
    pub(super) fn deliver(&mut self, now: Timestamp) {
        let (mut due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut self.late)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        self.late = later;
        due.sort_by_key(|(at, ..)| *at);
        for (at, caller, record, desired) in due {
            self.do_start(&caller, &record, &desired, at);
        }
    }

    pub(super) fn start(
        &mut self,
        caller: &Caller,
        record: &StartRecord,
        desired: &DesiredTask,
        now: Timestamp,
        fault: Option<Fault>,
    ) -> StartAnswer {
        self.calls += 1;
        self.check_approval(record, desired, now);
        let fault = fault.or(self.outages.start);
        let is_lost = matches!(fault, Some(Fault::LostBefore | Fault::LostAfter | Fault::Late(_)));
        if let Some(known) = self.records.get_mut(&key(record)) {
            known.is_answered = Some(known.is_answered != Some(false) && !is_lost);
        }
        let lost = || StartAnswer::Failed(failure(ErrorClass::ServiceUnavailable, Effect::Unknown));
        match fault {
            Some(Fault::Refused(class)) => refused(class),
            Some(Fault::Invalid) => StartAnswer::InvalidRequest("the action doesn't exist".to_owned()),
            Some(Fault::LostBefore) => lost(),
            Some(Fault::LostAfter) => {
                self.do_start(caller, record, desired, now);
                lost()
            }
            Some(Fault::Late(seconds)) => {
                let arrival = now + SignedDuration::from_secs(seconds);
                self.late
                    .push((arrival, caller.clone(), record.clone(), desired.clone()));
                lost()
            }
            Some(Fault::Twice) => {
                self.do_start(caller, record, desired, now);
                self.do_start(caller, record, desired, now)
            }
            None => self.do_start(caller, record, desired, now),
        }
    }

    fn do_start(
        &mut self,
        caller: &Caller,
        record: &StartRecord,
        desired: &DesiredTask,
        now: Timestamp,
    ) -> StartAnswer {
        if !self.is_signature_good(caller, now) {
            return refused(ErrorClass::CredentialsRejected);
        }
        if let Some(task) = self.remembered(&record.task_id, now) {
            let is_replay = task.token == record.token && self.reading.replay_succeeds;
            return if is_replay {
                StartAnswer::Success {
                    task_id: record.task_id.clone(),
                }
            } else {
                StartAnswer::AlreadyExists
            };
        }
        let token_is_used = |task: &Task| task.is_remembered(now) && task.token == record.token;
        if self.tasks.iter().any(token_is_used) {
            let invalid = StartAnswer::InvalidRequest("the token was used for another task".to_owned());
            return if self.reading.used_token_exists {
                StartAnswer::AlreadyExists
            } else {
                invalid
            };
        }
        self.tasks.push(Task {
            id: record.task_id.clone(),
            token: record.token.clone(),
            target: desired.target.clone(),
            mapping: desired.mapping.clone(),
            started: now,
            by: Some(caller.clone()),
            canceled: None,
        });
        StartAnswer::Success {
            task_id: record.task_id.clone(),
        }
    }

    pub(super) fn describe(
        &mut self,
        caller: &Caller,
        task_id: &str,
        now: Timestamp,
        fault: Option<Fault>,
    ) -> DescribeAnswer {
        self.calls += 1;
        let fault = fault.or(self.outages.describe);
        if let Some(class) = self.class(caller, now, fault) {
            return DescribeAnswer::Failed(failure(class, Effect::Unknown));
        }
        let visible_after = SignedDuration::from_secs(self.reading.lag_seconds);
        let Some(task) = self
            .remembered(task_id, now)
            .filter(|task| now.duration_since(task.started) >= visible_after)
        else {
            return DescribeAnswer::NotFound;
        };
        let (state, end_time) = task.state(now);
        DescribeAnswer::Found(Box::new(Described {
            state,
            start_time: Some(task.started),
            end_time,
            statistics: BTreeMap::new(),
            target: Some(task.target.clone()),
            mapping: Some(task.mapping.clone()),
            actions: None,
        }))
    }

    pub(super) fn cancel(
        &mut self,
        caller: &Caller,
        task_id: &str,
        now: Timestamp,
        fault: Option<Fault>,
    ) -> CancelAnswer {
        self.calls += 1;
        self.cancel_calls.insert(caller.uid.clone());
        let fault = fault.or(self.outages.cancel);
        let fault_after = matches!(fault, Some(Fault::LostAfter | Fault::Late(_)));
        if let Some(class) = self.class(caller, now, fault.filter(|_| !fault_after)) {
            return CancelAnswer::Failed(failure(class, Effect::Unknown));
        }
        let Some(task) = self
            .tasks
            .iter_mut()
            .rfind(|task| task.id == task_id && task.is_remembered(now))
        else {
            return not_running();
        };
        self.canceled.push((caller.clone(), task.by.clone()));
        if task.state(now).0.is_ended() {
            return not_running();
        }
        task.canceled = Some(now);
        if fault_after {
            CancelAnswer::Failed(failure(ErrorClass::ServiceUnavailable, Effect::Unknown))
        } else {
            CancelAnswer::Accepted
        }
    }

    /// The task of this id that the service knows of.
    pub(super) fn remembered(&self, task_id: &str, now: Timestamp) -> Option<&Task> {
        self.tasks
            .iter()
            .rfind(|task| task.id == task_id && task.is_remembered(now))
    }

    fn class(&self, caller: &Caller, now: Timestamp, fault: Option<Fault>) -> Option<ErrorClass> {
        match fault {
            Some(Fault::Refused(class)) => Some(class),
            Some(Fault::LostBefore | Fault::LostAfter | Fault::Late(_)) => Some(ErrorClass::ServiceUnavailable),
            _ if !self.is_signature_good(caller, now) => Some(ErrorClass::CredentialsRejected),
            Some(Fault::Twice | Fault::Invalid) | None => None,
        }
    }

    fn is_signature_good(&self, caller: &Caller, now: Timestamp) -> bool {
        let age = now.duration_since(caller.signed).as_secs();
        (-self.reading.clock_tolerance()..=self.reading.signature_seconds).contains(&age)
    }
}

impl Task {
    fn is_remembered(&self, now: Timestamp) -> bool {
        now.duration_since(self.started) < RETENTION
    }

    pub(super) fn state(&self, now: Timestamp) -> (TaskState, Option<Timestamp>) {
        let end = self.started + DURATION;
        match self.canceled {
            Some(at) => (TaskState::Canceled, Some(at)),
            None if now >= end => (TaskState::Completed, Some(end)),
            None => (TaskState::InProgress, None),
        }
    }
}
