//! The shell around the core: it observes, lets the core decide, does one step, and observes again.
//!
//! What every kind of resource needs is here: watches, guarded writes, events, liveness. Each kind has a room of its
//! own beneath.

mod api_server_monitor;
mod clock;
mod crd_wait;
mod error;
mod events;
mod lanes;
mod liveness;
mod lock;
mod policy;
mod policy_directory;
mod requeue;
mod run;
mod shared;
mod source;
mod task;
mod watch;
mod write;

pub use api_server_monitor::ApiServerMonitor;
pub use run::{Limits, Parts, run};
pub use task::wait_for_crd;
pub use write::TIMEOUT;
