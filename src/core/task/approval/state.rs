//! How far the approval of a resource is.

use std::time::{Duration, Instant};

use super::messages::{command, missing, nothing_to_do, summary};
use crate::api::{Approval, MitigationPlan, Phase, Reason};
use crate::core::mitigation_plan::PlanOutcome;
use crate::core::mitigation_plan::bounds::{Excess, excess};
use crate::core::task::observation::Observation;
use crate::core::task::plan::Plan;
use crate::core::task::status::approved::Judgement;
use crate::core::task::status::draft::StatusDraft;
use crate::core::timing;

/// How old a plan may be that something is started under.
const MAX_AGE: Duration = Duration::from_mins(1);
/// How often an audit that is in progress is asked for again.
const AUDIT_POLL: Duration = Duration::from_mins(1);
/// How far the approval is.
pub(super) enum State {
    /// No plan is known for this generation.
    NoPlan,
    /// The audit hasn't ended; it is asked for again then.
    AuditInProgress(Instant),
    /// There can be no plan, and no start either.
    Impossible(Reason, String),
    /// The plan is empty.
    NothingToDo(Judgement),
    /// The plan has to be approved.
    Required(Judgement),
    /// The plan may be carried out, if it is still that plan.
    Passed {
        judgement: Judgement,
        /// Whether it was made by this process, and a moment ago.
        is_current: bool,
    },
}

impl State {
    pub(super) fn of(o: &Observation<'_>, approval: &Approval) -> Self {
        let generation = o.observed.generation;
        let Some(planned) = o.memory.plan.of(generation) else {
            // Another process has made it. It says enough to wait for approval or in the queue.
            let shown = o.observed.status.as_ref().and_then(|status| status.plan.as_ref());
            let of_this_generation = shown.filter(|_| o.observed.judged_generation() == Some(generation));
            return of_this_generation.map_or(Self::NoPlan, |plan| Self::judge(o, approval, plan, false));
        };
        match &planned.outcome {
            PlanOutcome::Made(plan) => {
                let is_current = o.now.elapsed_since(planned.began) <= MAX_AGE;
                Self::judge(o, approval, plan, is_current)
            }
            PlanOutcome::AuditInProgress => Self::AuditInProgress(timing::later(planned.began, AUDIT_POLL)),
            PlanOutcome::NoAudit(id) => Self::Impossible(
                Reason::AuditNotFound,
                missing(&format!("audit {id}"), "spec.target.auditTaskId"),
            ),
            PlanOutcome::NoFinding(id) => Self::Impossible(
                Reason::FindingNotFound,
                missing(&format!("finding {id}"), "spec.target.findingIds"),
            ),
            PlanOutcome::NoAction(name) => Self::Impossible(
                Reason::ActionNotFound,
                missing(&format!("mitigation action {name}"), "spec.auditCheckToActionsMapping"),
            ),
        }
    }

    fn judge(o: &Observation<'_>, approval: &Approval, plan: &MitigationPlan, is_current: bool) -> Self {
        let judgement = |reason, message| Judgement {
            plan: plan.clone(),
            reason,
            message,
        };
        let what = summary(plan);
        if plan.findings == Some(0) {
            return Self::NothingToDo(judgement(
                Reason::WithinBounds,
                format!("{what}: there is nothing to approve"),
            ));
        }
        let (reason, message) = match excess(plan, approval) {
            None => (
                Reason::WithinBounds,
                format!("{what}, within spec.approval.requiredAbove"),
            ),
            Some(_) if is_approved(plan, approval) => (
                Reason::PlanApproved,
                format!("{what}, which spec.approval.plan approves"),
            ),
            Some(_) if is_approved_by_policy(o, plan) => (
                Reason::ApprovedByPolicy,
                format!("{what}, which spec.approval.plan of its policy approves"),
            ),
            Some(excess) => return Self::Required(judge_required(o, approval, plan, excess)),
        };
        Self::Passed {
            judgement: judgement(reason, message),
            is_current,
        }
    }

    /// Whether no further call changes anything, unless the spec changes.
    pub(super) const fn ends_reading(&self) -> bool {
        matches!(self, Self::NothingToDo(_) | Self::Required(_))
    }

    /// What the status is to say of it.
    pub(super) fn say(&self, o: &Observation<'_>) -> Plan {
        match self {
            Self::NothingToDo(judgement) => Plan::say(nothing_to_do(o, judgement)),
            Self::Required(judgement) => {
                let message = format!(
                    "{}. Look at status.plan, and approve it with: {}",
                    judgement.message,
                    command(o.observed, &judgement.plan)
                );
                let draft = StatusDraft::new(Phase::AwaitingApproval, judgement.reason, message);
                Plan::say(draft.judged(judgement.clone()))
            }
            Self::AuditInProgress(_) => {
                let message = "the audit is in progress, so not all of its findings are known; it is asked for again each \
                               minute until it has ended, and nothing is started before";
                Plan::say(StatusDraft::new(Phase::Pending, Reason::AuditInProgress, message))
            }
            Self::NoPlan | Self::Impossible(..) | Self::Passed { .. } => Plan::keep_status(),
        }
    }
}

pub(super) fn is_approved(plan: &MitigationPlan, approval: &Approval) -> bool {
    approval.plan.as_deref() == Some(plan.hash.as_str())
}

pub(super) fn is_approved_by_policy(o: &Observation<'_>, plan: &MitigationPlan) -> bool {
    o.plan_of_policy == Some(plan.hash.as_str())
}

/// The judgement of a plan that nobody has approved, though perhaps another.
fn judge_required(o: &Observation<'_>, approval: &Approval, plan: &MitigationPlan, excess: Excess) -> Judgement {
    let what = summary(plan);
    let (reason, message) = match approval.plan.as_deref() {
        Some(approved) if o.observed.has_shown_plan(approved) => (
            Reason::PlanChanged,
            format!("plan {approved} was approved, and the plan has changed since: {what}; {excess}"),
        ),
        Some(approved) => (
            Reason::ApprovalRequired,
            format!("{what}; {excess}, and spec.approval.plan ({approved}) approves another"),
        ),
        None => (Reason::ApprovalRequired, format!("{what}; {excess}")),
    };
    Judgement {
        plan: plan.clone(),
        reason,
        message,
    }
}
