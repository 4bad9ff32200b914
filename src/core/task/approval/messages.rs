//! What a person reads of a plan and its approval.

use crate::api::{MitigationPlan, Phase, Reason};
use crate::core::task::desired::DesiredTask;
use crate::core::task::observation::Observation;
use crate::core::task::observed::ObservedTask;
use crate::core::task::retry::Retry;
use crate::core::task::status::approved::Judgement;
use crate::core::task::status::draft::StatusDraft;

/// The command that approves a plan, to be pasted.
pub(super) fn command(observed: &ObservedTask, plan: &MitigationPlan) -> String {
    let (name, namespace, hash) = (&observed.name, &observed.namespace, &plan.hash);
    format!(
        "kubectl patch auditmitigationtask {name} --namespace {namespace} --type merge --patch \
         '{{\"spec\":{{\"approval\":{{\"plan\":\"{hash}\"}}}}}}'"
    )
}

/// What a plan would do, in one clause.
pub(super) fn summary(plan: &MitigationPlan) -> String {
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

pub(super) fn nothing_to_do(o: &Observation<'_>, judgement: &Judgement) -> StatusDraft {
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

pub(super) fn missing(what: &str, field: &str) -> String {
    format!(
        "there is no {what} in this account and region, so nothing was started. It is looked for again when the spec \
         changes: correct {field}, or set suspend to true and back once it exists"
    )
}

/// Why there is no plan yet.
pub(super) fn unreadable(o: &Observation<'_>, desired: &DesiredTask, retry: &Retry) -> StatusDraft {
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
