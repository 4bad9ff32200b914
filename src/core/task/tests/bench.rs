//! One resource on the bench: its steps are taken one at a time, with the answers that a test gives.

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Sub};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::store::{Store, UID};
use crate::api::{AuditMitigationTaskStatus, Phase, Reason, StartRecord};
use crate::core::answer::{
    CancelAnswer, DescribeAnswer, Described, Effect, ErrorClass, FailedActions, Failure, StartAnswer, TaskState,
};
use crate::core::event::EventDraft;
use crate::core::queue::Admission;
use crate::core::task::decide::decide;
use crate::core::task::events::event_drafts;
use crate::core::task::memory::Memory;
use crate::core::task::observation::{Observation, Settings};
use crate::core::task::observed::ObservedTask;
use crate::core::task::plan::Decision;
use crate::core::task::retry::Moment;
use crate::core::task::stage::Stage;
use crate::core::task::status::phase::ConditionType;
use crate::core::task::status::phase::find;
use crate::core::task::step::Step;
use crate::core::timing::{Now, PollBounds};

/// The id that the bench's manifest gets by default.
pub(crate) const TASK: &str = "fix-task";
pub(crate) const REGION: &str = "eu-central-1";

pub(crate) fn spec() -> Value {
    json!({
        "taskId": TASK,
        "target": { "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" },
        "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
    })
}

/// With a fraction of a second, as every real time has: statuses keep whole seconds only.
pub(crate) fn start_of_time() -> Timestamp {
    "2026-03-01T12:00:00.123456789Z".parse().unwrap()
}

pub(crate) fn start() -> Now {
    at(start_of_time())
}

/// The moment of this true time. The process's clock began long before any of them.
pub(crate) fn at(time: Timestamp) -> Now {
    static BASE: LazyLock<Instant> = LazyLock::new(|| Instant::now() + Duration::from_hours(20 * 365 * 24));
    let since_start = time.duration_since(start_of_time());
    let monotonic = if since_start.is_negative() {
        BASE.checked_sub(since_start.unsigned_abs()).unwrap()
    } else {
        *BASE + since_start.unsigned_abs()
    };
    Now { wall: time, monotonic }
}

impl Now {
    pub(crate) fn until(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.monotonic)
    }
}

/// The true time of a moment of the process's clock.
pub(crate) fn time_of(instant: Instant) -> Timestamp {
    let start = start();
    if instant >= start.monotonic {
        start.wall + start.until(instant)
    } else {
        start.wall - start.monotonic.duration_since(instant)
    }
}

impl From<Now> for Timestamp {
    fn from(now: Now) -> Self {
        now.wall
    }
}

impl Now {
    /// By the wall clock.
    pub(crate) fn duration_since(&self, earlier: impl Into<Timestamp>) -> SignedDuration {
        self.wall.duration_since(earlier.into())
    }
}

impl Add<SignedDuration> for Now {
    type Output = Self;

    fn add(mut self, time: SignedDuration) -> Self {
        self += time;
        self
    }
}

impl Sub<SignedDuration> for Now {
    type Output = Self;

    fn sub(self, time: SignedDuration) -> Self {
        self + -time
    }
}

impl PartialOrd for Now {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.monotonic.partial_cmp(&other.monotonic)
    }
}

impl AddAssign<SignedDuration> for Now {
    fn add_assign(&mut self, time: SignedDuration) {
        self.wall += time;
        if time.is_negative() {
            self.monotonic -= time.unsigned_abs();
        } else {
            self.monotonic += time.unsigned_abs();
        }
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        default_region: Some(REGION.to_owned()),
        poll: PollBounds {
            min: Duration::from_secs(1),
            max: Duration::from_mins(1),
        },
        cancel_timeout: Duration::from_mins(10),
    }
}

