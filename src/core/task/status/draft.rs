//! From what is known to the status that says so.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::{Attempt, AuditMitigationTaskStatus, FindingStatistics, Phase, Reason, StartRecord, StartedBy};
use crate::core::answer::{Described, FailedActions};
use crate::core::task::observed::ObservedTask;
use crate::core::task::status::phase::{ConditionType, status_in};
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
    /// The task as the service describes it, where that is event_drafts.
    pub described: Option<Described>,
    /// The failed actions, where they were looked up.
    pub failed_actions: Option<FailedActions>,
    /// When the next attempt is made.
    pub next_attempt: Option<Timestamp>,
}

/// Which task a status is about.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskIn {
    /// None: nothing was started.
    Nowhere,
    /// The one that the status names already.
    Status,
    /// This one.
    Known(Identity),
}

/// A task that exists, or did, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its id.
    pub task_id: String,
    /// Its AWS region.
    pub region: String,
    /// The token that the start was sent with.
    pub token: String,
    /// Whether this resource started it.
    pub started_by: StartedBy,
    /// [`Reason::Started`] or [`Reason::AlreadyExists`].
    pub reason: Reason,
}

impl StatusDraft {
    /// A draft without the rarer members.
    #[must_use]
    pub fn new(phase: Phase, reason: Reason, message: impl Into<String>, task: TaskIn) -> Self {
        Self {
            phase,
            reason,
            message: message.into(),
            task,
            attempt: None,
            described: None,
            failed_actions: None,
            next_attempt: None,
        }
    }

    /// The status that says it, or `None` when the one that is stored does already.
    #[must_use]
    pub fn status_to_write(self, observed: &ObservedTask, now: Timestamp) -> Option<AuditMitigationTaskStatus> {
        let before = observed.status.clone().unwrap_or_default();
        let after = self.render(observed, &before, now);
        // Conditions keep the time of their last transition, and all times are whole seconds, as they are stored: so
        // equal statuses are equal to the letter.
        (observed.status.is_none() || after != before).then_some(after)
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
        } = self;
        let message = steady(before, observed, phase, reason, message);
        let mut after = match &task {
            TaskIn::Status => before.clone(),
            TaskIn::Known(identity) if before.task_id.as_ref() == Some(&identity.task_id) => before.clone(),
            // What is known of another task says nothing about this one.
            TaskIn::Known(_) | TaskIn::Nowhere => AuditMitigationTaskStatus::default(),
        };
        if let TaskIn::Known(identity) = &task {
            after.task_id = Some(identity.task_id.clone());
            after.region = Some(identity.region.clone());
            after.client_request_token = Some(identity.token.clone());
            after.started_by = Some(identity.started_by);
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
        after.next_attempt_time = next_attempt.map(timing::next_whole_second).map(Time);
        after.conditions = conditions(
            &before.conditions,
            &task,
            phase,
            reason,
            &message,
            observed.generation,
            now,
        );
        after
    }
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
    status.start_time = described
        .start_time
        .map(timing::whole_seconds)
        .map(Time)
        .or(status.start_time.take());
    if described.state.is_ended() {
        status.completion_time = described
            .end_time
            .map(timing::whole_seconds)
            .map(Time)
            .or(status.completion_time.take());
    }
    if !described.statistics.is_empty() {
        status.task_statistics.clone_from(&described.statistics);
        let (ended, total) = progress(&described.statistics);
        status.progress = Some(format!("{ended}/{total}"));
        status.failed_findings = Some(failed_findings(&described.statistics));
    }
}

/// How many findings ended, whatever the ending, and how many there are.
fn progress(statistics: &BTreeMap<String, FindingStatistics>) -> (i64, i64) {
    statistics.values().fold((0, 0), |(ended, total), counts| {
        let FindingStatistics {
            total_findings_count,
            failed_findings_count,
            succeeded_findings_count,
            skipped_findings_count,
            canceled_findings_count,
        } = counts;
        let endings = [
            failed_findings_count,
            succeeded_findings_count,
            skipped_findings_count,
            canceled_findings_count,
        ];
        let here = endings
            .into_iter()
            .flatten()
            .fold(0_i64, |sum, count| sum.saturating_add(*count));
        (
            ended.saturating_add(here),
            total.saturating_add(total_findings_count.unwrap_or_default()),
        )
    })
}

/// How many findings failed.
#[must_use]
pub fn failed_findings(statistics: &BTreeMap<String, FindingStatistics>) -> i64 {
    statistics.values().fold(0, |sum, counts| {
        sum.saturating_add(counts.failed_findings_count.unwrap_or_default())
    })
}

/// The condition of this type.
#[must_use]
pub fn find(conditions: &[Condition], condition: ConditionType) -> Option<&Condition> {
    conditions
        .iter()
        .find(|candidate| candidate.type_ == condition.as_str())
}

fn conditions(
    before: &[Condition],
    task: &TaskIn,
    phase: Phase,
    reason: Reason,
    message: &str,
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    ConditionType::ALL
        .into_iter()
        .map(|condition| {
            let old = find(before, condition);
            let (holds, reason, message) = if condition == ConditionType::Started {
                started(old, task, reason)
            } else {
                let holds = status_in(phase, condition).unwrap_or_default();
                // The message stands where people and tools look: on Ready, and on whatever is true.
                let tells = holds || condition == ConditionType::Ready;
                (
                    holds,
                    reason.as_str().to_owned(),
                    if tells { message.to_owned() } else { String::new() },
                )
            };
            let status = if holds { "True" } else { "False" };
            Condition {
                type_: condition.as_str().to_owned(),
                status: status.to_owned(),
                reason,
                message,
                observed_generation: Some(generation),
                last_transition_time: old.filter(|old| old.status == status).map_or_else(
                    || Time(timing::whole_seconds(now)),
                    |old| old.last_transition_time.clone(),
                ),
            }
        })
        .collect()
}

fn started(old: Option<&Condition>, task: &TaskIn, reason: Reason) -> (bool, String, String) {
    match (task, old) {
        (TaskIn::Known(identity), _) => (true, identity.reason.as_str().to_owned(), identity.sentence()),
        (TaskIn::Status, Some(old)) => (old.status == "True", old.reason.clone(), old.message.clone()),
        (TaskIn::Status, None) => (true, Reason::AlreadyExists.as_str().to_owned(), String::new()),
        (TaskIn::Nowhere, _) => (false, reason.as_str().to_owned(), String::new()),
    }
}

impl Identity {
    fn sentence(&self) -> String {
        let Self {
            task_id,
            region,
            token: _,
            started_by,
            reason,
        } = self;
        match (started_by, reason) {
            (StartedBy::This, _) => format!("task {task_id} in {region} was started by this resource"),
            (StartedBy::Other, Reason::Started) => format!(
                "task {task_id} in {region} was started, but its token is not this resource's own or an older resource \
                 claims the id: it is followed and never cancelled"
            ),
            (StartedBy::Other, _) => format!(
                "task {task_id} in {region} existed already and was not started by this resource: it is followed and never cancelled"
            ),
        }
    }
}
