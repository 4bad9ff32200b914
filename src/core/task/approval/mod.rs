//! What `spec.approval` asks for: nothing is started but under a plan that is within the bounds, or approved.
//!
//! All of it belongs to the stage in which nothing was started. It only ever delays a start.

mod messages;
mod state;

use self::messages::unreadable;
use self::state::{State, is_approved, is_approved_by_policy};
use super::desired::DesiredTask;
use super::observation::Observation;
use super::plan::Plan;
use super::retry::Retry;
use super::status::approved::Judgement;
use super::status::draft::StatusDraft;
use super::step::Step;
use crate::api::{Approval, Phase, Reason};
use crate::core::answer::Operation;
use crate::core::mitigation_plan::bounds::excess;
use crate::core::queue::Admission;

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
pub(super) fn still_holds(o: &Observation<'_>, desired: &DesiredTask) -> bool {
    let Some(approval) = &desired.approval else { return true };
    let plan = o.observed.status.as_ref().and_then(|status| status.plan.as_ref());
    // Of another generation it may be the plan of something else, whoever wrote the record.
    let of_this_generation = plan.filter(|_| o.observed.judged_generation() == Some(o.observed.generation));
    of_this_generation.is_some_and(|plan| {
        excess(plan, approval).is_none() || is_approved(plan, approval) || is_approved_by_policy(o, plan)
    })
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
