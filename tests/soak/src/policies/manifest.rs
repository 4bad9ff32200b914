//! The schedules and the policies: what each is called and asks for.

use anyhow::{Context as _, Result};
use kube::{
    ResourceExt as _,
    api::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::{Map, Value, json};
use simulator::{Outcome, Server};
use std::time::Duration;

use crate::plan::{Policy, Schedule};

/// What the names of policies begin with: also those of their tasks, and the middle part of their task ids.
const PREFIX: &str = "policy-";

/// The operator's, by its contract.
const LABEL: &str = "devicedefender.dev/policy";

/// So long that audits come meanwhile.
const LASTS: Duration = Duration::from_secs(2);

pub(crate) fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("devicedefender.dev", "v1alpha1", "AuditMitigationPolicy");
    ApiResource::from_gvk_with_plural(&kind, "auditmitigationpolicies")
}

/// Whether a task's resource was made by a policy, by its name.
pub(crate) fn is_of_a_policy(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The policy that a task's label names.
pub(super) fn policy_of(task: &DynamicObject) -> Option<&String> {
    task.labels().get(LABEL)
}

/// The name of the resource, where a task's id is one of a policy.
pub(crate) fn task_name_of(task_id: &str) -> Option<String> {
    let (_, rest) = task_id.split_once('_')?;
    let (policy, audit) = rest.split_once('_')?;
    is_of_a_policy(policy).then(|| format!("{policy}-{audit}"))
}

impl Policy {
    pub(super) fn name(self) -> String {
        format!("{PREFIX}{}", format!("{self:?}").to_lowercase())
    }

    /// The name of its task for an audit.
    pub(super) fn task(self, audit: &str) -> String {
        format!("{}-{audit}", self.name())
    }

    /// The id of that task in the service.
    pub(super) fn task_id(self, namespace: &str, audit: &str) -> String {
        format!("{namespace}_{}_{audit}", self.name())
    }

    pub(super) fn mapping(self, is_wide: bool) -> Value {
        let [first, second] = self.schedule().checks();
        let mut mapping = Map::from_iter([(first.to_owned(), json!(["Deactivate"]))]);
        if is_wide {
            mapping.insert(second.to_owned(), json!(["Deactivate"]));
        }
        Value::Object(mapping)
    }

    /// What is applied. The limits are such that each run reaches them.
    pub(super) fn object(self) -> Result<DynamicObject> {
        let (approval, completed, others) = match self {
            Self::Automatic => (json!({ "requiredAbove": { "percent": 100 } }), 1, 1),
            Self::Bounded => (json!({ "requiredAbove": { "findings": FEW } }), 1, 2),
            Self::Asking => (json!({}), 2, 1),
            Self::Changing => (json!({ "requiredAbove": { "percent": 100 } }), 3, 1),
        };
        let object = json!({
            "apiVersion": "devicedefender.dev/v1alpha1",
            "kind": "AuditMitigationPolicy",
            "metadata": { "name": self.name() },
            "spec": {
                "scheduledAuditName": self.schedule().name(),
                "auditCheckToActionsMapping": self.mapping(true),
                "approval": approval,
                "successfulTasksHistoryLimit": completed,
                "failedTasksHistoryLimit": others,
            },
        });
        serde_json::from_value(object).context("no object")
    }
}

/// How many findings a policy with bounds lets pass, and how many it does after an edit.
pub(super) const FEW: u64 = 3;
pub(super) const MORE: u64 = 5;

impl Schedule {
    pub(super) fn name(self) -> String {
        format!("{self:?}")
    }

    /// What its audits look at.
    pub(super) fn checks(self) -> [&'static str; 2] {
        match self {
            Self::Expiring => ["DEVICE_CERTIFICATE_EXPIRING_CHECK", "DEVICE_CERTIFICATE_AGE_CHECK"],
            Self::Revoked => [
                "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK",
                "DEVICE_CERTIFICATE_KEY_QUALITY_CHECK",
            ],
            Self::Shared => ["DEVICE_CERTIFICATE_SHARED_CHECK", "CONFLICTING_CLIENT_IDS_CHECK"],
        }
    }
}

/// Adds the schedules, and what becomes of the tasks.
pub(crate) fn add_to(aws: &Server) -> Result<()> {
    for schedule in Schedule::ALL {
        aws.add_schedule(simulator::Schedule::new(&schedule.name(), schedule.checks()))
            .context("the simulator refused a schedule")?;
    }
    for policy in [Policy::Automatic, Policy::Changing] {
        aws.set_outcome(&policy.task_id("*", "*"), Outcome::default().lasting(LASTS));
    }
    let fails = Outcome::failing([simulator::Failure::default()]);
    aws.set_outcome(&Policy::Bounded.task_id("*", "*"), fails);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_names_speak_of_the_same_task() {
        let (policy, audit) = (Policy::Automatic, "0a1b");
        assert_eq!(
            task_name_of(&policy.task_id("soak-x7", audit)),
            Some(policy.task(audit))
        );
        assert!(is_of_a_policy(&policy.task(audit)));
        assert_eq!(task_name_of("soak-x7_manifest-31_n42z5k2pgv"), None);
        assert_eq!(task_name_of("quick-31-0"), None);
    }
}
