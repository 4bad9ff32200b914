//! Conditions of a status, of any kind of resource.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::timing;
use crate::api::Reason;

/// What a condition is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionDraft {
    /// Whether it holds; `None` for Unknown.
    pub holds: Option<bool>,
    /// Why.
    pub reason: Reason,
    /// What a person should read.
    pub message: String,
}

impl ConditionDraft {
    /// What it says, with the time of its last transition from the conditions of before.
    pub fn render(self, type_: &str, before: &[Condition], generation: i64, now: Timestamp) -> Condition {
        let status = match self.holds {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        };
        let unchanged = find(before, type_).filter(|old| old.status == status);
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: self.reason.as_str().to_owned(),
            message: self.message,
            observed_generation: Some(generation),
            last_transition_time: unchanged.map_or_else(
                || Time(timing::whole_seconds(now)),
                |old| old.last_transition_time.clone(),
            ),
        }
    }
}

/// The condition of this type.
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}
