//! What Argo CD, Flux and kustomize get from this project, run by their own code on a real API server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod approval;
mod argocd;
mod docs;
mod flux;
mod generated;
mod kustomize;
mod kustomize_controller;
mod kustomize_policies;
mod manifests;
mod policies;
mod world;
