//! The list of tools that are built from source.

use crate::cargo_tool::CargoTool;
use crate::go_source::GoSource;
use crate::go_tool::{Assets, GoTool};

/// Without these helm takes itself for one of Kubernetes 1.20, and refuses the chart.
const HELM_3_VERSION: &str = "-X helm.sh/helm/v3/internal/version.version=v3.22.0 \
    -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1 \
    -X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=37 \
    -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor=1 \
    -X helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor=37";
/// The next major version knows its Kubernetes from the client library that it is built with.
const HELM_4_VERSION: &str = "-X helm.sh/helm/v4/internal/version.version=v4.3.1";

/// The API server's store.
pub const ETCD: GoTool = GoTool {
    name: "etcd",
    module: "etcd",
    package: "go.etcd.io/etcd/server/v3",
    link_flags: "",
    minutes: 1,
    tags: "",
    assets: Assets::Required,
    is_versioned: false,
};

/// The API server.
pub const KUBE_APISERVER: GoTool = GoTool {
    name: "kube-apiserver",
    module: "kubernetes",
    package: "k8s.io/kubernetes/cmd/kube-apiserver",
    link_flags: "",
    minutes: 4,
    tags: "",
    assets: Assets::Required,
    is_versioned: true,
};

/// The controllers: garbage collection, namespaces, service accounts.
/// Ready-made sets of test binaries come without it, so it is built even beside one.
pub const KUBE_CONTROLLER_MANAGER: GoTool = GoTool {
    name: "kube-controller-manager",
    module: "kubernetes",
    package: "k8s.io/kubernetes/cmd/kube-controller-manager",
    link_flags: "",
    minutes: 2,
    tags: "",
    assets: Assets::Preferred,
    is_versioned: true,
};

/// What Flux and Helm make of a resource's conditions: reads objects as JSON, prints a verdict for each.
pub const KSTATUS: GoTool = GoTool {
    name: "kstatus",
    module: "kstatus",
    package: ".",
    link_flags: "",
    minutes: 1,
    tags: "",
    assets: Assets::Preferred,
    is_versioned: false,
};

/// What most people install the chart with.
pub const HELM_3: GoTool = GoTool {
    name: "helm",
    module: "helm",
    package: "helm.sh/helm/v3/cmd/helm",
    link_flags: HELM_3_VERSION,
    minutes: 2,
    tags: "",
    assets: Assets::Preferred,
    is_versioned: false,
};

/// The same of the next major version, which applies server-side and judges by kstatus.
pub const HELM_4: GoTool = GoTool {
    // Not "helm": a folder of ready-made binaries would give the same program for both.
    name: "helm4",
    module: "helm4",
    package: "helm.sh/helm/v4/cmd/helm",
    link_flags: HELM_4_VERSION,
    minutes: 2,
    tags: "",
    assets: Assets::Preferred,
    is_versioned: false,
};

/// Makes the chart's README from the comments of its values.
pub const HELM_DOCS: GoTool = GoTool {
    name: "helm-docs",
    module: "helm-docs",
    package: "github.com/norwoodj/helm-docs/cmd/helm-docs",
    link_flags: "",
    minutes: 1,
    tags: "",
    assets: Assets::Preferred,
    is_versioned: false,
};

/// Says what a production cluster would hold against a manifest.
pub const KUBE_SCORE: GoTool = GoTool {
    name: "kube-score",
    module: "kube-score",
    package: "github.com/zegl/kube-score/cmd/kube-score",
    link_flags: "",
    minutes: 1,
    tags: "",
    assets: Assets::Preferred,
    is_versioned: false,
};

/// Checks manifests against JSON schemas.
pub const KUBECONFORM: GoTool = GoTool {
    name: "kubeconform",
    module: "kubeconform",
    package: "github.com/yannh/kubeconform/cmd/kubeconform",
    link_flags: "",
    minutes: 1,
    tags: "",
    assets: Assets::Preferred,
    is_versioned: false,
};

/// Runs the chart's own unit tests.
pub const HELM_UNITTEST: GoTool = GoTool {
    name: "helm-unittest",
    module: "helm-unittest",
    package: "github.com/helm-unittest/helm-unittest/cmd/helm-unittest",
    link_flags: "",
    minutes: 1,
    tags: "",
    assets: Assets::Preferred,
    is_versioned: false,
};

