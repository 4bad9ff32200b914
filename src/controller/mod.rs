//! The shell around the core: it observes, lets the core decide, does one step, and observes again.

mod cached;
mod clock;
mod contact;
mod context;
mod crd_wait;
mod error;
mod events;
mod pass;
mod reconcile;
mod snapshot;
mod traffic;
mod watch;
mod watchdog;
mod write;

pub use contact::Contact;
pub use context::{Limits, Parts};
pub use crd_wait::wait_for_crd;
pub use events::EventWriter;
pub use watch::run;
pub use write::TIMEOUT;
