//! Decisions: functions of what was observed and the time. No client, runtime, clock or environment in here.
pub mod identity;
