//! The plan that the status shows, and the condition Approved.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::{AuditMitigationTaskStatus, MitigationPlan, Reason};
use crate::core::task::observed::ObservedTask;
use crate::core::task::status::phase::{APPROVED, find_approved};
use crate::core::timing;

/// What was made of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The plan.
    pub plan: MitigationPlan,
    /// Why it may be carried out, or may not.
    pub reason: Reason,
    /// What a person should read.
    pub message: String,
}

impl Judgement {
    /// Whether the plan may be carried out.
    const fn holds(&self) -> bool {
        !matches!(self.reason, Reason::ApprovalRequired | Reason::PlanChanged)
    }

    /// Whether the status says this already.
    pub(in crate::core::task) fn is_shown(&self, observed: &ObservedTask) -> bool {
        let Some(status) = &observed.status else { return false };
        let is_said = find_approved(&status.conditions).is_some_and(|approved| {
            approved.reason == self.reason.as_str()
                && approved.message == self.message
                && approved.observed_generation == Some(observed.generation)
        });
        is_said && status.plan.as_ref().is_some_and(|plan| is_same(plan, &self.plan))
    }
}

/// Shows a judgement, or what was shown before. What is not asked for any more before a start goes.
pub(super) fn show(
    after: &mut AuditMitigationTaskStatus,
    before: &AuditMitigationTaskStatus,
    judgement: Option<Judgement>,
    observed: &ObservedTask,
    now: Timestamp,
) {
    after.plan = None;
    let is_asked = observed
        .desired
        .as_ref()
        .map_or(true, |desired| desired.approval.is_some());
    if !is_asked {
        return;
    }
    let old = find_approved(&before.conditions);
    let Some(judgement) = judgement else {
        after.plan.clone_from(&before.plan);
        // Its generation says which spec it speaks of; after the start that is every one.
        let is_started = after.task_id.is_some();
        let generation = if is_started {
            Some(observed.generation)
        } else {
            old.and_then(|old| old.observed_generation)
        };
        let kept = old.map(|old| Condition {
            observed_generation: generation,
            ..old.clone()
        });
        after.conditions.splice(0..0, kept);
        return;
    };
    let status = if judgement.holds() { "True" } else { "False" };
    let since = old.filter(|old| old.status == status);
    let condition = Condition {
        type_: APPROVED.to_owned(),
        status: status.to_owned(),
        reason: judgement.reason.as_str().to_owned(),
        message: judgement.message,
        observed_generation: Some(observed.generation),
        last_transition_time: since.map_or_else(
            || Time(timing::whole_seconds(now)),
            |old| old.last_transition_time.clone(),
        ),
    };
    after.conditions.insert(0, condition);
    // The same plan, made again, is not written again.
    let shown = before.plan.as_ref().filter(|plan| is_same(plan, &judgement.plan));
    after.plan = Some(shown.cloned().unwrap_or(judgement.plan));
}

/// Whether two plans differ in nothing but the time.
fn is_same(one: &MitigationPlan, other: &MitigationPlan) -> bool {
    let without_time = |plan: &MitigationPlan| MitigationPlan {
        time: None,
        ..plan.clone()
    };
    without_time(one) == without_time(other)
}
