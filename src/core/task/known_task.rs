//! A task that exists, or did, and whose it is.

use super::observation::Observation;
use super::status::phase::ConditionType;
use super::step::TaskAddress;
use crate::api::{Reason, StartRecord, StartedBy};

/// A task that exists, or did, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTask {
    /// Its id.
    pub task_id: String,
    /// Its AWS region.
    pub region: String,
    /// The token that the start was sent with.
    pub token: String,
    /// Whether this resource started it.
    pub started_by: StartedBy,
    /// [`Reason::Started`] or [`Reason::AlreadyExists`].
    pub reason: Reason,
}

impl KnownTask {
    /// The task of a record, which exists and which nobody can prove to be this resource's own.
    pub(super) fn of_somebody_else(record: &StartRecord) -> Self {
        Self {
            task_id: record.task_id.clone(),
            region: record.region.clone(),
            token: record.token.clone(),
            started_by: StartedBy::Other,
            reason: Reason::AlreadyExists,
        }
    }

    /// The task that this process has just started under this record. It is the resource's own if the token is the
    /// resource's uid and no older resource claims the id.
    pub(super) fn just_started(o: &Observation<'_>, record: &StartRecord, task_id: &str) -> Self {
        let is_own = record.token == o.observed.uid && !o.is_claimed_by_older;
        Self {
            task_id: task_id.to_owned(),
            region: record.region.clone(),
            token: record.token.clone(),
            started_by: if is_own { StartedBy::This } else { StartedBy::Other },
            reason: Reason::Started,
        }
    }

    /// The task that the status names. An older resource's claim wins, whatever the status says: anybody with rights
    /// on the status can write one.
    pub(super) fn in_status(o: &Observation<'_>) -> Option<Self> {
        let status = o.observed.status.as_ref()?;
        let is_own = o.observed.says_own_task() && !o.is_claimed_by_older;
        let by_own_start = o.observed.reason_of(ConditionType::Started) == Some(Reason::Started);
        Some(Self {
            task_id: status.task_id.clone()?,
            // Never none: what has an id is followed, and nothing is started.
            region: status
                .region
                .clone()
                .or_else(|| o.region().map(str::to_owned))
                .unwrap_or_default(),
            token: status.client_request_token.clone().unwrap_or_default(),
            started_by: if is_own { StartedBy::This } else { StartedBy::Other },
            reason: if by_own_start {
                Reason::Started
            } else {
                Reason::AlreadyExists
            },
        })
    }

    /// Where the task is.
    pub(super) fn address(&self) -> TaskAddress {
        TaskAddress {
            task_id: self.task_id.clone(),
            region: self.region.clone(),
        }
    }

    /// Whether this resource started it, and so may cancel it.
    pub(super) fn is_own(&self) -> bool {
        self.started_by == StartedBy::This
    }

    /// The message of the condition Started.
    pub(super) fn sentence(&self) -> String {
        let Self {
            task_id,
            region,
            token: _,
            started_by,
            reason,
        } = self;
        match (started_by, reason) {
            (StartedBy::This, _) => format!("task {task_id} in {region} was started by this resource"),
            (StartedBy::Other, Reason::Started) => format!(
                "task {task_id} in {region} was started, but its token is not this resource's own or an older resource \
                 claims the id: it is followed and never cancelled"
            ),
            (StartedBy::Other, _) => format!(
                "task {task_id} in {region} existed already and was not started by this resource: it is followed and never cancelled"
            ),
        }
    }
}
