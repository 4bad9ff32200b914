//! A simulator of the audit mitigation API of AWS IoT Device Defender, for unchanged AWS SDKs.
//!
//! [`Server`] runs it inside a test; the binary `simulator` runs it by itself. REFERENCE.md tells every switch.

mod actions;
mod admin;
mod admin_catalogue;
mod answer;
mod audits;
mod auth;
mod calls;
mod catalogue;
mod checks;
mod clock;
mod config;
mod fault;
mod faults;
mod http;
mod input;
mod lists;
mod mitigation;
mod model;
mod operate;
mod operation;
mod outcome;
mod rate;
mod readings;
mod samples;
mod scope;
mod server;
mod server_catalogue;
mod state;
mod targets;
mod task;
#[cfg(test)]
mod tests;
mod validate;
mod view;

pub use actions::{Action, Redefinition};
pub use audits::{Audit, CheckResult, Problem, Schedule};
pub use calls::Call;
pub use catalogue::{CatalogueError, Finding};
pub use config::{Config, Mending, Quotas, Settings};
pub use fault::{Fault, FaultKind};
pub use model::ModelError;
pub use operation::Operation;
pub use outcome::{CheckStatistics, Failure, Outcome};
pub use readings::{
    AuditCounts, AuditOrder, AuditWindow, Choice, FindingsOfRunningAudits, LateSuppression, LimitCheck,
    NonCompliantCount, Readings, Replay, ReplayOtherBody, Suppressed, TokenOfOtherTask,
};
pub use samples::{AUDIT_IN_PROGRESS, AUDIT_OF_DEVICES, AUDIT_OF_EVERYTHING};
pub use server::{Error, Server};
pub use view::{Counters, Task};

/// Compiles and runs the example of the reference.
#[cfg(doctest)]
#[doc = include_str!("../REFERENCE.md")]
struct Reference;
