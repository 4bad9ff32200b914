//! The start record can't be read: nobody knows whether something was started, so nothing is.

use crate::api::{Phase, Reason, START_RECORD_ANNOTATION};
use crate::core::task::plan::Plan;
use crate::core::task::status::draft::StatusDraft;

/// Says so, and how a person can settle it.
pub(crate) fn plan(problem: &str) -> Plan {
    let message = format!(
        "the annotation {START_RECORD_ANNOTATION} can't be read ({problem}), so nobody knows whether a task was started: \
         nothing is. Look in AWS whether the task exists, put the annotation back as it was, or remove it if nothing was \
         started"
    );
    Plan::say(StatusDraft::new(Phase::Unknown, Reason::StartRecordUnreadable, message))
}
