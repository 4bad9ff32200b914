//! The plan of a task: what would be done to what, before anything is done.
//!
//! It is read from the service call by call ([`reading`]), and made of what was read (`make`): counted, compared with
//! the bounds ([`bounds`]), and known by the hash of its effects (`hash`). What it costs is bounded, and what can't be
//! known is never taken for little.

pub mod bounds;
mod counting;
mod facts;
mod hash;
mod make;
pub mod reading;
mod request;

pub use reading::{PlanAnswer, PlanOutcome, PlanRead, PlanReading};
pub use request::PlanRequest;

#[cfg(test)]
mod tests;
