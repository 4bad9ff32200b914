//! What no document of the service settles, and the readings that there are to choose from.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact;
use serde::{Deserialize, Serialize};

/// One reading of each point that the service's documents leave open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Readings {
    /// The same task id, token and body again.
    pub replay: Replay,
    /// The same task id and token with another body.
    pub replay_other_body: ReplayOtherBody,
    /// The token of one task with another task id.
    pub token_of_other_task: TokenOfOtherTask,
    /// Whether the limit of running tasks is looked at before or after the replay is recognised.
    pub limit: LimitCheck,
    /// How long a started task isn't there yet for Describe, Cancel and the Lists.
    #[serde(with = "compact::required")]
    pub describe_lag: Duration,
    /// Whether a request takes effect that the client gave up while a latency held it.
    pub work_after_disconnect: bool,
    /// How long tasks and findings are kept; afterwards they are not found, and task ids and tokens are free again.
    #[serde(with = "compact::required")]
    pub retention: Duration,
    /// A target of the reason code filter alone.
    pub filter_alone: Choice,
    /// A target of finding ids together with an audit or a filter.
    pub finding_ids_with_others: Choice,
    /// Whether executions that haven't begun are listed as PENDING, or not at all.
    pub pending_executions: bool,
    /// What becomes of suppressed findings.
    pub suppressed: Suppressed,
    /// How long a cancelled task stays `IN_PROGRESS`.
    #[serde(with = "compact::required")]
    pub cancel_takes: Duration,
    /// A Start on an audit that is `IN_PROGRESS`: it mitigates what the audit has found so far.
    pub start_on_running_audit: Choice,
    /// Whether findings of an audit that is `IN_PROGRESS` can be seen.
    pub findings_of_running_audits: FindingsOfRunningAudits,
    /// What a finding's suppression does after the audit has ended.
    pub late_suppression: LateSuppression,
    /// Whether the counts and the verdict of a check follow a suppression that came after the audit.
    pub audit_counts: AuditCounts,
    /// What `nonCompliantResourcesCount` counts.
    pub non_compliant_count: NonCompliantCount,
    /// Which audits the window of `ListAuditTasks` means.
    pub audit_window: AuditWindow,
    /// In which order `ListAuditTasks` tells them.
    pub audit_order: AuditOrder,
    /// Whether `UpdateMitigationAction` leaves the action its id.
    pub update_keeps_action_id: bool,
}

impl Default for Readings {
    fn default() -> Self {
        Self {
            replay: Replay::Success,
            replay_other_body: ReplayOtherBody::InvalidRequest,
            token_of_other_task: TokenOfOtherTask::TaskAlreadyExists,
            limit: LimitCheck::AfterReplay,
            describe_lag: Duration::ZERO,
            work_after_disconnect: true,
            retention: Duration::from_hours(90 * 24),
            filter_alone: Choice::Accept,
            finding_ids_with_others: Choice::Refuse,
            pending_executions: true,
            suppressed: Suppressed::Skipped,
            cancel_takes: Duration::ZERO,
            start_on_running_audit: Choice::Accept,
            findings_of_running_audits: FindingsOfRunningAudits::Hidden,
            late_suppression: LateSuppression::Stops,
            audit_counts: AuditCounts::Frozen,
            non_compliant_count: NonCompliantCount::WithSuppressed,
            audit_window: AuditWindow::Start,
            audit_order: AuditOrder::ById,
            update_keeps_action_id: true,
        }
    }
}

/// Accepted, or refused with `InvalidRequestException`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Goes on.
    Accept,
    /// Gives `InvalidRequestException`.
    Refuse,
}

/// The answer to a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replay {
    /// As the first time.
    Success,
    /// `TaskAlreadyExistsException`.
    TaskAlreadyExists,
}

/// The answer to a replay whose body differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplayOtherBody {
    /// As the first time, and the first body stays.
    Success,
    /// `InvalidRequestException`.
    InvalidRequest,
    /// `TaskAlreadyExistsException`.
    TaskAlreadyExists,
}

/// The answer to a token that another task was started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenOfOtherTask {
    /// `TaskAlreadyExistsException`, for an id that doesn't exist.
    TaskAlreadyExists,
    /// `InvalidRequestException`.
    InvalidRequest,
    /// The token binds nothing: the task starts.
    Start,
}

/// When the limit of running tasks is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitCheck {
    /// A replay at the limit gives `LimitExceededException`.
    BeforeReplay,
    /// Only a new task can exceed the limit.
    AfterReplay,
}

/// What becomes of suppressed findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suppressed {
    /// They count as skipped.
    Skipped,
    /// They are no part of the task.
    Omitted,
}

/// What can be seen of an audit that is `IN_PROGRESS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingsOfRunningAudits {
    /// Nothing of the checks that are still running.
    Hidden,
    /// Everything.
    Listed,
}

/// What a suppression does that comes after the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateSuppression {
    /// The finding is told as suppressed, and isn't mitigated.
    Stops,
    /// The finding is told as suppressed, and is mitigated all the same.
    Shown,
    /// Nothing for this audit; the next finds it suppressed.
    Ignored,
}

/// What an audit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditCounts {
    /// What was suppressed when it was found.
    Frozen,
    /// What is suppressed now.
    Live,
}

/// What `nonCompliantResourcesCount` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonCompliantCount {
    /// All findings.
    WithSuppressed,
    /// Those that are not suppressed.
    WithoutSuppressed,
}

/// Which audits a window means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditWindow {
    /// Those that started in it.
    Start,
    /// Those that ran at some time of it.
    Overlap,
}

/// The order of a list of audits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditOrder {
    /// By their ids, which says nothing of their time.
    ById,
    /// By their start.
    OldestFirst,
    /// By their start, backwards.
    NewestFirst,
}
