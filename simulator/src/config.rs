//! What can be chosen: at the start ([`Config`]) and at any time ([`Settings`]).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a simulator is started.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What can be changed later as well.
    pub settings: Settings,
    /// Access keys and the account that each stands for. A key that isn't named is an account of its own.
    pub access_keys: BTreeMap<String, String>,
    /// How far the time of a request's signature may be from the service's; None accepts any.
    pub max_signature_age: Option<Duration>,
    /// How many calls the log keeps; the oldest go first.
    pub call_log_limit: usize,
    /// Whether the sample audits, findings and actions are there.
    pub samples: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            settings: Settings::default(),
            access_keys: BTreeMap::new(),
            max_signature_age: Some(Duration::from_mins(5)),
            call_log_limit: 100_000,
            samples: true,
        }
    }
}

/// What can be changed while the simulator runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long a task runs, unless an [`Outcome`](crate::Outcome) says otherwise. Read when a task starts.
    #[serde(with = "compact::required")]
    pub task_duration: Duration,
    /// How many findings an audit that isn't in the catalogue has for each check.
    pub findings_per_check: u32,
    /// What a Start does that names an audit, a finding or an action that isn't in the catalogue.
    pub unknown_targets: Choice,
    /// What no document of the service settles.
    pub readings: Readings,
    /// The account's limits.
    pub quotas: Quotas,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            task_duration: Duration::from_secs(2),
            findings_per_check: 2,
            unknown_targets: Choice::Accept,
            readings: Readings::default(),
            quotas: Quotas::default(),
        }
    }
}

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

/// Limits for each account and region. `null` means no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// Tasks that run at the same time.
    pub running_tasks: Option<usize>,
    /// How many of these are taken by somebody whose tasks can't be seen here.
    pub running_by_others: usize,
    /// Start calls a second.
    pub start: Option<u32>,
    /// Cancel calls a second.
    pub cancel: Option<u32>,
    /// Calls a second of each Describe.
    pub describe: Option<u32>,
    /// Calls a second of each List.
    pub list: Option<u32>,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            running_tasks: Some(10),
            running_by_others: 0,
            start: Some(10),
            cancel: Some(10),
            describe: Some(25),
            list: Some(10),
        }
    }
}

impl Quotas {
    /// No limits at all.
    #[must_use]
    pub fn unlimited() -> Self {
        Self {
            running_tasks: None,
            running_by_others: 0,
            start: None,
            cancel: None,
            describe: None,
            list: None,
        }
    }
}

impl Settings {
    /// These settings with some changed: a JSON object of the members to change, nested as they are.
    ///
    /// # Errors
    /// When the result isn't valid settings: an unknown name, or a value of the wrong form.
    pub fn patched(&self, patch: &Value) -> Result<Self, serde_json::Error> {
        let mut json = serde_json::to_value(self)?;
        merge(&mut json, patch);
        serde_json::from_value(json)
    }
}

/// Not RFC 7396, which takes a null for a deletion: here it is a value, "no limit".
fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (name, value) in patch {
                merge(into.entry(name.as_str()).or_insert(Value::Null), value);
            }
        }
        (into, patch) => into.clone_from(patch),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_what_it_names() {
        let patch =
            json!({"task_duration": "500ms", "quotas": {"start": null}, "readings": {"replay": "task_already_exists"}});
        let patched = Settings::default().patched(&patch).unwrap();
        let mut expected = Settings {
            task_duration: Duration::from_millis(500),
            ..Settings::default()
        };
        expected.quotas.start = None;
        expected.readings.replay = Replay::TaskAlreadyExists;
        assert_eq!(patched, expected);
    }

    #[test]
    fn a_patch_with_an_unknown_name_or_value_is_refused() {
        for patch in [
            json!({"taskDuration": "1s"}),
            json!({"readings": {"replay": "maybe"}}),
            json!(7),
        ] {
            assert!(Settings::default().patched(&patch).is_err(), "{patch}");
        }
    }
}
