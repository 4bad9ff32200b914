//! What `spec.approval` asks for: nothing is started but under a plan that is within the bounds, or approved.
//!
//! All of it belongs to the stage in which nothing was started. It only ever delays a start.

use std::time::{Duration, Instant};

use super::desired::DesiredTask;
use super::observation::Observation;
use super::observed::ObservedTask;
use super::plan::Plan;
use super::retry::Retry;
use super::status::approved::Judgement;
use super::status::draft::StatusDraft;
use super::step::Step;
use crate::api::{Approval, MitigationPlan, Phase, Reason};
use crate::core::answer::Operation;
use crate::core::mitigation_plan::PlanOutcome;
use crate::core::mitigation_plan::bounds::{Excess, excess};
use crate::core::queue::Admission;
use crate::core::timing;

/// How old a plan may be that something is started under.
const MAX_AGE: Duration = Duration::from_mins(1);
/// How often an audit that is in progress is asked for again.
const AUDIT_POLL: Duration = Duration::from_mins(1);
/// The calls that a plan is made of.
const READS: [Operation; 4] = [
    Operation::DescribeAudit,
    Operation::DescribeFinding,
    Operation::DescribeAction,
    Operation::ListFindings,
];

/// What holds a start back for the approval's sake, or nothing.
pub(super) enum Gate {
    /// It may be started, under this judgement of its plan.
    Open(Judgement),
    /// It may not be started yet.
    Closed(Plan),
}

/// How far the approval is.
enum State {
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

/// Whether the start of a resource that asks for approval may go on. `admission` is the answer of the queue, where the
/// resource [waits in it](is_passed).
pub(super) fn gate(
    o: &Observation<'_>,
    desired: &DesiredTask,
    approval: &Approval,
    region: &str,
    admission: Admission,
) -> Gate {
    let state = State::of(o, approval);
    let retry = read_retry(o);
    if let State::Impossible(reason, message) = state {
        return Gate::Closed(Plan::say(StatusDraft::new(Phase::Rejected, reason, message)));
    }
    if state.ends_reading() {
        return Gate::Closed(state.say(o));
    }
    if let Some(retry) = retry.filter(|retry| retry.at > o.now.monotonic) {
        return Gate::Closed(Plan::say(unreadable(o, desired, retry)).wake_up_at(Some(retry.at)));
    }
    let at = match state {
        State::AuditInProgress(until) => Some(until),
        State::Passed { judgement, is_current } if is_current || !matches!(admission, Admission::Free) => {
            return Gate::Open(judgement);
        }
        _ => None,
    };
    let Some(read) = next_read(o, desired, region) else {
        let message = "spec.approval is set, and neither target nor mapping names anything that a plan could be made of: \
                       correct the spec";
        return Gate::Closed(Plan::say(StatusDraft::new(
            Phase::Rejected,
            Reason::InvalidSpec,
            message,
        )));
    };
    // What went wrong is told until it goes well.
    let plan = if retry.is_some() {
        Plan::keep_status()
    } else {
        state.say(o)
    };
    Gate::Closed(plan.command(read, at))
}

/// Whether nothing but the queue holds the start back, as far as the approval goes.
pub(super) fn is_passed(o: &Observation<'_>, approval: &Approval) -> bool {
    let is_backing_off = read_retry(o).is_some_and(|retry| retry.at > o.now.monotonic);
    !is_backing_off && matches!(State::of(o, approval), State::Passed { .. })
}

/// Whether the plan that the status shows is within the bounds or approved: what an attempt was sent under, unless the
/// approval was withdrawn since.
pub(super) fn still_holds(observed: &ObservedTask, desired: &DesiredTask) -> bool {
    let Some(approval) = &desired.approval else { return true };
    let plan = observed.status.as_ref().and_then(|status| status.plan.as_ref());
    plan.is_some_and(|plan| excess(plan, approval).is_none() || is_approved(plan, approval))
}

impl State {
    fn of(o: &Observation<'_>, approval: &Approval) -> Self {
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
            Some(excess) => return Self::Required(judge_required(o, approval, plan, excess)),
        };
        Self::Passed {
            judgement: judgement(reason, message),
            is_current,
        }
    }

