//! The shell around the core: it observes, lets the core decide, does one step, and observes again.

mod api_server_monitor;
mod cached;
mod clock;
mod context;
mod crd_wait;
mod error;
mod events;
mod pass;
mod reconcile;
mod snapshot;
mod start_queue;
mod start_scheduler;
mod watch;
mod watchdog;
mod write;

pub use api_server_monitor::ApiServerMonitor;
pub use context::{Limits, Parts};
pub use crd_wait::wait_for_crd;
pub use events::EventWriter;
pub use watch::run;
pub use write::TIMEOUT;
