//! The decisions about an `AuditMitigationTask`.
//!
//! A pass goes from top to bottom: [`observed`] parses the resource, [`memory`] holds what the service has said,
//! [`stage`] finds the stage of life, [`place`] tells the queue, [`decide`] asks the stage's file in `stages` for a
//! [`plan`], and [`events`] says which events a change of the status makes.

mod approval;
pub mod attempt;
pub mod check_names;
pub mod compare;
pub mod decide;
pub mod desired;
pub mod events;
mod finalizer;
pub mod identity;
pub mod known_task;
pub mod memory;
pub mod observation;
pub mod observed;
pub mod place;
pub mod plan;
mod plan_memory;
pub mod retry;
pub mod stage;
mod stages;
pub mod status;
pub mod step;
pub mod tie;
pub mod tracker;

#[cfg(test)]
pub(crate) mod tests;