    /// Whether no further call changes anything, unless the spec changes.
    const fn ends_reading(&self) -> bool {
        matches!(self, Self::NothingToDo(_) | Self::Required(_))
    }

    fn say(&self, o: &Observation<'_>) -> Plan {
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

fn is_approved(plan: &MitigationPlan, approval: &Approval) -> bool {
    approval.plan.as_deref() == Some(plan.hash.as_str())
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

/// The command that approves a plan, to be pasted.
fn command(observed: &ObservedTask, plan: &MitigationPlan) -> String {
    let (name, namespace, hash) = (&observed.name, &observed.namespace, &plan.hash);
    format!(
        "kubectl patch auditmitigationtask {name} --namespace {namespace} --type merge --patch \
         '{{\"spec\":{{\"approval\":{{\"plan\":\"{hash}\"}}}}}}'"
    )
}

/// What a plan would do, in one clause.
fn summary(plan: &MitigationPlan) -> String {
    const MOST: usize = 5;
    let mut actions: Vec<&str> = plan
        .actions
        .iter()
        .take(MOST)
        .map(|action| action.name.as_str())
        .collect();
    if plan.actions.len() > MOST {
        actions.push("others");
    }
    let findings = match plan.findings {
        None => "an unknown number of findings".to_owned(),
        Some(1) => "1 finding".to_owned(),
        Some(number) => format!("{number} findings"),
    };
    let share = plan.percent.map_or_else(String::new, |percent| {
        format!(", {percent} percent of what the audit looked at for the worst check")
    });
    format!("plan {} applies {} to {findings}{share}", plan.hash, actions.join(", "))
}

fn nothing_to_do(o: &Observation<'_>, judgement: &Judgement) -> StatusDraft {
    let checks: Vec<&str> = judgement.plan.checks.keys().map(String::as_str).collect();
    let suppressed = match judgement.plan.suppressed_findings {
        None | Some(0) => String::new(),
        Some(number) => format!(" ({number} suppressed in AWS are left out)"),
    };
    let target = o.observed.desired.as_ref().ok().map(|desired| &desired.target);
    let place = match target.and_then(|target| target.audit_task_id.as_deref()) {
        Some(audit) => format!("audit {audit}"),
        None => "spec.target.findingIds".to_owned(),
    };
    let message = format!(
        "nothing was started: there is no finding of {} in {place} that an action would be applied to{suppressed}. It is \
         not looked for again; for another run create another resource",
        checks.join(", ")
    );
    StatusDraft::new(Phase::Completed, Reason::NothingToDo, message).judged(judgement.clone())
}

fn missing(what: &str, field: &str) -> String {
    format!(
        "there is no {what} in this account and region, so nothing was started. It is looked for again when the spec \
         changes: correct {field}, or set suspend to true and back once it exists"
    )
}

/// Why there is no plan yet.
fn unreadable(o: &Observation<'_>, desired: &DesiredTask, retry: &Retry) -> StatusDraft {
    let phase = match o.observed.phase() {
        Some(Phase::Queued) => Phase::Queued,
        _ => Phase::Pending,
    };
    let message = format!(
        "task {} was not started, because its plan can't be made: {}; it is tried again at nextAttemptTime",
        desired.task_id, retry.message
    );
    StatusDraft::new(phase, retry.class.reason(), message).trying_again(Some(retry))
}

fn next_read(o: &Observation<'_>, desired: &DesiredTask, region: &str) -> Option<Step> {
    let read = o
        .memory
        .plan
        .next(&desired.plan_request(region), o.observed.generation)?;
    Some(Step::ReadForPlan {
        region: region.to_owned(),
        read,
    })
}

/// What failed last of the calls for the plan; the one that is tried again last counts.
fn read_retry<'a>(o: &Observation<'a>) -> Option<&'a Retry> {
    let retries = READS.into_iter().filter_map(|operation| o.retry_of(operation));
    retries.max_by_key(|retry| retry.at)
}
