//! The status of a task: the draft that a decision makes, and the table of phases and conditions.

pub mod draft;
pub mod phase;
