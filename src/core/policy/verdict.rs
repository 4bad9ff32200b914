//! What is to become of the newest audit: a pure function of what is seen; the first row that applies.
//!
//! | what is seen | row | does |
//! |---|---|---|
//! | the spec can't be parsed | `InvalidSpec` | Stalled `InvalidSpec` |
//! | no region | `RegionMissing` | Reconciling `RegionMissing` |
//! | the schedule is not described yet | `ScheduleUnread` | describes it |
//! | schedule not found | `ScheduledAuditNotFound` | Stalled `ScheduledAuditNotFound`; looked at again every 10 minutes |
//! | its read fails | `ScheduleReadFails` | Reconciling with the reason |
//! | nobody has looked for audits yet | `AuditsUnread` | waits for the look |
//! | the look fails | `AuditReadsFail` | Reconciling with the reason |
//! | the status doesn't say since when | `NewlyWatching` | says it |
//! | no audit is newer than the watermark | `NothingNew` | waits for the next |
//! | newest is `IN_PROGRESS` | `InProgress` | waits |
//! | none but FAILED or CANCELED ones | `AuditFailed` | noted `AuditFailed` with the checks' error codes; Warning |
//! | its task exists already | `TaskExists` | noted `TaskCreated` |
//! | COMPLETED, no mapped check non-compliant | `Compliant` | noted Compliant |
//! | suspended | `Suspended` | noted Skipped/Suspended with the counts |
//! | older than the deadline | `TooOld` | noted `Skipped/TooOld`; Warning |
//! | a task is Running, Canceling, has an open attempt, or goes away | `Waits` | waits for its end, then judges again: the newest then |
//! | a task has not started | `Supersedes` | deletes it; then judges again |
//! | the name is taken by an object that isn't its own | `NameTaken` | noted `Skipped/NameTaken`, Warning |
//! | the create was refused a moment ago | `TaskRefused` | Reconciling `TaskRefused` with the words; backoff up to 5 minutes until the deadline |
//! | else | `Creates` | creates the task |
//!
//! A task that has not started is deleted in each row from `TaskExists` on, and where the newer audit has been noted already.
//! A mapped check that is not among the schedule's is told once a generation, and changes no row.

use std::time::Duration;

use jiff::Timestamp;

use super::assessment::Assessment;
use super::desired::DesiredPolicy;
use super::memory::{CreationOutcome, ScheduleAnswer};
use super::observation::PolicyObservation;
use super::own_task::{OwnTask, Standing};
use super::period;
use crate::core::answer::{Audit, AuditState};
use crate::core::policy::region_audits::has_ended;
use crate::core::timing;

/// Kubernetes' times have whole seconds: this much later an audit surely began after.
const RESOLUTION: Duration = Duration::from_secs(1);

/// The row of the table that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Row {
    /// The spec can't be parsed.
    InvalidSpec,
    /// No region.
    RegionMissing,
    /// The schedule is not described yet.
    ScheduleUnread,
    /// Schedule not found.
    ScheduledAuditNotFound,
    /// The schedule can't be read.
    ScheduleReadFails,
    /// Nobody has looked for audits yet.
    AuditsUnread,
    /// The look for audits fails.
    AuditReadsFail,
    /// The status doesn't say since when audits count.
    NewlyWatching,
    /// No audit is newer than the watermark.
    NothingNew,
    /// The newest audit is in progress.
    InProgress,
    /// None but failed or cancelled ones.
    AuditFailed,
    /// The task of the audit exists already.
    TaskExists,
    /// No mapped check is non-compliant.
    Compliant,
    /// The policy is suspended.
    Suspended,
    /// The audit is older than the deadline.
    TooOld,
    /// A task runs, or may.
    Waits,
    /// A task has not started.
    Supersedes,
    /// The name of the task is taken.
    NameTaken,
    /// The API server refuses the task.
    TaskRefused,
    /// The task is to be made.
    Creates,
}

/// An audit that is newer than the watermark.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewAudit<'a> {
    /// Its id.
    pub id: &'a str,
    /// When it began, in milliseconds.
    pub start: Timestamp,
    /// What the service says of it.
    pub audit: &'a Audit,
}

/// What is to become of the newest audit.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict<'a> {
    /// The row that applies.
    pub row: Row,
    /// The audits that are newer than the watermark, the oldest first.
    pub newer: Vec<NewAudit<'a>>,
    /// The newest completed of them, where it is judged.
    pub judged: Option<NewAudit<'a>>,
    /// What it says of the mapped checks.
    pub assessment: Assessment,
    /// The task that the row is about.
    pub task: Option<&'a OwnTask>,
}

impl Verdict<'_> {
    /// Whether the audits are noted with it.
    pub const fn notes(&self) -> bool {
        match self.row {
            Row::AuditFailed | Row::TaskExists | Row::Compliant | Row::Suspended | Row::TooOld | Row::NameTaken => true,
            Row::InvalidSpec
            | Row::RegionMissing
            | Row::ScheduleUnread
            | Row::ScheduledAuditNotFound
            | Row::ScheduleReadFails
            | Row::AuditsUnread
            | Row::AuditReadsFail
            | Row::NewlyWatching
            | Row::NothingNew
            | Row::InProgress
            | Row::Waits
            | Row::Supersedes
            | Row::TaskRefused
            | Row::Creates => false,
        }
    }
}

