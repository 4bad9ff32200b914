//! What the metrics ask for at each scrape: one walk over the policies.

use jiff::Timestamp;

use super::context::Context;
use crate::api::AuditOutcome;
use crate::core::condition::find;
use crate::core::policy::observed::ObservedPolicy;
use crate::core::policy::status::{COMPLIANT, READY};
use crate::metrics::PolicySnapshot;

/// What there is to see at this moment.
pub(super) fn snapshot(context: &Context) -> Vec<PolicySnapshot> {
    let now = Timestamp::now();
    let of = |policy: &ObservedPolicy| {
        let status = policy.status.as_ref();
        let condition = |type_: &str| {
            let condition = status.and_then(|status| find(&status.conditions, type_));
            condition.and_then(|condition| match condition.status.as_str() {
                "True" => Some(true),
                "False" => Some(false),
                _ => None,
            })
        };
        let audits = status.into_iter().flat_map(|status| &status.audits);
        let mut completed = audits.filter(|audit| audit.outcome != AuditOutcome::AuditFailed);
        PolicySnapshot {
            region: context.region_of(policy).unwrap_or_default(),
            ready: condition(READY),
            compliant: condition(COMPLIANT),
            audit_age: completed
                .next()
                .and_then(|audit| now.duration_since(audit.start_time.0).try_into().ok()),
        }
    };
    let objects = context.caches.objects();
    objects
        .iter()
        .map(|object| of(&ObservedPolicy::parse(object)))
        .collect()
}
