//! What the service and the API server have said to this process about one policy. Losing it is always safe.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::own_task::OwnTask;
use crate::core::answer::{ErrorClass, Failure, ReadAnswer, ScheduledAudit};
use crate::core::timing;

/// How often a schedule is described that is there.
const SCHEDULE_AGE: Duration = Duration::from_hours(24);

/// How often a schedule is looked for that isn't there.
const MISSING_SCHEDULE_AGE: Duration = Duration::from_mins(10);

/// How long the watch may take to show a task that was made.
const WATCH_LAG: Duration = Duration::from_mins(1);

/// What the service and the API server have said to this process about one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyMemory {
    schedule: Option<ScheduleMemory>,
    creation: Option<Creation>,
    /// The uids of tasks that were deleted, until the watch has seen it.
    deleted: BTreeSet<String>,
}

/// What the service has said of the schedule of one generation of the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ScheduleMemory {
    generation: i64,
    answer: ScheduleAnswer,
    next: Instant,
}

/// What the service has said of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScheduleAnswer {
    /// It is like this.
    Found(ScheduledAudit),
    /// There is none of this name.
    NotFound,
    /// It couldn't say, so often in a row.
    Failed {
        /// The class of the answer.
        class: ErrorClass,
        /// What a person should read.
        message: String,
        /// How often in a row.
        count: u32,
    },
}

/// What became of the task for an audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// The audit.
    pub audit_id: String,
    /// What became of its task.
    pub outcome: CreationOutcome,
}

/// What became of a task that was to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CreationOutcome {
    /// It was made; the watch shows it by then at the latest.
    Made {
        /// The task.
        task: OwnTask,
        /// Until when it counts although the watch doesn't show it.
        until: Instant,
    },
    /// Its name is taken: by a task for the same audit and with the same id, or by something else.
    Taken {
        /// Whether it is a task for the same.
        by_same: bool,
    },
    /// The API server refuses it.
    Refused {
        /// The API server's words.
        message: String,
        /// The generation that was acted upon.
        generation: i64,
        /// How often in a row.
        count: u32,
        /// When to try again.
        at: Instant,
    },
}

impl PolicyMemory {
    /// What the service has said of this generation's schedule.
    pub fn schedule(&self, generation: i64) -> Option<&ScheduleAnswer> {
        let known = self.schedule.as_ref().filter(|known| known.generation == generation)?;
        Some(&known.answer)
    }

    /// When the schedule is to be described next; `None` for at once.
    pub fn next_schedule(&self, generation: i64) -> Option<Instant> {
        let known = self.schedule.as_ref().filter(|known| known.generation == generation)?;
        Some(known.next)
    }

    /// The service has answered.
    pub fn schedule_described(&mut self, generation: i64, answer: ReadAnswer<ScheduledAudit>, uid: &str, now: Instant) {
        let (answer, wait) = match answer {
            ReadAnswer::Found(schedule) => (ScheduleAnswer::Found(schedule), SCHEDULE_AGE),
            ReadAnswer::NotFound => (ScheduleAnswer::NotFound, MISSING_SCHEDULE_AGE),
            ReadAnswer::Failed(Failure { class, message, .. }) => {
                let before = match self.schedule(generation) {
                    Some(ScheduleAnswer::Failed { count, .. }) => *count,
                    _ => 0,
                };
                let count = before.saturating_add(1);
                let wait = timing::backoff(now, class, count, uid);
                (ScheduleAnswer::Failed { class, message, count }, wait)
            }
        };
        self.schedule = Some(ScheduleMemory {
            generation,
            answer,
            next: now + wait,
        });
    }

    /// What became of the task for this audit.
    pub fn creation(&self, audit_id: &str) -> Option<&CreationOutcome> {
        let creation = self
            .creation
            .as_ref()
            .filter(|creation| creation.audit_id == audit_id)?;
        Some(&creation.outcome)
    }

    /// The task that was made last, while the watch may not show it yet.
    pub fn made(&self, now: Instant) -> Option<(&OwnTask, Instant)> {
        match &self.creation.as_ref()?.outcome {
            CreationOutcome::Made { task, until } if now < *until => Some((task, *until)),
            _ => None,
        }
    }

    /// The task for an audit was made.
    pub fn task_made(&mut self, audit_id: &str, task: OwnTask, now: Instant) {
        let until = now + WATCH_LAG;
        self.creation = Some(Creation {
            audit_id: audit_id.to_owned(),
            outcome: CreationOutcome::Made { task, until },
        });
    }

    /// The name of the task for an audit is taken.
    pub fn name_taken(&mut self, audit_id: &str, by_same: bool) {
        self.creation = Some(Creation {
            audit_id: audit_id.to_owned(),
            outcome: CreationOutcome::Taken { by_same },
        });
    }

    /// The API server refuses the task for an audit.
    pub fn task_refused(&mut self, audit_id: &str, message: String, generation: i64, uid: &str, now: Instant) {
        let before = match self.creation(audit_id) {
            Some(CreationOutcome::Refused {
                count, generation: of, ..
            }) if *of == generation => *count,
            _ => 0,
        };
        let count = before.saturating_add(1);
        let wait = timing::doubling(Duration::from_secs(2), timing::MAX_RETRY, count);
        self.creation = Some(Creation {
            audit_id: audit_id.to_owned(),
            outcome: CreationOutcome::Refused {
                message,
                generation,
                count,
                at: now + timing::shortened(wait, (uid, now)),
            },
        });
    }

    /// A task was deleted, or was gone already.
    pub fn task_deleted(&mut self, uid: &str) {
        let made = self.creation.as_ref().map(|creation| &creation.outcome);
        if matches!(made, Some(CreationOutcome::Made { task, .. }) if task.uid == uid) {
            self.creation = None;
        }
        self.deleted.insert(uid.to_owned());
    }

    /// The policy's tasks, from what the watch shows: with the one that was made just now, and without what was deleted
    /// just now. The oldest first.
    pub fn tasks(&mut self, mut shown: Vec<OwnTask>, now: Instant) -> Vec<OwnTask> {
        self.deleted.retain(|uid| shown.iter().any(|task| task.uid == *uid));
        for task in &mut shown {
            task.is_deleting |= self.deleted.contains(&task.uid);
        }
        let made = self.made(now).map(|(task, _)| task.clone());
        if let Some(made) = made.filter(|made| shown.iter().all(|task| task.uid != made.uid)) {
            shown.push(made);
        }
        shown.sort_by(|one, other| one.age().cmp(&other.age()));
        shown
    }
}
