//! What is true whatever a status says: the audits, the starts, and who approved what.

use std::collections::BTreeMap;

use jiff::Timestamp;
use simulator::{Call, Operation, Server};

use super::{
    manifest::is_of_a_policy,
    record::{Event, Record},
};
use crate::monitor::token;

/// How many resources each check finds in order.
pub(super) const IN_ORDER: u64 = 100;

/// An audit of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) schedule: String,
    pub(super) start: Timestamp,
    pub(super) status: String,
}

impl Run {
    pub(super) fn has_ended(&self) -> bool {
        self.status != "IN_PROGRESS"
    }

    pub(super) fn is_completed(&self) -> bool {
        self.status == "COMPLETED"
    }
}

/// A task that the service started.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Started {
    pub(super) task_id: String,
    pub(super) token: String,
    pub(super) policy: String,
    pub(super) audit: String,
    /// How many findings of each check it mitigates.
    pub(super) findings: BTreeMap<String, u64>,
    /// When the request was signed.
    pub(super) at: Timestamp,
}

/// Somebody has approved a plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Approval {
    pub(super) policy: String,
    /// The uid of the task in which it was written; none where that was in the policy.
    pub(super) task: Option<String>,
    pub(super) hash: String,
    pub(super) at: Timestamp,
}

/// The audits of schedules so far, oldest first.
pub(super) fn runs(aws: &Server) -> Vec<Run> {
    let audits = aws.audits().into_iter();
    audits
        .filter_map(|audit| {
            Some(Run {
                id: audit.task_id,
                schedule: audit.scheduled_audit_name?,
                start: audit.start?,
                status: audit.task_status,
            })
        })
        .collect()
}

/// What was started for policies so far.
pub(super) fn starts(aws: &Server, calls: &[Call], record: &Record) -> Vec<Started> {
    let started = calls
        .iter()
        .filter(|call| call.operation == Some(Operation::START) && call.started);
    started
        .filter_map(|call| {
            let task = aws.task(call.task_id.as_ref()?)?;
            let token = token(call).to_owned();
            let by_id = || {
                task.task_id
                    .split('_')
                    .find(|part| is_of_a_policy(part))
                    .map(str::to_owned)
            };
            let policy = policy_of(record, &token).or_else(by_id)?;
            let audit = task.audit()?.to_owned();
            let mut findings = BTreeMap::new();
            for finding in aws.findings(&audit) {
                if task.mitigates.contains(&finding.finding_id) {
                    *findings.entry(finding.check_name).or_default() += 1;
                }
            }
            Some(Started {
                task_id: task.task_id,
                token,
                policy,
                audit,
                findings,
                at: call.signed?,
            })
        })
        .collect()
}

fn policy_of(record: &Record, token: &str) -> Option<String> {
    record.events.iter().find_map(|event| match event {
        Event::Task(task, _) if task.uid == token => Some(task.policy.clone()),
        _ => None,
    })
}
