//! What ties a task to a policy.

use kube::{Resource as _, ResourceExt as _};

use crate::api::{AuditMitigationPolicy, POLICY_LABEL, StoredTask};

/// What ties a task to a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tie {
    /// The policy's name, by the label.
    pub label: Option<String>,
    /// The object that controls the task, where that is a policy: its name and its uid.
    pub owner: Option<(String, String)>,
    /// Whether something else controls it.
    pub is_others: bool,
}

impl Tie {
    /// What ties this task.
    pub fn of(task: &StoredTask) -> Self {
        let mut owners = task.owner_references().iter();
        let controller = owners.find(|owner| owner.controller == Some(true));
        let policy = controller.filter(|owner| {
            let group = owner.api_version.split('/').next();
            group == Some(&*AuditMitigationPolicy::group(&())) && owner.kind == AuditMitigationPolicy::kind(&())
        });
        Self {
            label: task.labels().get(POLICY_LABEL).cloned(),
            owner: policy.map(|owner| (owner.name.clone(), owner.uid.clone())),
            is_others: controller.is_some() && policy.is_none(),
        }
    }

    /// The name of the policy that the task may be one of; whose it is, [`Tie::is_to`] says.
    pub fn policy(&self) -> Option<&str> {
        let owner = self.owner.as_ref().map(|(name, _)| name);
        owner.or(self.label.as_ref()).map(String::as_str)
    }

    /// Whether the task is this policy's own: it controls the task, or the label names it and the owner is gone. There is
    /// one policy of a name, so an owner of its name and with another uid is gone.
    pub fn is_to(&self, policy: &str, uid: &str) -> bool {
        match &self.owner {
            Some((_, owner)) if owner == uid => true,
            Some((name, _)) => name == policy && self.label.as_deref() == Some(policy),
            None => !self.is_others && self.label.as_deref() == Some(policy),
        }
    }
}
