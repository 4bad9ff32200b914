//! Leader election by a Lease, by the rules of client-go, so that two replicas never work at a time.
//!
//! Own code: the one lease crate for this version of kube renews without a condition on the holder or the resource
//! version, puts no limit on its calls, and judges by the wall clocks of two machines.
//!
//! `election` decides, without a client or a clock; `elector` does what it says; `leadership` is what everyone else
//! sees of it.

mod election;
mod elector;
mod leadership;
mod terms;
#[cfg(test)]
mod tests;

pub use election::Loss;
pub use elector::{Elector, LeaseName, own_namespace};
pub use leadership::Leadership;
pub use terms::RELEASE_LIMIT;
