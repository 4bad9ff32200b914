//! The policy as decisions see it: parsed once from what the API server stores.

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::desired::DesiredPolicy;
use crate::api::{AuditMitigationPolicyStatus, Parsed, StoredPolicy};

/// What is known of one policy from the API server alone.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedPolicy {
    /// `metadata.uid`
    pub uid: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
    /// `metadata.generation`
    pub generation: i64,
    /// `metadata.creationTimestamp`
    pub created: Timestamp,
    /// Whether it is being deleted.
    pub is_deleting: bool,
    /// What is asked for, or why it can't be understood.
    pub desired: Result<DesiredPolicy, String>,
    /// What the controller wrote last; `None` when it has not looked at the policy yet.
    pub status: Option<AuditMitigationPolicyStatus>,
}

impl ObservedPolicy {
    /// Parses what the API server stores. Nothing after this sees the raw object.
    pub fn parse(stored: &StoredPolicy) -> Self {
        // The schema's default, observedGeneration -1 and nothing else, says that nobody has looked yet.
        let status = stored.status.good().and_then(Option::as_ref);
        let status = status.filter(|status| !status.conditions.is_empty());
        Self {
            uid: stored.uid().unwrap_or_default(),
            namespace: stored.namespace().unwrap_or_default(),
            name: stored.name_any(),
            generation: stored.metadata.generation.unwrap_or_default(),
            created: stored.creation_timestamp().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            is_deleting: stored.metadata.deletion_timestamp.is_some(),
            desired: match &stored.spec {
                Parsed::Good(spec) => DesiredPolicy::parse(spec),
                Parsed::Bad(error) => Err(error.clone()),
            },
            status: status.cloned(),
        }
    }

    /// Whether the status speaks of the present spec.
    pub fn is_observed(&self) -> bool {
        self.status.as_ref().and_then(|status| status.observed_generation) == Some(self.generation)
    }
}
