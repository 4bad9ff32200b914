//! Everything that a decision about a policy is made from.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::desired::DesiredPolicy;
use super::memory::{PolicyMemory, ScheduleAnswer};
use super::observed::ObservedPolicy;
use super::own_task::OwnTask;
use super::region_audits::RegionSnapshot;
use crate::api::{AuditMitigationPolicyStatus, Watching};
use crate::core::answer::ScheduledAudit;
use crate::core::timing::{self, Now};

/// Everything that a decision about a policy is made from.
#[derive(Clone, Copy, Debug)]
pub struct PolicyObservation<'a> {
    /// The time.
    pub now: Now,
    /// The policy, as the API server stores it.
    pub policy: &'a ObservedPolicy,
    /// Whether it was read from the API server in this pass, and not from the watch cache, which may lag.
    pub is_fresh: bool,
    /// What the service and the API server have told this process.
    pub memory: &'a PolicyMemory,
    /// The audits of the policy's region, where somebody has looked.
    pub audits: Option<&'a RegionSnapshot>,
    /// The policy's tasks, the oldest first.
    pub tasks: &'a [OwnTask],
    /// The region of policies that name none.
    pub default_region: Option<&'a str>,
    /// A status that was written and that the API server stores otherwise. It is not written again.
    pub altered_status: Option<&'a AuditMitigationPolicyStatus>,
}

impl<'a> PolicyObservation<'a> {
    /// What is asked for, where it can be understood.
    pub fn desired(&self) -> Option<&'a DesiredPolicy> {
        self.policy.desired.as_ref().ok()
    }

    /// The region of audits and tasks.
    pub fn region(&self) -> Option<&'a str> {
        self.desired()?.region.as_deref().or(self.default_region)
    }

    /// The schedule, where the service has described it for this generation of the spec.
    pub fn schedule(&self) -> Option<&'a ScheduledAudit> {
        match self.memory.schedule(self.policy.generation)? {
            ScheduleAnswer::Found(schedule) => Some(schedule),
            ScheduleAnswer::NotFound | ScheduleAnswer::Failed { .. } => None,
        }
    }

    /// Which audits are to be watched. What began before counts never: not before the policy was made, or made again; and
    /// not before it was pointed at this schedule.
    pub fn watching(&self) -> Option<Watching> {
        let (desired, region) = (self.desired()?, self.region()?);
        let before = self.policy.status.as_ref().and_then(|status| status.watching.as_ref());
        let since = match before {
            Some(before) if before.scheduled_audit_name == desired.schedule && before.region == region => {
                before.since.0
            }
            Some(_) => timing::whole_seconds(self.now.wall),
            None => self.policy.created,
        };
        Some(Watching {
            scheduled_audit_name: desired.schedule.clone(),
            region: region.to_owned(),
            since: Time(since.max(self.policy.created)),
        })
    }

    /// Whether the status says so already: only then an audit is judged, or a crash would forget since when.
    pub fn is_watching(&self) -> bool {
        let stored = self.policy.status.as_ref().and_then(|status| status.watching.clone());
        stored.is_some() && stored == self.watching()
    }

    /// The start of the newest audit that was noted: what is not newer is never looked at again.
    pub fn watermark(&self) -> Option<Timestamp> {
        let status = self.policy.status.as_ref().filter(|_| self.is_watching())?;
        status.audits.first().map(|audit| audit.start_time.0)
    }
}
