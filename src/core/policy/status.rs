//! The status of a policy: what became of the audits, what is in the way, and what the last audit says.

use std::time::Instant;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::compliance::{CompletedAudit, Expectation, compliance, findings_of};
use super::memory::{CreationOutcome, ScheduleAnswer};
use super::observation::PolicyObservation;
use super::own_task::{OwnTask, Standing};
use super::period;
use super::records;
use super::verdict::{Row, Verdict};
use crate::api::{AuditMitigationPolicyStatus, AuditRecord, Phase, Reason, WatchedSchedule};
use crate::core::answer::{Frequency, ScheduledAudit};
use crate::core::condition::{ConditionDraft, find};

/// The condition's `type`: nothing is in the way.
pub const READY: &str = "Ready";
/// kstatus: something is tried again.
pub const RECONCILING: &str = "Reconciling";
/// kstatus: it won't get any further by itself.
pub const STALLED: &str = "Stalled";
/// What the newest completed audit says of the checks.
pub const COMPLIANT: &str = "Compliant";

/// What is in the way of a policy.
enum Way {
    /// Nothing.
    Clear(Reason),
    /// Something that is tried again.
    TriedAgain(Reason),
    /// Something that somebody has to change.
    Blocked(Reason),
}

/// The status that says what is seen; `None` while too little is known to say anything of this spec, or when the one that
/// is stored says it already.
pub fn status_to_write(o: &PolicyObservation<'_>, verdict: &Verdict<'_>) -> Option<AuditMitigationPolicyStatus> {
    // What becomes of the audit is said when its task is made: one write, and not two.
    if verdict.row == Row::Creates && o.policy.is_observed() {
        return None;
    }
    let after = render(o, verdict)?;
    // Conditions keep the time of their last transition, so equal statuses are equal to the letter.
    let is_stored = o.policy.status.as_ref() == Some(&after);
    let was_altered = o
        .altered_status
        .is_some_and(|written| without_times(written) == without_times(&after));
    (!is_stored && !was_altered).then_some(after)
}

fn render(o: &PolicyObservation<'_>, verdict: &Verdict<'_>) -> Option<AuditMitigationPolicyStatus> {
    let (way, message) = way(o, verdict)?;
    let before = o.policy.status.clone().unwrap_or_default();
    let audits = records::records(o, verdict);
    let completed = completed(o, verdict, &audits);
    let schedule = schedule(o, &before);
    let (compliant, findings) = match o.desired() {
        Some(desired) => {
            let expectation = Expectation {
                mapping: &desired.mapping,
                scheduled: schedule.as_ref().map(|schedule| schedule.checks.as_slice()),
                period: schedule.as_ref().and_then(known_frequency).map(period::period),
            };
            let newest = completed.first().map(|newest| findings_of(newest, &expectation));
            let findings = newest.map(|newest| newest.values().fold(0_i64, |sum, number| sum.saturating_add(*number)));
            (compliance(&completed, &expectation, o.now.wall), findings)
        }
        None => (as_before(&before), before.findings),
    };
    Some(AuditMitigationPolicyStatus {
        observed_generation: Some(o.policy.generation),
        watching: o.watching().or_else(|| before.watching.clone()),
        schedule,
        audits,
        findings,
        active_task: active_task(o).map(|task| task.name.clone()),
        conditions: conditions(o, &before.conditions, &way, &message, compliant),
    })
}

fn conditions(
    o: &PolicyObservation<'_>,
    before: &[Condition],
    way: &Way,
    message: &str,
    compliant: ConditionDraft,
) -> Vec<Condition> {
    let (reason, ready, reconciling, stalled) = match way {
        Way::Clear(reason) => (*reason, true, false, false),
        Way::TriedAgain(reason) => (*reason, false, true, false),
        Way::Blocked(reason) => (*reason, false, false, true),
    };
    // The message stands where people and tools look: on Ready, and on whatever is true.
    let draft = |holds: bool, tells: bool| ConditionDraft {
        holds: Some(holds),
        reason,
        message: if tells { message.to_owned() } else { String::new() },
    };
    [
        (READY, draft(ready, true)),
        (RECONCILING, draft(reconciling, reconciling)),
        (STALLED, draft(stalled, stalled)),
        (COMPLIANT, compliant),
    ]
    .into_iter()
    .map(|(type_, draft)| draft.render(type_, before, o.policy.generation, o.now.wall))
    .collect()
}

/// What is in the way, and what a person reads of it; `None` while nobody knows.
fn way(o: &PolicyObservation<'_>, verdict: &Verdict<'_>) -> Option<(Way, String)> {
    let schedule = o.desired().map(|desired| desired.schedule.as_str()).unwrap_or_default();
    let region = o.region().unwrap_or_default();
    Some(match verdict.row {
        Row::ScheduleUnread | Row::AuditsUnread => return None,
        Row::InvalidSpec => {
            let error = o.policy.desired.as_ref().err().map(String::as_str).unwrap_or_default();
            let message = format!("the stored spec can't be understood: {error}; correct it");
            (Way::Blocked(Reason::InvalidSpec), message)
        }
        Row::RegionMissing => (
            Way::TriedAgain(Reason::RegionMissing),
            "no AWS region is known: set spec.region, or AWS_REGION of the operator".to_owned(),
        ),
        Row::ScheduledAuditNotFound => {
            let message = format!(
                "there is no scheduled audit {schedule} in {region}: correct spec.scheduledAuditName, or create the scheduled \
                 audit; it is looked for every 10 minutes"
            );
            (Way::Blocked(Reason::ScheduledAuditNotFound), message)
        }
        Row::ScheduleReadFails => match o.memory.schedule(o.policy.generation)? {
            ScheduleAnswer::Failed { class, message, .. } => {
                (Way::TriedAgain(class.reason()), failing(schedule, message))
            }
            ScheduleAnswer::Found(_) | ScheduleAnswer::NotFound => return None,
        },
        Row::AuditReadsFail => {
            let (class, message) = o.audits?.failure.as_ref()?;
            (Way::TriedAgain(class.reason()), failing(schedule, message))
        }
        Row::TaskRefused => {
            let CreationOutcome::Refused { message, .. } = o.memory.creation(verdict.judged?.id)? else {
                return None;
            };
            let message = format!(
                "the task for audit {} was refused by the API server: {message}; it is tried again until the deadline of the \
                 audit",
                verdict.judged?.id
            );
            (Way::TriedAgain(Reason::TaskRefused), message)
        }
        _ if o.desired().is_some_and(|desired| desired.suspend) => {
            let message = format!(
                "the audits of {schedule} in {region} are read and noted, and no task is made while spec.suspend is true{}",
                what_its_tasks_do(o, verdict)
            );
            (Way::Clear(Reason::Suspended), message)
        }
        _ => {
            let message = format!(
                "the audits of {schedule} in {region} are watched{}",
                what_its_tasks_do(o, verdict)
            );
            (Way::Clear(Reason::Watching), message)
        }
    })
}

