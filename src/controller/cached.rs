//! A resource as the watch cache keeps it: small, because most of those that there are have long ended.
//!
//! The types that decisions are made from take several times the room of the text that they are parsed from, mostly
//! for the many short strings and maps of a status. So the cache keeps the text, and what is asked of all resources
//! at once beside it.

use kube::Resource;
use kube::api::ObjectMeta;
use kube::runtime::reflector::ObjectRef;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::api::{AuditMitigationTask, Parsed, Phase, START_RECORD_ANNOTATION, StoredTask};
use crate::core::tracker;

/// A resource as the watch cache keeps it.
#[derive(Resource, Clone, Debug)]
#[resource(inherit = AuditMitigationTask)]
pub(super) struct CachedTask {
    /// What tells it from others; all that the operator reads of the metadata is in the text.
    pub(super) metadata: ObjectMeta,
    /// `status.phase`
    pub(super) phase: Option<Phase>,
    /// `status.taskId`
    pub(super) task_id: Option<Box<str>>,
    /// `status.region`, else `spec.region`
    pub(super) region: Option<Box<str>>,
    /// The object in JSON.
    text: Box<str>,
}

impl CachedTask {
    /// The resource to decide about.
    pub(super) fn open(&self) -> StoredTask {
        serde_json::from_str(&self.text).unwrap_or_else(|error| StoredTask {
            metadata: self.metadata.clone(),
            spec: Parsed::Bad(error.to_string()),
            status: Parsed::default(),
        })
    }

    /// Whether this text stands anywhere in it: to open only those of which it can be true.
    pub(super) fn mentions(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// What the controller calls a resource.
    pub(super) fn reference(object: &StoredTask) -> ObjectRef<Self> {
        ObjectRef::from_obj(object).into_kind_unchecked(())
    }
}

impl<'de> Deserialize<'de> for CachedTask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object { metadata, spec, status } = Object::deserialize(deserializer)?;
        let string = |part: &Option<Value>, field: &str| part.as_ref()?.get(field)?.as_str().map(Box::from);
        let phase = status.as_ref().and_then(|status| status.get("phase"));
        let (identity, metadata) = divide(metadata);
        Ok(Self {
            metadata: identity,
            phase: phase.and_then(|phase| Phase::deserialize(phase).ok()),
            task_id: string(&status, "taskId"),
            region: string(&status, "region").or_else(|| string(&spec, "region")),
            text: serde_json::to_string(&Object { metadata, spec, status })
                .map_err(serde::de::Error::custom)?
                .into(),
        })
    }
}

/// The object on the wire, unjudged.
#[derive(Serialize, Deserialize)]
struct Object {
    metadata: ObjectMeta,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spec: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Value>,
}