pub(crate) struct Bench {
    pub(crate) store: Store,
    pub(crate) memory: Memory,
    pub(crate) settings: Settings,
    pub(crate) now: Now,
    /// When the process began.
    pub(crate) known_since: Instant,
    /// How large the resource is on the API server.
    pub(crate) size: usize,
    pub(crate) is_claimed_by_older: bool,
    pub(crate) altered_status: Option<AuditMitigationTaskStatus>,
    pub(crate) plan_of_policy: Option<String>,
    pub(crate) admission: Admission,
    pub(crate) is_fresh: bool,
    pub(crate) told: Vec<EventDraft>,
    /// How many statuses were written.
    pub(crate) writes: usize,
    /// Every step that was decided, writes included.
    pub(crate) steps: Vec<Step>,
}

impl Bench {
    /// A new resource; members of `patch` change the bench's manifest.
    pub(crate) fn new(patch: &Value) -> Self {
        let mut store = Store::create(&spec(), start_of_time());
        store.force(&json!({ "spec": patch }));
        Self {
            store,
            memory: Memory::default(),
            settings: settings(),
            now: start(),
            known_since: start().monotonic,
            size: 0,
            is_claimed_by_older: false,
            altered_status: None,
            plan_of_policy: None,
            admission: Admission::Free,
            is_fresh: false,
            told: Vec::new(),
            writes: 0,
            steps: Vec::new(),
        }
    }

    /// One whose own task runs and was seen to.
    pub(crate) fn running(patch: &Value) -> Self {
        let mut bench = Self::new(patch);
        bench.call_start();
        bench.answer_start(success());
        bench.call_describe();
        bench.answer_describe(found(TaskState::InProgress));
        bench.rest();
        bench
    }

    pub(crate) fn observed(&self) -> ObservedTask {
        self.store.observed()
    }

    pub(crate) fn decide(&self) -> Step {
        self.decision().next_step()
    }

    /// All that is due, and when to look again.
    pub(crate) fn decision(&self) -> Decision {
        self.with_observation(|o, stage| decide(o, stage, self.admission))
    }

