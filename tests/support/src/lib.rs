//! What tests and the demo stand on: a real Kubernetes control plane, the operator's process, and polling.
//!
//! Everything started here ends with the process that started it, however that ends.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )
)]

mod busiest;
pub mod cluster;
mod eventually;
pub mod finished;
mod http_get;
pub mod operator;
pub mod ports;
pub mod process;
pub mod proxy;
mod supervisor;
pub mod webhook;
pub mod wire;

pub use anyhow::Result;
pub use busiest::busiest;
pub use cluster::{AuditedRequest, AuditedUser, Cluster, ClusterOptions, shared};
pub use eventually::eventually;
pub use http_get::http_get;
pub use process::Process;
pub use supervisor::Supervisor;
pub use tools;
pub use wire::Wire;