/// What kube and the questions about all resources need, and what a decision needs. Nothing reads the rest:
/// `managedFields` and kubectl's copy of the manifest are the larger part of many objects.
fn divide(whole: ObjectMeta) -> (ObjectMeta, ObjectMeta) {
    let identity = ObjectMeta {
        name: whole.name,
        namespace: whole.namespace,
        uid: whole.uid,
        resource_version: whole.resource_version,
        creation_timestamp: whole.creation_timestamp,
        ..ObjectMeta::default()
    };
    let annotations = whole.annotations.map(|mut annotations| {
        annotations.retain(|name, _| name == START_RECORD_ANNOTATION || tracker::is_mark(name));
        annotations
    });
    let labels = whole.labels.map(|mut labels| {
        labels.retain(|name, _| tracker::is_marking_label(name));
        labels
    });
    let read = ObjectMeta {
        generation: whole.generation,
        deletion_timestamp: whole.deletion_timestamp,
        finalizers: whole.finalizers,
        annotations,
        labels,
        ..identity.clone()
    };
    (identity, read)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::FINALIZER;
    use crate::core::facts::Facts;

    fn object() -> Value {
        json!({
            "apiVersion": "devicedefender.dev/v1alpha1",
            "kind": "AuditMitigationTask",
            "metadata": {
                "name": "one", "namespace": "fleet", "uid": "u-1", "resourceVersion": "7", "generation": 3,
                "creationTimestamp": "2026-01-01T00:00:00Z", "deletionTimestamp": "2026-01-02T00:00:00Z",
                "deletionGracePeriodSeconds": 0,
                "finalizers": [FINALIZER, "other"],
                "labels": { "team": "fleet" },
                "annotations": {
                    "kubectl.kubernetes.io/last-applied-configuration": "everything once more",
                    START_RECORD_ANNOTATION: json!({
                        "taskId": "t", "token": "u-1", "requestHash": "h", "region": "eu-west-1", "uid": "u-1",
                        "time": "2026-01-01T00:00:01Z",
                    }).to_string(),
                },
                "managedFields": [{ "manager": "kubectl" }],
            },
            "spec": {
                "target": { "auditTaskId": "a" }, "region": "eu-west-1",
                "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
            },
            "status": {
                "phase": "Running", "taskId": "t", "region": "eu-central-1", "observedGeneration": 3,
                "conditions": [],
            },
        })
    }

    #[test]
    fn a_decision_sees_all_that_it_would_see_in_the_object_itself() {
        let broken_spec = |mut object: Value| {
            object["spec"] = json!({ "target": 7 });
            object
        };
        let broken_status = |mut object: Value| {
            object["status"]["phase"] = json!("Dancing");
            object
        };
        let without = |part: &str| {
            let mut object = object();
            object.as_object_mut().unwrap().remove(part);
            object
        };
        let marked = |marks: Value| {
            let mut object = object();
            object["metadata"]["annotations"] = marks["annotations"].clone();
            object["metadata"]["labels"] = marks["labels"].clone();
            object
        };
        let argo_cd =
            json!({ "argocd.argoproj.io/tracking-id": "app:devicedefender.dev/AuditMitigationTask:fleet/one" });
        let mut hook = argo_cd.clone();
        hook["argocd.argoproj.io/hook"] = json!("PostSync");
        let tracked = marked(json!({ "annotations": argo_cd }));
        let facts = |object: &Value| Facts::parse(&serde_json::from_value(object.clone()).unwrap());
        assert!(facts(&tracked).tracker.is_some());
        for object in [
            tracked,
            marked(json!({ "annotations": hook })),
            marked(json!({ "labels": { "kustomize.toolkit.fluxcd.io/name": "app" } })),
            marked(json!({ "labels": { "helm.toolkit.fluxcd.io/name": "app" } })),
            object(),
            broken_spec(object()),
            broken_status(object()),
            without("spec"),
            without("status"),
        ] {
            let cached: CachedTask = serde_json::from_value(object.clone()).unwrap();
            let stored: StoredTask = serde_json::from_value(object.clone()).unwrap();
            assert_eq!(Facts::parse(&cached.open()), Facts::parse(&stored), "{object}");
            let (name, opened) = (CachedTask::reference(&stored), CachedTask::reference(&cached.open()));
            assert_eq!((&name, name.extra.uid.clone()), (&opened, opened.extra.uid.clone()));
            assert_eq!(ObjectRef::from_obj(&cached), name);
            assert_eq!(
                cached.open().metadata.resource_version,
                stored.metadata.resource_version
            );
        }
    }

    #[test]
    fn what_is_asked_of_all_resources_is_at_hand() {
        let cached: CachedTask = serde_json::from_value(object()).unwrap();
        assert_eq!(cached.phase, Some(Phase::Running));
        assert_eq!(cached.task_id.as_deref(), Some("t"));
        assert_eq!(
            cached.region.as_deref(),
            Some("eu-central-1"),
            "that of the task, not of the spec"
        );
        assert!(cached.mentions("\"t\"") || cached.mentions("taskId"));
        assert!(!cached.mentions("everything once more") && !cached.mentions("managedFields"));
    }
}
