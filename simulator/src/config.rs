//! What can be chosen: at the start ([`Config`]) and at any time ([`Settings`]).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::readings::{Choice, Readings};

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
    /// How long an audit runs that a schedule or an operation began.
    #[serde(with = "compact::required")]
    pub audit_duration: Duration,
    /// How many resources that nothing is wrong with each check of an audit looks at.
    pub compliant_resources: u64,
    /// Which mitigations make a problem go away, so that the next audit doesn't find it any more.
    pub mending: Mending,
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
            audit_duration: Duration::ZERO,
            compliant_resources: 100,
            mending: Mending::ByType,
            readings: Readings::default(),
            quotas: Quotas::default(),
        }
    }
}

/// Which mitigations make a problem go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mending {
    /// All but those that only put things into a group or publish the finding.
    ByType,
    /// All.
    Always,
    /// None: each audit finds the same again.
    Never,
}

/// Limits for each account and region. `null` means no limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quotas {
    /// Tasks that run at the same time.
    pub running_tasks: Option<usize>,
    /// How many of these are taken by somebody whose tasks can't be seen here.
    pub running_by_others: usize,
    /// Calls a second of each Start.
    pub start: Option<u32>,
    /// Calls a second of each Cancel.
    pub cancel: Option<u32>,
    /// Calls a second of each Describe.
    pub describe: Option<u32>,
    /// Calls a second of each List.
    pub list: Option<u32>,
    /// Calls a second of each operation on scheduled audits.
    pub scheduled_audits: Option<u32>,
    /// Calls a second of each Create, Update and Delete of mitigation actions.
    pub define: Option<u32>,
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
            scheduled_audits: Some(5),
            define: Some(10),
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
            scheduled_audits: None,
            define: None,
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
    use crate::readings::Replay;

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
