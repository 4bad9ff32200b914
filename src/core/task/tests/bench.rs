//! One resource on the bench: its steps are taken one at a time, with the answers that a test gives.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::store::{Store, UID};
use crate::api::{AuditMitigationTaskStatus, Phase, Reason, StartRecord};
use crate::core::answer::{
    CancelAnswer, DescribeAnswer, Described, Effect, ErrorClass, FailedActions, Failure, StartAnswer, TaskState,
};
use crate::core::queue::Admission;
use crate::core::task::decide::decide;
use crate::core::task::events::{EventDraft, event_drafts};
use crate::core::task::memory::{Memory, Moment};
use crate::core::task::observation::{Observation, Settings};
use crate::core::task::observed::ObservedTask;
use crate::core::task::plan::Step;
use crate::core::task::status::draft::find;
use crate::core::task::status::phase::ConditionType;
use crate::core::timing::PollBounds;

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
    pub(crate) now: Timestamp,
    /// When the process began.
    pub(crate) since: Timestamp,
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
            now: start_of_time(),
            since: start_of_time(),
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
        let observed = self.observed();
        decide(&Observation {
            now: self.now,
            instant: instant_of(self.now),
            since: self.since,
            observed: &observed,
            is_fresh: self.is_fresh,
            memory: &self.memory,
            admission: self.admission,
            settings: &self.settings,
        })
    }

    /// Takes the steps that need the API server alone, and returns the first that needs the service, or a wait. Each
    /// step takes a millisecond. Ends the test when writes follow upon writes.
    pub(crate) fn next(&mut self) -> Step {
        for _ in 0..10 {
            let step = self.decide();
            self.steps.push(step.clone());
            self.now += SignedDuration::from_millis(1);
            let Some(seen) = self.store.read() else {
                return Step::Wait(None);
            };
            match &step {
                Step::Read => self.is_fresh = true,
                Step::WriteStatus(status) => {
                    let observed = self.observed();
                    self.store.write_status(&seen, status).unwrap();
                    self.memory.status_written(&observed);
                    self.told.extend(event_drafts(&observed, status));
                    self.writes += 1;
                    self.is_fresh = true;
                }
                Step::WriteRecord { record, with_finalizer } => {
                    self.store.write_record(&seen, record, *with_finalizer).unwrap();
                    self.memory.record_written(record.clone());
                    self.is_fresh = true;
                }
                Step::AddFinalizer => self.store.add_finalizer(&seen).unwrap(),
                Step::RemoveFinalizer { .. } => {
                    self.store.remove_finalizer(&seen).unwrap();
                    if self.store.read().is_none() {
                        return step;
                    }
                }
                Step::Start(_) | Step::Describe(_) | Step::Cancel(_) | Step::ListFailedActions(_) | Step::Delete => {
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
    pub(crate) fn rest(&mut self) -> Option<Timestamp> {
        match self.next() {
            Step::Wait(until) => until,
            step => panic!("expected a wait, not {step:?}"),
        }
    }

    /// Sleeps until the time that it waits for.
    pub(crate) fn sleep(&mut self) {
        let until = self.rest().expect("a timer");
        assert!(until > self.now, "{until} is not after {}", self.now);
        self.now = until;
    }

    pub(crate) fn call_start(&mut self) -> StartRecord {
        match self.next_call() {
            Step::Start(record) => record,
            step => panic!("expected a Start, not {step:?}"),
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
                assert!(until > self.now, "{until} is not after {}", self.now);
                self.now = until;
                self.next()
            }
            step => step,
        }
    }

    pub(crate) fn answer_start(&mut self, answer: StartAnswer) {
        self.answer_start_claimed(answer, true);
    }

    pub(crate) fn answer_start_claimed(&mut self, answer: StartAnswer, unclaimed: bool) {
        let observed = self.observed();
        let record = observed.record.clone().expect("a record stands before a start");
        self.memory
            .started(&record, self.since, answer, unclaimed, moment(&observed, self.now));
    }

    pub(crate) fn answer_describe(&mut self, answer: DescribeAnswer) {
        let observed = self.observed();
        let written = observed.status.as_ref().and_then(|status| status.task_id.clone());
        let task = written
            .or_else(|| observed.record.as_ref().map(|record| record.task_id.clone()))
            .unwrap();
        self.memory.described(&task, answer, moment(&observed, self.now));
    }

    pub(crate) fn answer_cancel(&mut self, answer: CancelAnswer) {
        let observed = self.observed();
        self.memory.canceled(answer, moment(&observed, self.now));
    }

    pub(crate) fn answer_failures(&mut self, failures: FailedActions) {
        self.memory.failed_actions = Some(failures);
    }

    pub(crate) fn edit(&mut self, patch: &Value) {
        assert!(self.store.edit(patch), "the CRD refuses {patch} in {:?}", self.phase());
        self.is_fresh = false;
    }

    pub(crate) fn delete(&mut self) {
        self.store.delete(self.now);
        self.is_fresh = false;
    }

    /// A new process: it remembers nothing, and only it may send from now on.
    pub(crate) fn restart(&mut self) {
        self.memory = Memory::default();
        self.since = self.now;
        self.is_fresh = false;
    }

    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.is_fresh = false;
    }

    /// Somebody sets the clock ahead, or back: no time passes.
    pub(crate) fn set_clock(&mut self, seconds: i64) {
        let by = SignedDuration::from_secs(seconds);
        self.now += by;
        self.since += by;
        self.memory.clock_was_set(by);
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

/// A moment of a test by the clock that nobody sets.
pub(crate) fn instant_of(time: Timestamp) -> Instant {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let since = Duration::try_from(time.duration_since(Timestamp::UNIX_EPOCH));
    *BEGAN + since.unwrap_or_default()
}

pub(crate) fn moment(observed: &ObservedTask, now: Timestamp) -> Moment<'_> {
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
