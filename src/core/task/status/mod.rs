//! The status of a task: the draft that a decision makes, the conditions, the table of phases, the messages that
//! several stages share.

pub mod approved;
pub mod conditions;
pub mod draft;
pub mod findings;
pub mod messages;
pub mod phase;
pub mod subject;
