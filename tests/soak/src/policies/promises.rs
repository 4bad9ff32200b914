//! What must hold of policies and of their tasks, as functions of what was seen.

mod notes;
mod tasks;

pub(super) use notes::{as_noted, from_before, passed_over, watermark};
pub(super) use tasks::{alone, beyond_bounds, beyond_limits, deleted, one_task, superseded};

pub(super) const ONE_TASK: &str = "no audit has two tasks of one policy in the service";
pub(super) const BOUNDS: &str = "nothing is started beyond the bounds without the approval of its plan, nor other \
                                 than its plan";
pub(super) const ALONE: &str = "no policy makes a task while another of its tasks runs";
pub(crate) const DELETED: &str = "of tasks only a policy's own are deleted: those that ended, beyond the limits, and \
                                  those that had not started, after a newer audit";
pub(super) const WATERMARK: &str = "no policy takes back which audits it has noted, or what became of them";
pub(super) const FROM_BEFORE: &str =
    "no task is made for an audit from before its policy, or older than the last one's";
pub(super) const PASSED_OVER: &str = "no audit is passed over without a note";
pub(super) const AS_NOTED: &str = "no task is started for an audit that is noted as having none";
