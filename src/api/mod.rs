//! The resources as people and tools see them. Each kind has a room of its own.

pub mod approval;
mod cel;
mod schema;
pub mod task;

pub use approval::{Approval, ApprovalBounds};
pub use task::*;

/// The name under which the controller writes (field manager, reporting controller of events).
pub const CONTROLLER_NAME: &str = "audit-mitigation-operator";
