//! Decisions: functions of what was observed and the time. No client, runtime, clock or environment in here.

pub mod answer;
pub mod budget;
pub mod checks;
pub mod compare;
pub mod decide;
pub mod facts;
pub mod identity;
pub mod memory;
pub mod observe;
pub mod phase;
pub mod queue;
pub mod sketch;
pub mod stage;
pub mod step;
pub mod tell;
pub mod timing;
pub mod tracker;

#[cfg(test)]
mod tests;
