//! AWS IoT over the wire: the only room that knows the SDK.
//!
//! Every call is one attempt with time-outs. What an answer means is classified in `classify`; what to do about
//! it is decided in [`crate::core`].

mod answer_limit;
mod classify;
mod endpoint;
mod failed_actions;
mod sent;
mod service;
mod shapes;

pub use service::{CALL_TIMEOUT, Service};