fn failing(schedule: &str, message: &str) -> String {
    format!("the audits of {schedule} can't be read: {message}; it is tried again")
}

/// A clause about the task that hasn't ended, and about the audit that waits for it.
fn what_its_tasks_do(o: &PolicyObservation<'_>, verdict: &Verdict<'_>) -> String {
    let Some(task) = active_task(o) else {
        return String::new();
    };
    let does = match task.phase {
        _ if task.is_deleting => "is being deleted",
        Some(Phase::AwaitingApproval) => "waits for the approval of its plan",
        Some(Phase::Suspended) => "is suspended",
        Some(Phase::Running) => "runs",
        Some(Phase::Canceling) => "is being cancelled",
        Some(Phase::Unknown) => "may run or not: look at its status",
        _ => "is about to start",
    };
    let waiting = verdict.judged.filter(|_| verdict.row == Row::Waits);
    let waiting = waiting.map_or_else(String::new, |audit| format!("; audit {} waits for its end", audit.id));
    format!("; task {} {does}{waiting}", task.name)
}

/// The newest task that has not ended.
fn active_task<'a>(o: &PolicyObservation<'a>) -> Option<&'a OwnTask> {
    let mut tasks = o.tasks.iter().rev();
    tasks.find(|task| !matches!(task.standing(), Standing::Ended { .. }))
}

/// The completed audits, the newest first: the one that is being judged too, as what it will be noted.
fn completed(o: &PolicyObservation<'_>, verdict: &Verdict<'_>, audits: &[AuditRecord]) -> Vec<CompletedAudit> {
    let noted = audits.iter().filter_map(CompletedAudit::noted);
    let judged = verdict.judged.filter(|_| !verdict.notes() && o.desired().is_some());
    let judged = judged.map(|audit| CompletedAudit {
        id: audit.id.to_owned(),
        start: audit.start,
        findings: verdict.assessment.findings.clone(),
        reason: verdict.assessment.reason.clone(),
    });
    judged.into_iter().chain(noted).collect()
}

/// The schedule as the service described it; what was told of another spec says nothing of this one.
fn schedule(o: &PolicyObservation<'_>, before: &AuditMitigationPolicyStatus) -> Option<WatchedSchedule> {
    let ScheduledAudit { frequency, checks } = match o.memory.schedule(o.policy.generation) {
        Some(ScheduleAnswer::Found(schedule)) => schedule,
        Some(ScheduleAnswer::NotFound) => return None,
        Some(ScheduleAnswer::Failed { .. }) | None => {
            return before.schedule.clone().filter(|_| o.policy.is_observed());
        }
    };
    let mut checks = checks.clone();
    checks.sort();
    Some(WatchedSchedule {
        frequency: frequency.map(|frequency| period::name(frequency).to_owned()),
        checks,
    })
}

fn known_frequency(schedule: &WatchedSchedule) -> Option<Frequency> {
    period::of_name(schedule.frequency.as_deref()?)
}

/// What is known of the audits while the spec can't be understood.
fn as_before(before: &AuditMitigationPolicyStatus) -> ConditionDraft {
    let known = find(&before.conditions, COMPLIANT);
    let known = known.and_then(|known| Some((Reason::parse(&known.reason)?, known)));
    known.map_or_else(
        || ConditionDraft {
            holds: None,
            reason: Reason::NoAuditYet,
            message: "no audit was looked at".to_owned(),
        },
        |(reason, known)| ConditionDraft {
            holds: match known.status.as_str() {
                "True" => Some(true),
                "False" => Some(false),
                _ => None,
            },
            reason,
            message: known.message.clone(),
        },
    )
}

/// When time alone changes the condition Compliant.
pub fn overdue_at(o: &PolicyObservation<'_>) -> Option<Instant> {
    let (status, desired) = (o.policy.status.as_ref()?, o.desired()?);
    let newest = status.audits.iter().find_map(CompletedAudit::noted)?;
    let expectation = Expectation {
        mapping: &desired.mapping,
        scheduled: None,
        period: status.schedule.as_ref().and_then(known_frequency).map(period::period),
    };
    let time = expectation.overdue_at(&newest).filter(|time| *time > o.now.wall)?;
    Some(o.now.instant_of(time))
}

/// Everything but times that are read from the clock when a status is made.
fn without_times(status: &AuditMitigationPolicyStatus) -> AuditMitigationPolicyStatus {
    let mut status = status.clone();
    for condition in &mut status.conditions {
        condition.last_transition_time = Time(Timestamp::UNIX_EPOCH);
    }
    status
}
