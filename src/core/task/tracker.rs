//! Who keeps the resource as a repository says, and makes it again when it is gone.

use std::collections::BTreeMap;

use kube::{Resource as _, ResourceExt as _};

use crate::api::{AuditMitigationTask, StoredTask};

/// Argo CD's own mark ("Resource Tracking", the default method since 3.0): `app:group/kind:namespace/name`. The label
/// `app.kubernetes.io/instance` is no proof, since many charts set it.
const ARGO_CD: &str = "argocd.argoproj.io/tracking-id";
/// Flux's marks (kustomize-controller and helm-controller, "Labels").
const FLUX_KUSTOMIZATION: &str = "kustomize.toolkit.fluxcd.io/name";
const FLUX_HELM_RELEASE: &str = "helm.toolkit.fluxcd.io/name";
/// Hooks are made at a sync or a release and left alone after it: that one is deleted bothers nobody.
const HOOKS: [&str; 2] = ["argocd.argoproj.io/hook", "helm.sh/hook"];

/// Whether an annotation is one that tells who tracks a resource.
pub fn is_mark(annotation: &str) -> bool {
    annotation == ARGO_CD || HOOKS.contains(&annotation)
}

/// Whether a label is one that tells who tracks a resource.
pub fn is_marking_label(label: &str) -> bool {
    [FLUX_KUSTOMIZATION, FLUX_HELM_RELEASE].contains(&label)
}

/// A tool that makes the resource again when it is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracker {
    /// The tool with its own resource, as in "Argo CD (application fleet)".
    pub name: String,
}

impl Tracker {
    /// Who tracks this resource, by the marks on it.
    pub fn of(stored: &StoredTask) -> Option<Self> {
        let annotations = stored.annotations();
        if HOOKS.iter().any(|hook| annotations.contains_key(*hook)) {
            return None;
        }
        let labels = stored.labels();
        let name = argo_cd_application(stored, annotations)
            .map(|application| format!("Argo CD (application {application})"))
            .or_else(|| Some(format!("Flux (Kustomization {})", labels.get(FLUX_KUSTOMIZATION)?)))
            .or_else(|| Some(format!("Flux (HelmRelease {})", labels.get(FLUX_HELM_RELEASE)?)))?;
        Some(Self { name })
    }
}

/// The application that the tracking id names. As for Argo CD itself, an id that was copied from another object
/// tracks nothing.
fn argo_cd_application<'a>(stored: &StoredTask, annotations: &'a BTreeMap<String, String>) -> Option<&'a str> {
    let (application, object) = annotations.get(ARGO_CD)?.split_once(':')?;
    let itself = format!(
        "{}/{}:{}/{}",
        AuditMitigationTask::group(&()),
        AuditMitigationTask::kind(&()),
        stored.namespace().unwrap_or_default(),
        stored.name_any()
    );
    (object == itself).then_some(application)
}