    pub(crate) fn with_observation<T>(&self, ask: impl FnOnce(&Observation<'_>, &Stage) -> T) -> T {
        let observed = self.observed();
        let o = Observation {
            now: self.now,
            known_since: self.known_since,
            observed: &observed,
            size: self.size,
            is_fresh: self.is_fresh,
            memory: &self.memory,
            is_claimed_by_older: self.is_claimed_by_older,
            altered_status: self.altered_status.as_ref(),
            plan_of_policy: self.plan_of_policy.as_deref(),
            settings: &self.settings,
        };
        ask(&o, &Stage::of(&o))
    }

    /// Takes the steps that need the API server alone, and returns the first that needs the service, or a wait. Each
    /// step takes a millisecond. Ends the test when writes follow upon writes.
    pub(crate) fn next(&mut self) -> Step {
        for _ in 0..10 {
            let step = self.decide();
            self.steps.push(step.clone());
            // A wait may be shorter than that.
            if !matches!(step, Step::Wait(_)) {
                self.now += SignedDuration::from_millis(1);
            }
            let Some(seen) = self.store.read() else {
                return Step::Wait(None);
            };
            match &step {
                Step::Read => self.is_fresh = true,
                Step::WriteStatus(status) => {
                    let observed = self.observed();
                    self.store.write_status(&seen, status).unwrap();
                    self.memory.status_written(&observed, self.now);
                    self.told.extend(event_drafts(&observed, status, &self.memory));
                    self.writes += 1;
                    self.is_fresh = true;
                }
                Step::WriteRecord { record, with_finalizer } => {
                    self.store.write_record(&seen, record, *with_finalizer).unwrap();
                    self.memory.record_written(record.clone(), self.now);
                    self.is_fresh = true;
                }
                Step::AddFinalizer => self.store.add_finalizer(&seen).unwrap(),
                Step::RemoveFinalizer { .. } => {
                    self.store.remove_finalizer(&seen).unwrap();
                    if self.store.read().is_none() {
                        return step;
                    }
                }
                Step::Start(_)
                | Step::Describe(_)
                | Step::Cancel(_)
                | Step::ReadForPlan { .. }
                | Step::ListFailedActions(_)
                | Step::Delete => {
                    return step;
                }
                Step::Wait(_) => {
                    self.is_fresh = false;
                    return step;
                }
            }
        }
        panic!("only writes and reads, again and again: {:#?}", self.steps)
    }

    /// Until nothing is to be done for now: the time it waits for, if any.
    pub(crate) fn rest(&mut self) -> Option<Now> {
        match self.next() {
            Step::Wait(until) => until.map(|until| self.moment_of(until)),
            step => panic!("expected a wait, not {step:?}"),
        }
    }

    /// Sleeps until the time that it waits for.
    pub(crate) fn sleep(&mut self) {
        let until = self.rest().expect("a timer");
        self.sleep_until(until.monotonic);
    }

    /// That moment by both clocks, if nobody sets one.
    pub(crate) fn moment_of(&self, until: Instant) -> Now {
        self.now + SignedDuration::try_from(self.now.until(until)).unwrap()
    }

    pub(crate) fn sleep_until(&mut self, until: Instant) {
        assert!(until > self.now.monotonic, "a wait that lies behind");
        self.now = self.moment_of(until);
    }

    pub(crate) fn call_start(&mut self) -> StartRecord {
        match self.next_call() {
            Step::Start(record) => record,
            step => panic!("expected a Start, not {step:?}"),
        }
    }

    /// The next Start, while Describe finds nothing.
    pub(crate) fn call_start_again(&mut self) -> StartRecord {
        loop {
            match self.next_call() {
                Step::Start(record) => return record,
                Step::Describe(_) => self.answer_describe(DescribeAnswer::NotFound),
                step => panic!("expected a Start, not {step:?}"),
            }
        }
    }

    /// The next Cancel, while Describe shows the task running.
    pub(crate) fn call_cancel_again(&mut self) {
        loop {
            match self.next_call() {
                Step::Cancel(_) => return,
                Step::Describe(_) => self.answer_describe(found(TaskState::InProgress)),
                step => panic!("expected a Cancel, not {step:?}"),
            }
        }
    }

    pub(crate) fn call_describe(&mut self) {
        match self.next_call() {
            Step::Describe(_) => {}
            step => panic!("expected a Describe, not {step:?}"),
        }
    }

    pub(crate) fn call_cancel(&mut self) {
        match self.next_call() {
            Step::Cancel(_) => {}
            step => panic!("expected a Cancel, not {step:?}"),
        }
    }

    /// The next call of the service, after at most one wait.
    pub(crate) fn next_call(&mut self) -> Step {
        match self.next() {
            Step::Wait(Some(until)) => {
                self.sleep_until(until);
                self.next()
            }
            step => step,
        }
    }

    pub(crate) fn answer_start(&mut self, answer: StartAnswer) {
        let observed = self.observed();
        let record = observed.record.clone().expect("a record stands before a start");
        self.memory
            .start_answered(&record, self.known_since, answer, moment(&observed, self.now));
    }

    /// An older resource of the cluster names the same task.
    pub(crate) fn answer_start_claimed(&mut self, answer: StartAnswer, unclaimed: bool) {
        self.is_claimed_by_older = !unclaimed;
        self.answer_start(answer);
    }

    pub(crate) fn answer_describe(&mut self, answer: DescribeAnswer) {
        let observed = self.observed();
        let written = observed.status.as_ref().and_then(|status| status.task_id.clone());
        let task = written
            .or_else(|| observed.record.as_ref().map(|record| record.task_id.clone()))
            .unwrap();
        self.memory
            .describe_answered(&task, answer, moment(&observed, self.now));
    }

    pub(crate) fn answer_cancel(&mut self, answer: CancelAnswer) {
        let observed = self.observed();
        self.memory.cancel_answered(answer, moment(&observed, self.now));
    }

    pub(crate) fn answer_failures(&mut self, failures: FailedActions) {
        self.memory.failed_actions = Some(failures);
    }

    pub(crate) fn edit(&mut self, patch: &Value) {
        assert!(self.store.edit(patch), "the CRD refuses {patch} in {:?}", self.phase());
        self.is_fresh = false;
    }

    pub(crate) fn delete(&mut self) {
        self.store.delete(self.now.wall);
        self.is_fresh = false;
    }

    /// A new process: it remembers nothing, and only it may send from now on.
    pub(crate) fn restart(&mut self) {
        self.memory = Memory::default();
        self.known_since = self.now.monotonic;
        self.altered_status = None;
        self.is_fresh = false;
    }

    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.is_fresh = false;
    }

