//! What the controllers of tasks and of policies know of each other's resources, without knowing each other.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, OnceLock};

use super::lock::lock;
use crate::core::task::tie::Tie;

/// The policies, as far as others need to know them, and the way to wake one.
#[derive(Default)]
pub(super) struct PolicyDirectory {
    known: Mutex<HashMap<Name, KnownPolicy>>,
    wake: OnceLock<Wake>,
}

/// Namespace and name.
type Name = (String, String);

/// Has the policy of this namespace and name looked at again; all of them when none is named.
type Wake = Box<dyn Fn(Option<(&str, &str)>) + Send + Sync>;

/// A policy, as far as its tasks need to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownPolicy {
    pub(super) uid: String,
    /// `spec.approval.plan`
    pub(super) approved_plan: Option<String>,
}

impl fmt::Debug for PolicyDirectory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PolicyDirectory").finish_non_exhaustive()
    }
}

impl PolicyDirectory {
    /// From now on this is told which policy is to be looked at again. Only the first call counts.
    pub(super) fn wake_by(&self, wake: impl Fn(Option<(&str, &str)>) + Send + Sync + 'static) {
        let _ = self.wake.set(Box::new(wake));
    }

    /// A task of this policy has changed, or is gone.
    pub(super) fn wake(&self, namespace: &str, name: &str) {
        if let Some(wake) = self.wake.get() {
            wake(Some((namespace, name)));
        }
    }

    /// Tasks may be gone of which nobody has heard.
    pub(super) fn wake_all(&self) {
        if let Some(wake) = self.wake.get() {
            wake(None);
        }
    }

    /// A policy is there, or has changed. Whether its tasks see anything else in it than before.
    pub(super) fn insert(&self, namespace: &str, name: &str, policy: KnownPolicy) -> bool {
        let key = (namespace.to_owned(), name.to_owned());
        let after = policy.clone();
        lock(&self.known).insert(key, policy) != Some(after)
    }

    /// A policy is gone.
    pub(super) fn remove(&self, namespace: &str, name: &str) {
        lock(&self.known).remove(&(namespace.to_owned(), name.to_owned()));
    }

    /// All other policies of these namespaces are gone.
    pub(super) fn retain(&self, keep: impl Fn(&str, &str) -> bool) {
        lock(&self.known).retain(|(namespace, name), _| keep(namespace, name));
    }

    /// The plan that the policy of a task approves.
    pub(super) fn approved_plan(&self, namespace: &str, tie: &Tie) -> Option<String> {
        let name = tie.policy()?;
        let known = lock(&self.known);
        let policy = known.get(&(namespace.to_owned(), name.to_owned()))?;
        // mutant: any-policy-approves-a-plan
        if !tie.is_to(name, &policy.uid) {
            return None;
        }
        policy.approved_plan.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_approves_plans_of_its_own_tasks_only() {
        let directory = PolicyDirectory::default();
        let policy = |plan: &str| KnownPolicy {
            uid: "uid".to_owned(),
            approved_plan: Some(plan.to_owned()),
        };
        assert!(directory.insert("fleet", "nightly", policy("a")));
        assert!(!directory.insert("fleet", "nightly", policy("a")));
        assert!(directory.insert("fleet", "nightly", policy("b")));
        let owned = |uid: &str| Tie {
            owner: Some(("nightly".to_owned(), uid.to_owned())),
            ..Tie::default()
        };
        assert_eq!(directory.approved_plan("fleet", &owned("uid")).as_deref(), Some("b"));
        assert_eq!(directory.approved_plan("fleet", &owned("other")), None);
        assert_eq!(directory.approved_plan("other", &owned("uid")), None);
        assert_eq!(directory.approved_plan("fleet", &Tie::default()), None);
        directory.retain(|namespace, _| namespace != "fleet");
        assert_eq!(directory.approved_plan("fleet", &owned("uid")), None);
    }
}
