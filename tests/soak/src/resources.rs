//! The manifests: what each asks for in each of its versions.

use anyhow::{Context as _, Result};
use data_encoding::HEXLOWER;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    plan::{Kind, Manifest, Shape},
    policies::task_name_of,
};

pub(crate) const ACTION: &str = "EnableLogging";
pub(crate) const OTHER_ACTION: &str = "AddToQuarantine";
const CHECK: &str = "LOGGING_DISABLED_CHECK";

/// The audit that a manifest speaks of until it is edited.
pub(crate) const AUDIT: &str = "a3aea009955e501a31b764abe1bebd3d";

/// What the tokens begin with that people choose.
pub(crate) const OWN_TOKEN_PREFIX: &str = "people-";

/// The operator's, by its contract.
pub(crate) const RECORD: &str = "devicedefender.dev/start-record";

pub(crate) fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("devicedefender.dev", "v1alpha1", "AuditMitigationTask");
    ApiResource::from_gvk_with_plural(&kind, "auditmitigationtasks")
}

/// The ids of the tasks of a kind, as a glob. The simulator's outcome follows from it.
pub(crate) fn task_ids(kind: Kind) -> String {
    format!("{}-*", word(kind))
}

/// The ids of the tasks of a manifest, in all its versions.
pub(crate) fn task_ids_of(manifest: Manifest) -> String {
    format!("{}-{}-*", word(manifest.kind), manifest.number)
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Quick | Kind::Unnamed => "quick",
        Kind::Long => "long",
        Kind::Failing => "failing",
        Kind::Held => "held",
    }
}

/// The task id that a version of a manifest names, if it names one.
pub(crate) fn task_id(manifest: Manifest, version: usize) -> Option<String> {
    let names_one = manifest.kind != Kind::Unnamed;
    names_one.then(|| format!("{}-{}-{version}", word(manifest.kind), manifest.number))
}

pub(crate) fn name(manifest: Manifest) -> String {
    format!("manifest-{}", manifest.number)
}

/// The name of the resource that a task's id speaks of.
pub(crate) fn name_of(task_id: &str) -> String {
    if let Some(name) = task_name_of(task_id) {
        return name;
    }
    let made_up = task_id.split('_').find(|part| part.starts_with("manifest-"));
    let number = || task_id.split('-').nth(1).unwrap_or_default();
    made_up.map_or_else(|| format!("manifest-{}", number()), str::to_owned)
}

/// What is applied.
pub(crate) fn object(manifest: Manifest, version: usize, shape: Shape) -> Result<DynamicObject> {
    let mut object = plain(&name(manifest), task_id(manifest, version).as_deref())?;
    let special = match shape {
        Shape::Plain => return Ok(object),
        Shape::Suspended => ("suspend", json!(true)),
        Shape::OwnToken => {
            let token = format!("{OWN_TOKEN_PREFIX}{}-{version}", manifest.number);
            ("clientRequestToken", json!(token))
        }
        Shape::Orphan => ("deletionPolicy", json!("Orphan")),
    };
    if let Some(Value::Object(spec)) = object.data.get_mut("spec") {
        spec.insert(special.0.to_owned(), special.1);
    }
    Ok(object)
}

/// A resource without anything special.
pub(crate) fn plain(name: &str, task_id: Option<&str>) -> Result<DynamicObject> {
    let mut object = json!({
        "apiVersion": "devicedefender.dev/v1alpha1",
        "kind": "AuditMitigationTask",
        "metadata": { "name": name },
        "spec": {
            "suspend": false,
            "target": { "auditTaskId": AUDIT },
            "auditCheckToActionsMapping": { CHECK: [ACTION] },
        },
    });
    if let (Some(id), Some(spec)) = (task_id, object.pointer_mut("/spec").and_then(Value::as_object_mut)) {
        spec.insert("taskId".to_owned(), json!(id));
    }
    serde_json::from_value(object).context("no object")
}

/// The resource that a backup of this one makes: what the API server gave to the old one is gone.
pub(crate) fn from_backup(old: &DynamicObject) -> DynamicObject {
    let mut new = old.clone();
    new.metadata = kube::api::ObjectMeta {
        name: old.metadata.name.clone(),
        annotations: old.metadata.annotations.clone(),
        ..Default::default()
    };
    if let Value::Object(data) = &mut new.data {
        data.remove("status");
        if let Some(Value::Object(spec)) = data.get_mut("spec") {
            spec.remove("deletionPolicy");
        }
    }
    new
}

/// The hash in a start record, by the contract: SHA-256 of the canonical JSON of the request. Without numbers, and with
/// sorted keys, JSON is canonical as it is written here.
pub(crate) fn request_hash(object: &DynamicObject) -> String {
    let spec = object.data.get("spec");
    let members = ["taskId", "target", "auditCheckToActionsMapping"];
    let request: serde_json::Map<_, _> = members
        .iter()
        .filter_map(|member| Some(((*member).to_owned(), spec?.get(member)?.clone())))
        .collect();
    let digest = Sha256::digest(Value::Object(request).to_string());
    HEXLOWER.encode(&digest)
}

/// Whether a request of the service asks for what a spec asks for.
pub(crate) fn asks_for(request: &Value, spec: &Value) -> bool {
    ["target", "auditCheckToActionsMapping"]
        .iter()
        .all(|member| request.get(member) == spec.get(member))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Site;

    #[test]
    fn names_and_ids_speak_of_the_same_manifest() {
        let one = Manifest {
            number: 31,
            kind: Kind::Long,
            site: Site::Here,
        };
        let id = task_id(one, 2).unwrap();
        assert_eq!(name_of(&id), name(one));
        assert_eq!(name_of("soak-x7_manifest-31_n42z5k2pgv"), name(one));
        assert!(id.starts_with(task_ids(Kind::Long).trim_end_matches('*')));
        assert!(id.starts_with(task_ids_of(one).trim_end_matches('*')));
    }
}
