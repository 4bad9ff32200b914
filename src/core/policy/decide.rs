//! The decision: from an observation to what is to be done now.

use std::time::Instant;

use super::history::{beyond_limits, is_superseded};
use super::manifest;
use super::memory::CreationOutcome;
use super::observation::PolicyObservation;
use super::records::superseding;
use super::status::{overdue_at, status_to_write};
use super::step::Step;
use super::verdict::{Row, Verdict, deadline, verdict};

/// What is to be done now, the first first, and when to look again.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The steps that are due. The shell does one and decides again.
    pub due: Vec<Step>,
    /// When to look again, if nothing changes before.
    pub wake_up: Option<Instant>,
}

/// What is to be done for a policy.
pub fn decide(o: &PolicyObservation<'_>) -> Decision {
    if o.policy.is_deleting {
        return Decision {
            due: Vec::new(),
            wake_up: None,
        };
    }
    let verdict = verdict(o);
    // What the status says comes before it is done: a task that is to go is called superseded first.
    let due = describe_schedule(o)
        .into_iter()
        .chain(status_to_write(o, &verdict).map(|status| Step::WriteStatus(Box::new(status))))
        .chain(delete_superseded(o, &verdict))
        .chain(create(o, &verdict))
        .chain(delete_ended(o))
        .collect();
    let at_deadline = deadline_of(o, &verdict);
    let wake_up = [
        at_deadline,
        refused_until(o, &verdict),
        o.memory.next_schedule(o.policy.generation),
        o.memory.made(o.now.monotonic).map(|(_, until)| until),
        overdue_at(o),
    ];
    Decision {
        due,
        wake_up: wake_up.into_iter().flatten().min(),
    }
}

/// Once a generation, and once a day.
fn describe_schedule(o: &PolicyObservation<'_>) -> Option<Step> {
    let (desired, region) = (o.desired()?, o.region()?);
    let next = o.memory.next_schedule(o.policy.generation);
    next.is_none_or(|next| next <= o.now.monotonic)
        .then(|| Step::DescribeSchedule {
            name: desired.schedule.clone(),
            region: region.to_owned(),
        })
}

/// Findings of an older audit are never acted on after a newer one, whatever becomes of the newer.
fn delete_superseded(o: &PolicyObservation<'_>, verdict: &Verdict<'_>) -> Option<Step> {
    let records = o.policy.status.as_ref().filter(|_| o.is_watching());
    let records = records.map(|status| status.audits.as_slice()).unwrap_or_default();
    let (id, start) = superseding(verdict, records)?;
    let task = o.tasks.iter().find(|task| is_superseded(task, (&id, start)))?;
    Some(Step::DeleteTask {
        task: Box::new(task.clone()),
        is_superseded: true,
    })
}

/// Only a policy that was just read is proof enough for a new task, so it is read first.
fn create(o: &PolicyObservation<'_>, verdict: &Verdict<'_>) -> Option<Step> {
    let (desired, audit) = (o.desired()?, verdict.judged?);
    if verdict.row != Row::Creates {
        return None;
    }
    if !o.is_fresh {
        return Some(Step::Read);
    }
    Some(Step::CreateTask {
        audit_id: audit.id.to_owned(),
        task: Box::new(manifest::task(o.policy, desired, &audit, &verdict.assessment)),
    })
}

fn delete_ended(o: &PolicyObservation<'_>) -> Option<Step> {
    let task = *beyond_limits(o.tasks, o.desired()?).first()?;
    Some(Step::DeleteTask {
        task: Box::new(task.clone()),
        is_superseded: false,
    })
}

/// When an audit that waits has waited for too long.
fn deadline_of(o: &PolicyObservation<'_>, verdict: &Verdict<'_>) -> Option<Instant> {
    let is_waiting = matches!(verdict.row, Row::Waits | Row::TaskRefused);
    let audit = verdict.judged.filter(|_| is_waiting)?;
    Some(o.now.instant_of(deadline(o, o.desired()?, audit.start)))
}

fn refused_until(o: &PolicyObservation<'_>, verdict: &Verdict<'_>) -> Option<Instant> {
    match o.memory.creation(verdict.judged?.id)? {
        CreationOutcome::Refused { at, .. } if verdict.row == Row::TaskRefused => Some(*at),
        _ => None,
    }
}