/// Judges what is scraped, and tests the alerts.
pub const PROMTOOL: GoTool = GoTool {
    name: "promtool",
    module: "promtool",
    package: "github.com/prometheus/prometheus/cmd/promtool",
    link_flags: "",
    minutes: 2,
    // Without the clients of every cloud, in which Prometheus can look for targets.
    tags: "remove_all_sd",
    assets: Assets::Preferred,
    is_versioned: false,
};

/// Answers the dashboard's queries, for its picture. Not among [`ALL`]: no test needs it.
pub const PROMETHEUS: GoTool = GoTool {
    name: "prometheus",
    module: "prometheus",
    package: "github.com/prometheus/prometheus/cmd/prometheus",
    link_flags: "",
    minutes: 3,
    tags: "remove_all_sd",
    assets: Assets::Preferred,
    is_versioned: false,
};

/// The Prometheus operator, for its definitions below `example/prometheus-operator-crd`.
pub const PROMETHEUS_OPERATOR: GoSource = GoSource {
    pinned_in: "prometheus-operator",
    module: "github.com/prometheus-operator/prometheus-operator",
};

/// Does what Argo CD does with a custom resource: runs its scripts, syncs it.
pub const ARGOCD_RUNNER: GoTool = GoTool {
    name: "argocd-runner",
    module: "argocd",
    package: ".",
    link_flags: "",
    minutes: 3,
    tags: "",
    assets: Assets::Preferred,
    is_versioned: false,
};

/// What the dependencies may be: licences, sources, crates that are banned. Reads `deny.toml`.
pub const CARGO_DENY: CargoTool = CargoTool {
    name: "cargo-deny",
    version: "0.20.2",
    minutes: 2,
};

/// Thinks up bugs, and says which of them no test notices. Reads `.cargo/mutants.toml`.
pub const CARGO_MUTANTS: CargoTool = CargoTool {
    name: "cargo-mutants",
    version: "27.1.0",
    minutes: 3,
};

/// Lists what a program is made of (SBOM).
pub const CARGO_CYCLONEDX: CargoTool = CargoTool {
    name: "cargo-cyclonedx",
    version: "0.5.9",
    minutes: 2,
};

/// Judges the workflows of GitHub Actions.
pub const ACTIONLINT: GoTool = GoTool {
    name: "actionlint",
    module: "actionlint",
    package: "github.com/rhysd/actionlint/cmd/actionlint",
    link_flags: "",
    minutes: 1,
    tags: "",
    assets: Assets::Preferred,
    is_versioned: false,
};

/// Argo CD, for its definitions below `manifests/crds`.
pub const ARGO_CD: GoSource = GoSource {
    pinned_in: "argocd",
    module: "github.com/argoproj/argo-cd/v3",
};

/// Flux's sources, for their definitions below `config/crd/bases`, like the next two.
pub const FLUX_SOURCE: GoSource = GoSource {
    pinned_in: "flux",
    module: "github.com/fluxcd/source-controller",
};

/// Flux's Kustomizations.
pub const FLUX_KUSTOMIZE: GoSource = GoSource {
    pinned_in: "flux",
    module: "github.com/fluxcd/kustomize-controller",
};

/// Flux's Helm releases.
pub const FLUX_HELM: GoSource = GoSource {
    pinned_in: "flux",
    module: "github.com/fluxcd/helm-controller",
};

/// The controller of Flux's Kustomizations.
pub const KUSTOMIZE_CONTROLLER: GoTool = GoTool {
    name: "kustomize-controller",
    module: "kustomize-controller",
    package: "github.com/fluxcd/kustomize-controller",
    link_flags: "",
    minutes: 5,
    tags: "",
    assets: Assets::Preferred,
    is_versioned: false,
};

/// Judges objects by the health check expressions of Flux.
pub const FLUX_HEALTH: GoTool = GoTool {
    name: "flux-health",
    module: "flux-health",
    package: ".",
    link_flags: "",
    minutes: 1,
    tags: "",
    assets: Assets::Preferred,
    is_versioned: false,
};

/// Every tool that tests need and that is built from a Go module.
pub const ALL: [GoTool; 15] = [
    ACTIONLINT,
    ETCD,
    KUBE_APISERVER,
    KUBE_CONTROLLER_MANAGER,
    KSTATUS,
    HELM_3,
    HELM_4,
    HELM_DOCS,
    KUBE_SCORE,
    KUBECONFORM,
    HELM_UNITTEST,
    PROMTOOL,
    ARGOCD_RUNNER,
    FLUX_HEALTH,
    KUSTOMIZE_CONTROLLER,
];
