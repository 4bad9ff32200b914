//! The decisions about an `AuditMitigationTask`.

pub mod check_names;
pub mod compare;
pub mod decide;
pub mod events;
pub mod identity;
pub mod memory;
pub mod observation;
pub mod observed;
pub mod place;
pub mod plan;
pub mod stages;
pub mod status;
pub mod tracker;

#[cfg(test)]
pub(crate) mod tests;