/// What is to become of the newest audit.
pub fn verdict<'a>(o: &PolicyObservation<'a>) -> Verdict<'a> {
    let without_audit = |row| Verdict {
        row,
        newer: Vec::new(),
        judged: None,
        assessment: Assessment::default(),
        task: None,
    };
    let desired = match readiness(o) {
        Ok(desired) => desired,
        Err(row) => return without_audit(row),
    };
    let newer = newer(o, desired);
    let Some(newest) = newer.iter().rposition(|new| new.audit.state == AuditState::Completed) else {
        return match newer.iter().all(|new| has_ended(&new.audit.state)) {
            true if newer.is_empty() => without_audit(Row::NothingNew),
            true => Verdict {
                newer,
                ..without_audit(Row::AuditFailed)
            },
            false => without_audit(Row::InProgress),
        };
    };
    if newer.iter().skip(newest).any(|new| !has_ended(&new.audit.state)) {
        return without_audit(Row::InProgress);
    }
    let Some(judged) = newer.get(newest).copied() else {
        return without_audit(Row::NothingNew);
    };
    let assessment = Assessment::of(judged.audit, &desired.mapping);
    let (row, task) = judge(o, desired, &judged, &assessment);
    Verdict {
        row,
        newer,
        judged: Some(judged),
        assessment,
        task,
    }
}

/// The rows before any audit is looked at.
fn readiness<'a>(o: &PolicyObservation<'a>) -> Result<&'a DesiredPolicy, Row> {
    let desired = o.desired().ok_or(Row::InvalidSpec)?;
    o.region().ok_or(Row::RegionMissing)?;
    match o.memory.schedule(o.policy.generation) {
        None => return Err(Row::ScheduleUnread),
        Some(ScheduleAnswer::NotFound) => return Err(Row::ScheduledAuditNotFound),
        Some(ScheduleAnswer::Failed { .. }) => return Err(Row::ScheduleReadFails),
        Some(ScheduleAnswer::Found(_)) => {}
    }
    let snapshot = o.audits.ok_or(Row::AuditsUnread)?;
    if snapshot.failure.is_some() {
        return Err(Row::AuditReadsFail);
    }
    if snapshot.audits.is_none() {
        return Err(Row::AuditsUnread);
    }
    if !o.is_watching() {
        return Err(Row::NewlyWatching);
    }
    Ok(desired)
}

/// The audits of the schedule that are newer than the watermark, the oldest first.
fn newer<'a>(o: &PolicyObservation<'a>, desired: &DesiredPolicy) -> Vec<NewAudit<'a>> {
    let since = o.watching().map(|watching| timing::after(watching.since.0, RESOLUTION));
    let watermark = o.watermark();
    let audits = o.audits.and_then(|snapshot| snapshot.audits.as_ref());
    let of_schedule = audits.into_iter().flatten().filter_map(|(id, audit)| {
        let is_ours = audit.scheduled_audit_name.as_deref() == Some(&*desired.schedule);
        // One whose start nobody knows can't be put in an order, so it is never acted on.
        let start = timing::whole_milliseconds(audit.start_time.filter(|_| is_ours)?);
        Some(NewAudit { id, start, audit })
    });
    let mut newer: Vec<_> = of_schedule
        .filter(|new| watermark.is_none_or(|watermark| new.start > watermark))
        .filter(|new| since.is_some_and(|since| new.start > since))
        .collect();
    newer.sort_by(|one, other| (one.start, one.id).cmp(&(other.start, other.id)));
    newer
}

/// The rows from the newest completed audit on.
fn judge<'a>(
    o: &PolicyObservation<'a>,
    desired: &DesiredPolicy,
    judged: &NewAudit<'a>,
    assessment: &Assessment,
) -> (Row, Option<&'a OwnTask>) {
    let creation = o.memory.creation(judged.id);
    let exists = o.tasks.iter().any(|task| task.audit_id.as_deref() == Some(judged.id));
    if exists || matches!(creation, Some(CreationOutcome::Taken { by_same: true })) {
        return (Row::TaskExists, None);
    }
    if assessment.findings.is_empty() {
        return (Row::Compliant, None);
    }
    if desired.suspend {
        return (Row::Suspended, None);
    }
    if deadline(o, desired, judged.start) <= o.now.wall {
        return (Row::TooOld, None);
    }
    let of_standing = |standing| o.tasks.iter().rfind(|task| task.standing() == standing);
    if let Some(task) = of_standing(Standing::MayRun) {
        return (Row::Waits, Some(task));
    }
    if let Some(task) = of_standing(Standing::NotStarted) {
        return (Row::Supersedes, Some(task));
    }
    match creation {
        Some(CreationOutcome::Taken { by_same: false }) => (Row::NameTaken, None),
        Some(CreationOutcome::Refused { generation, at, .. })
            if *generation == o.policy.generation && *at > o.now.monotonic =>
        {
            (Row::TaskRefused, None)
        }
        _ => (Row::Creates, of_standing(Standing::Unknown)),
    }
}

/// Until when an audit that began then is acted on.
pub fn deadline(o: &PolicyObservation<'_>, desired: &DesiredPolicy, start: Timestamp) -> Timestamp {
    let frequency = o.schedule().and_then(|schedule| schedule.frequency);
    timing::after(start, period::deadline(desired.deadline, frequency))
}
