//! The decisions about an `AuditMitigationPolicy`.
//!
//! A pass goes from top to bottom: [`observed`] parses the policy, [`region_audits`] holds what the service says of the
//! audits of its region, [`memory`] what it and the API server have said to this process, [`own_task`] the policy's tasks.
//! [`verdict`] says what is to become of the newest audit, [`status`] what that looks like, [`decide`] what is done, and
//! [`events`] which events a change of the status makes.
//!
//! The policy never calls an operation that changes something in AWS: its effects are tasks, made and deleted.

pub mod assessment;
pub mod compliance;
pub mod decide;
pub mod desired;
pub mod events;
pub mod history;
pub mod manifest;
pub mod memory;
pub mod names;
pub mod observation;
pub mod observed;
pub mod own_task;
pub mod period;
pub mod records;
pub mod region_audits;
pub mod status;
pub mod step;
pub mod verdict;

#[cfg(test)]
mod tests;
