//! A simulator of the audit mitigation API of AWS IoT Device Defender, for unchanged AWS SDKs.
//!
//! [`Server`] runs it inside a test; the binary `simulator` runs it by itself. REFERENCE.md tells every switch.

mod admin;
mod answer;
mod auth;
mod calls;
mod catalogue;
mod clock;
mod config;
mod fault;
mod faults;
mod http;
mod input;
mod lists;
mod mitigation;
mod model;
mod operation;
mod outcome;
mod rate;
mod samples;
mod scope;
mod server;
mod state;
mod targets;
mod task;
#[cfg(test)]
mod tests;
mod validate;
mod view;

pub use calls::Call;
pub use catalogue::{Action, Audit, CatalogueError, Finding};
pub use config::{
    Choice, Config, LimitCheck, Quotas, Readings, Replay, ReplayOtherBody, Settings, Suppressed, TokenOfOtherTask,
};
pub use fault::{Fault, FaultKind};
pub use model::ModelError;
pub use operation::Operation;
pub use outcome::{CheckStatistics, Failure, Outcome};
pub use samples::{AUDIT_IN_PROGRESS, AUDIT_OF_DEVICES, AUDIT_OF_EVERYTHING};
pub use server::{Error, Server};
pub use view::{Counters, Task};