    /// Somebody sets the clock ahead, or back: no time passes.
    pub(crate) fn set_clock(&mut self, seconds: i64) {
        self.now.wall += SignedDuration::from_secs(seconds);
    }

    pub(crate) fn status(&self) -> AuditMitigationTaskStatus {
        self.observed().status.unwrap_or_default()
    }

    pub(crate) fn phase(&self) -> Option<Phase> {
        self.observed().phase()
    }

    /// Phase and reason, as the columns show them.
    pub(crate) fn says(&self) -> (Phase, String) {
        let status = self.status();
        let ready = find(&status.conditions, ConditionType::Ready).expect("a Ready condition");
        (status.phase.expect("a phase"), ready.reason.clone())
    }

    #[track_caller]
    pub(crate) fn assert_says(&self, phase: Phase, reason: Reason) {
        assert_eq!(
            self.says(),
            (phase, reason.as_str().to_owned()),
            "{:#?}",
            self.store.json()
        );
    }

    pub(crate) fn message(&self) -> String {
        find(&self.status().conditions, ConditionType::Ready)
            .expect("a Ready condition")
            .message
            .clone()
    }
}

pub(crate) fn moment(observed: &ObservedTask, now: Now) -> Moment<'_> {
    Moment {
        now,
        uid: &observed.uid,
        generation: observed.generation,
    }
}

pub(crate) fn success() -> StartAnswer {
    StartAnswer::Success {
        task_id: TASK.to_owned(),
    }
}

pub(crate) fn failure(class: ErrorClass, effect: Effect) -> Failure {
    Failure {
        class,
        effect,
        message: format!("{class:?} it was"),
    }
}

/// The answer to a Start that was certainly not done.
pub(crate) fn refused(class: ErrorClass) -> StartAnswer {
    StartAnswer::Failed(failure(class, Effect::None))
}

/// The answer to a Start that nobody saw.
pub(crate) fn lost() -> StartAnswer {
    StartAnswer::Failed(failure(ErrorClass::ServiceUnavailable, Effect::Unknown))
}

/// The answer to a Cancel of a task that isn't in progress.
pub(crate) fn not_running() -> CancelAnswer {
    CancelAnswer::NotRunning(failure(ErrorClass::NotInProgress, Effect::None))
}

/// The bench's task, in this state, as the service describes it.
pub(crate) fn task(state: TaskState) -> Described {
    let spec: crate::api::AuditMitigationTaskSpec = serde_json::from_value(spec()).unwrap();
    let start = start_of_time();
    Described {
        end_time: state.is_ended().then(|| start + SignedDuration::from_millis(90_250)),
        state,
        start_time: Some(start),
        statistics: std::collections::BTreeMap::new(),
        target: Some(spec.target),
        mapping: Some(spec.audit_check_to_actions_mapping),
        actions: None,
    }
}

pub(crate) fn found(state: TaskState) -> DescribeAnswer {
    DescribeAnswer::Found(Box::new(task(state)))
}

/// Another task under the bench's id.
pub(crate) fn found_another(state: TaskState) -> DescribeAnswer {
    let mut task = task(state);
    task.mapping = Some([("LOGGING_DISABLED_CHECK".to_owned(), vec!["Other".to_owned()])].into());
    DescribeAnswer::Found(Box::new(task))
}

pub(crate) fn uid() -> &'static str {
    UID
}
