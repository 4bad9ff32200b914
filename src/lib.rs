//! Kubernetes operator for audit mitigation actions tasks of AWS IoT Device Defender.
//!
//! The rooms and the one allowed direction of dependencies are shown in `ARCHITECTURE.md`.

pub mod api;
pub mod aws;
pub mod causes;
pub mod check;
pub mod cli;
pub mod cluster;
pub mod controller;
pub mod core;
pub mod health;
pub mod http;
pub mod lease;
pub mod metrics;
pub mod run;
