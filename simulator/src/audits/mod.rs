//! Audits: what they found, how they run, and the schedules that begin them.

mod audit;
mod details;
mod mending;
mod problem;
mod run;
mod schedule;
mod schedule_calls;

pub use audit::{Audit, CheckResult};
pub use problem::Problem;
pub use schedule::Schedule;

pub(crate) use audit::CheckRun;
pub(crate) use problem::Problems;
pub(crate) use schedule::Scheduled;
