//! From what is known to the status that says so.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::approved::{self, Judgement};
use super::conditions::conditions;
use super::findings::{failed_findings, progress};
use super::phase::{ConditionType, find};
use super::subject::TaskIn;
use crate::api::{Attempt, AuditMitigationTaskStatus, Phase, Reason, StartRecord};
use crate::core::answer::{Described, FailedActions};
use crate::core::task::observed::ObservedTask;
use crate::core::task::retry::Retry;
use crate::core::timing;

/// What the status is to say.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusDraft {
    /// Where the task is in its life.
    pub phase: Phase,
    /// Why.
    pub reason: Reason,
    /// What a person should read: what happened, what comes next, what to do.
    pub message: String,
    /// Which task it is about.
    pub task: TaskIn,
    /// The open attempt, if there is one.
    pub attempt: Option<StartRecord>,
    /// The task as the service describes it, where that is new.
    pub described: Option<Described>,
    /// The failed actions, where they were looked up.
    pub failed_actions: Option<FailedActions>,
    /// When the next attempt is made.
    pub next_attempt: Option<Timestamp>,
    /// What was made of the plan, where that is known for this generation.
    pub judgement: Option<Judgement>,
}

impl StatusDraft {
    /// A draft about no task.
    pub fn new(phase: Phase, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            phase,
            reason,
            message: message.into(),
            task: TaskIn::Nowhere,
            attempt: None,
            described: None,
            failed_actions: None,
            next_attempt: None,
            judgement: None,
        }
    }

    /// About this task.
    pub fn about(mut self, task: TaskIn) -> Self {
        self.task = task;
        self
    }

    /// With the task as the service describes it.
    pub fn described(mut self, task: Option<&Described>) -> Self {
        self.described = task.cloned();
        self
    }

    /// With what was made of the plan.
    pub fn judged(mut self, judgement: Judgement) -> Self {
        self.judgement = Some(judgement);
        self
    }

    /// With the time of the next attempt, where one waits.
    pub fn trying_again(mut self, retry: Option<&Retry>) -> Self {
        self.next_attempt = retry.map(|retry| retry.shown_at);
        self
    }

    /// The status that says it, or `None` when the one that is stored does already, or the API server has stored it
    /// otherwise than it was written (`altered`).
    pub fn status_to_write(
        self,
        observed: &ObservedTask,
        altered: Option<&AuditMitigationTaskStatus>,
        now: Timestamp,
    ) -> Option<AuditMitigationTaskStatus> {
        let before = observed.status.clone().unwrap_or_default();
        let after = self.render(observed, &before, now);
        // Conditions keep the time of their last transition, and all times are whole seconds, as they are stored: so
        // equal statuses are equal to the letter.
        let is_stored = observed.status.is_some() && after == before;
        let was_altered = || altered.is_some_and(|written| says_the_same(written, &after));
        (!is_stored && !was_altered()).then_some(after)
    }

    fn render(
        self,
        observed: &ObservedTask,
        before: &AuditMitigationTaskStatus,
        now: Timestamp,
    ) -> AuditMitigationTaskStatus {
        let Self {
            phase,
            reason,
            message,
            task,
            attempt,
            described,
            failed_actions,
            next_attempt,
            judgement,
        } = self;
        let message = steady(before, observed, phase, reason, message);
        let mut after = match &task {
            TaskIn::Status => before.clone(),
            TaskIn::Known(known) if before.task_id.as_ref() == Some(&known.task_id) => before.clone(),
            // What is known of another task says nothing about this one.
            TaskIn::Known(_) | TaskIn::Nowhere => AuditMitigationTaskStatus::default(),
        };
        if let TaskIn::Known(known) = &task {
            after.task_id = Some(known.task_id.clone());
            after.region = Some(known.region.clone());
            after.client_request_token = Some(known.token.clone());
            after.started_by = Some(known.started_by);
        }
        after.observed_generation = Some(observed.generation);
        after.phase = Some(phase);
        if let Some(record) = &attempt {
            // Kept in the status as well: without them the attempt could not be settled if the annotation were lost.
            after.client_request_token = Some(record.token.clone());
            after.region = Some(record.region.clone());
        }
        after.attempt = attempt.map(|record| shown(record, before.attempt.as_ref(), now));
        if let Some(described) = &described {
            show_described(&mut after, described);
        }
        if let Some(FailedActions {
            failures,
            truncated,
            problem: _,
        }) = failed_actions
        {
            after.failures = failures;
            after.failures_truncated = truncated.then_some(true);
        }
        after.next_attempt_time = next_attempt.map(|time| next_attempt_time(time, before.next_attempt_time.as_ref()));
        after.conditions = conditions(
            &before.conditions,
            &task,
            phase,
            reason,
            &message,
            observed.generation,
            now,
        );
        approved::show(&mut after, before, judgement, observed, now);
        after
    }
}

/// The time of the next attempt in whole seconds. The same moment, read from the clock twice, can differ by one.
fn next_attempt_time(time: Timestamp, before: Option<&Time>) -> Time {
    let time = timing::next_whole_second(time);
    before
        .filter(|before| before.0.duration_since(time).abs().as_secs() <= 1)
        .cloned()
        .unwrap_or(Time(time))
}

/// Whether two statuses differ in nothing but times that are read from the clock when a status is made.
fn says_the_same(written: &AuditMitigationTaskStatus, now: &AuditMitigationTaskStatus) -> bool {
    let without_times = |status: &AuditMitigationTaskStatus| {
        let mut status = status.clone();
        for condition in &mut status.conditions {
            condition.last_transition_time = Time(Timestamp::UNIX_EPOCH);
        }
        if let Some(attempt) = &mut status.attempt {
            attempt.time = Time(Timestamp::UNIX_EPOCH);
        }
        status
    };
    without_times(written) == without_times(now)
}

/// A position in the queue is told when it is taken, and not at every move.
fn steady(
    before: &AuditMitigationTaskStatus,
    observed: &ObservedTask,
    phase: Phase,
    reason: Reason,
    message: String,
) -> String {
    let told = (before.phase == Some(phase)
        && before.observed_generation == Some(observed.generation)
        && reason == Reason::Queued)
        .then(|| find(&before.conditions, ConditionType::Ready))
        .flatten()
        .filter(|ready| ready.reason == reason.as_str());
    told.map_or(message, |ready| ready.message.clone())
}

fn shown(record: StartRecord, before: Option<&Attempt>, now: Timestamp) -> Attempt {
    let StartRecord {
        task_id,
        request_hash,
        region,
        ..
    } = record;
    let time = before
        .filter(|attempt| attempt.task_id == task_id && attempt.request_hash == request_hash)
        .map_or_else(|| Time(timing::whole_seconds(now)), |attempt| attempt.time.clone());
    Attempt {
        task_id,
        request_hash,
        region,
        time,
    }
}

fn show_described(status: &mut AuditMitigationTaskStatus, described: &Described) {
    let shown = |time: Timestamp| Time(timing::whole_seconds(time));
    status.start_time = described.start_time.map(shown).or(status.start_time.take());
    if described.state.is_ended() {
        status.completion_time = described.end_time.map(shown).or(status.completion_time.take());
    }
    if !described.statistics.is_empty() {
        status.task_statistics.clone_from(&described.statistics);
        let (ended, total) = progress(&described.statistics);
        status.progress = Some(format!("{ended}/{total}"));
        status.failed_findings = Some(failed_findings(&described.statistics));
    }
}
