//! The programs that tests and the demo need beside this workspace.
//!
//! What is written in Go is built from source, once, into the user's cache folder: each folder
//! beside this crate's `src` that has a `go.mod` pins one set of such tools. Python packages are
//! installed there too, a virtual environment for each file of requirements. What people have
//! installed anyway (Go itself, Python, kubectl) is only looked for.

mod cache;
mod cargo_tool;
mod catalogue;
mod go_source;
mod go_tool;
pub mod kubernetes;
mod prerequisite;
pub mod python;

pub use cache::folder as cache_folder;
pub use cargo_tool::CargoTool;
pub use catalogue::{
    ACTIONLINT, ALL, ARGO_CD, ARGOCD_RUNNER, CARGO_CYCLONEDX, CARGO_DENY, CARGO_MUTANTS, ETCD, FLUX_HEALTH, FLUX_HELM,
    FLUX_KUSTOMIZE, FLUX_SOURCE, HELM_3, HELM_4, HELM_DOCS, HELM_UNITTEST, KSTATUS, KUBE_APISERVER,
    KUBE_CONTROLLER_MANAGER, KUBE_SCORE, KUBECONFORM, KUSTOMIZE_CONTROLLER, PROMETHEUS, PROMETHEUS_OPERATOR, PROMTOOL,
};
pub use go_source::GoSource;
pub use go_tool::GoTool;
pub use prerequisite::{Prerequisite, kubectl, require};

/// The folder of ready-made control plane binaries, named by `KUBEBUILDER_ASSETS`.
fn assets() -> Option<std::path::PathBuf> {
    std::env::var_os("KUBEBUILDER_ASSETS")
        .filter(|value| !value.is_empty())
        .map(Into::into)
}
