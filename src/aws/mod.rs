//! AWS IoT over the wire: the only room that knows the SDK.
//!
//! Every call is one attempt with time-outs, at the rate of [`Pace`]. What an answer means is classified in `classify`;
//! what to do about it is decided in [`crate::core`].

mod answer_limit;
mod classify;
mod clients;
mod cooldown;
mod credentials;
mod endpoint;
mod failed_actions;
mod http_client;
mod messages;
mod pace;
mod reads;
mod sent;
mod service;
mod setting;
mod shapes;
mod text;
mod times;
mod trial;

pub use pace::Pace;
pub use service::{CALL_TIMEOUT, Service};
