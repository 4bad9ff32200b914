//! Leader election by a Lease, by the rules of client-go, so that two replicas never work at a time.
//!
//! Own code, after these crates were weighed (November 2026). What rules them out is that none says until when the lease
//! is *surely* held, measured by this process's monotonic clock, which is what each call of AWS asks:
//! - kube-lease-manager 0.13, the only one for this version of kube: it renews by a server-side apply without a condition
//!   on holder or resourceVersion, puts no time-out on its calls, and compares wall clocks of two machines;
//! - kubert 0.25 (kube 1): conditional and with time-outs, but by wall clocks;
//! - kube-leader-election 0.44 (kube 4): by wall clocks, without time-outs, and "without fencing" by its own README;
//! - kube-coordinate 2.0.0-rc (kube 2): the rules of client-go with time-outs, but no bound that a call can rest on.
//!
//! `election` decides, without a client or a clock; `elector` does what it says; `leadership` is what everyone else
//! sees of it.

mod call;
mod election;
mod elector;
mod leadership;
mod terms;
#[cfg(test)]
mod tests;

pub use call::Loss;
pub use elector::{Elector, LeaseName, own_namespace};
pub use leadership::Leadership;
pub use terms::RELEASE_LIMIT;
