//! A resource as the watch cache keeps it: small, because most of those that there are have long ended.
//!
//! The types that decisions are made from take several times the room of the text that they are parsed from, mostly
//! for the many short strings and maps of a status. So the cache keeps the text, and what is asked of all resources
//! at once beside it. Of a resource that nothing is left to do for it keeps no more than that; and of a large one no
//! more than its place in the queue: whoever may create resources could fill the memory otherwise. A large one is read
//! when it is reconciled ([`super::large`]).

use jiff::Timestamp;
use kube::Resource;
use kube::api::ObjectMeta;
use kube::runtime::reflector::ObjectRef;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::metadata::Metadata;
use crate::api::{AuditMitigationTask, POLICY_LABEL, Parsed, Phase, START_RECORD_ANNOTATION, StartRecord, StoredTask};
use crate::core::policy::own_task::OwnTask;
use crate::core::queue::Place;
use crate::core::task::decide::is_done;
use crate::core::task::observation::Settings;
use crate::core::task::observed::ObservedTask;
use crate::core::task::status::phase::{APPROVED, has_ended};
use crate::core::task::tie::Tie;
use crate::core::timing::Now;

/// How many bytes an object has at most that is kept, with what is not read of it. Most have less than the half.
const LARGEST_KEPT: usize = 8 << 10;

/// A resource as the watch cache keeps it.
#[derive(Resource, Clone, Debug)]
#[resource(inherit = AuditMitigationTask)]
pub(in crate::controller) struct CachedTask {
    /// What tells it from others; all that the operator reads of the metadata is in the text.
    pub(super) metadata: ObjectMeta,
    /// `status.phase`
    pub(super) phase: Option<Phase>,
    /// `status.taskId`
    pub(super) task_id: Option<Box<str>>,
    /// `status.region`, else `spec.region`
    pub(super) region: Option<Box<str>>,
    /// Whether the status says that this very resource started the task.
    owns_task: bool,
    /// The task of its start record, or of its open attempt, unless it is the one of the status.
    intent: Option<Box<Intent>>,
    /// What it is to a policy, where it may be a policy's.
    policy: Option<Box<PolicyTask>>,
    /// Since when its plan has waited for approval, where it does.
    pub(super) awaits_approval_since: Option<Box<Timestamp>>,
    /// How many bytes the whole object has, about.
    pub(super) size: usize,
    content: Content,
}

/// What a task is to a policy: kept whatever becomes of the object.
#[derive(Clone, Debug)]
struct PolicyTask {
    tie: Tie,
    task: OwnTask,
}

/// The object itself.
#[derive(Clone, Debug)]
enum Content {
    /// In JSON.
    Text(Box<str>),
    /// It is too large to be kept. This is what it means to the queue, as far as the object alone says it.
    Large(Box<Place>),
    /// Nothing is left to do for it.
    Done,
}

/// A task that was, or is about to be, started.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Intent {
    task_id: Box<str>,
    region: Box<str>,
}

impl CachedTask {
    /// The resource to decide about, if it is kept.
    pub(super) fn open(&self) -> Option<StoredTask> {
        let Content::Text(text) = &self.content else {
            return None;
        };
        Some(serde_json::from_str(text).unwrap_or_else(|error| StoredTask {
            metadata: self.metadata.clone(),
            spec: Parsed::Bad(error.to_string()),
            status: Parsed::default(),
        }))
    }

    /// The name of the policy that it may be a task of.
    pub(super) fn policy(&self) -> Option<&str> {
        self.policy.as_ref()?.tie.policy()
    }

    /// What it is to this policy of its namespace, if it is the policy's own.
    pub(super) fn task_of(&self, policy: &str, uid: &str) -> Option<&OwnTask> {
        let ours = self.policy.as_ref().filter(|ours| ours.tie.is_to(policy, uid));
        ours.map(|ours| &ours.task)
    }

    /// Whether nothing is left to do for it, ever, unless it changes.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.content, Content::Done)
    }

    /// Whether there may be something to do for it, and it isn't kept.
    pub(super) const fn is_large(&self) -> bool {
        matches!(self.content, Content::Large(_))
    }

    /// What it means to the queue: what is known of one that is not kept, else what this finds.
    pub(super) fn place(&self, find: impl FnOnce(&ObservedTask, usize) -> Place) -> Option<Place> {
        if let Content::Large(place) = &self.content {
            return Some((**place).clone());
        }
        self.open().map(|object| find(&ObservedTask::parse(&object), self.size))
    }

    /// What the cache is to keep of it: little, once nothing is left to do, or where it is large.
    pub(super) fn trimmed(
        self,
        settings: &Settings,
        now: Now,
        place: impl FnOnce(&ObservedTask, usize) -> Place,
    ) -> Self {
        let (has_ended, is_large) = (self.phase.is_some_and(has_ended), self.size > LARGEST_KEPT);
        if !has_ended && !is_large {
            return self;
        }
        let Some(observed) = self.open().map(|object| ObservedTask::parse(&object)) else {
            return self;
        };
        let content = if has_ended && is_done(&observed, settings, now) {
            Content::Done
        } else if is_large {
            Content::Large(Box::new(place(&observed, self.size)))
        } else {
            return self;
        };
        Self { content, ..self }
    }

    /// The tasks that it has started, or is about to start, as region and id.
    pub(super) fn claimed(&self) -> impl Iterator<Item = (&str, &str)> {
        let in_status = self.region.as_deref().zip(self.task_id.as_deref());
        let intended = self.intent.as_deref();
        in_status
            .into_iter()
            .chain(intended.map(|intent| (&*intent.region, &*intent.task_id)))
    }

    /// Whether its status says that it has started this task.
    pub(super) fn owns(&self, region: &str, task_id: &str) -> bool {
        let in_status = self.task_id.as_deref() == Some(task_id) && self.region.as_deref() == Some(region);
        in_status && self.owns_task
    }

    /// Whether it has started, or is about to start, this task.
    pub(super) fn claims(&self, region: &str, task_id: &str) -> bool {
        self.claimed().any(|claimed| claimed == (region, task_id))
    }

    /// What the controller calls a resource.
    pub(super) fn reference(object: &StoredTask) -> ObjectRef<Self> {
        ObjectRef::from_obj(object).into_kind_unchecked(())
    }
}

/// Resource versions are comparable numbers ("Kubernetes API Concepts", resource versions).
pub(super) fn version(metadata: &ObjectMeta) -> u64 {
    let version = metadata.resource_version.as_deref();
    version.and_then(|version| version.parse().ok()).unwrap_or_default()
}

impl<'de> Deserialize<'de> for CachedTask {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = Object::deserialize(deserializer)?;
        let unread = object.metadata.keep_what_is_read();
        let Object { metadata, spec, status } = &object;
        let string = |part: &Option<Value>, field: &str| part.as_ref()?.get(field)?.as_str().map(Box::from);
        let phase = status.as_ref().and_then(|status| status.get("phase"));
        let text = serde_json::to_string(&object).map_err(serde::de::Error::custom)?;
        let mut cached = Self {
            metadata: metadata.identity(),
            phase: phase.and_then(|phase| Phase::deserialize(phase).ok()),
            task_id: string(status, "taskId"),
            region: string(status, "region").or_else(|| string(spec, "region")),
            owns_task: string(status, "startedBy").as_deref() == Some("Self")
                && string(status, "clientRequestToken").as_deref() == metadata.uid.as_deref(),
            intent: None,
            policy: policy_task(metadata, &text),
            awaits_approval_since: object.awaits_approval_since().map(Box::new),
            size: text.len() + unread,
            content: Content::Text(text.into()),
        };
        cached.intent = object
            .intent()
            .filter(|intent| !cached.claims(&intent.region, &intent.task_id))
            .map(Box::new);
        Ok(cached)
    }
}

/// What an object is to a policy, if anything ties it to one.
fn policy_task(metadata: &Metadata, text: &str) -> Option<Box<PolicyTask>> {
    let is_labelled = metadata
        .labels
        .as_ref()
        .is_some_and(|labels| labels.contains_key(POLICY_LABEL));
    if !is_labelled && metadata.owner_references.is_without_controller() {
        return None;
    }
    let stored: StoredTask = serde_json::from_str(text).ok()?;
    let tie = Tie::of(&stored);
    tie.policy()?;
    let task = OwnTask::of(&stored);
    Some(Box::new(PolicyTask { tie, task }))
}

/// The object on the wire, unjudged.
#[derive(Serialize, Deserialize)]
struct Object {
    metadata: Metadata,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spec: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<Value>,
}

impl Object {
    /// The start record; one without an annotation is in the status, as for [`crate::core::task::observed::ObservedTask`].
    fn intent(&self) -> Option<Intent> {
        let annotations = self.metadata.annotations.as_ref();
        let record = annotations.and_then(|annotations| annotations.get(START_RECORD_ANNOTATION));
        let written =
            record
                .and_then(|text| serde_json::from_str(text).ok())
                .map(|StartRecord { task_id, region, .. }| Intent {
                    task_id: task_id.into(),
                    region: region.into(),
                });
        written.or_else(|| Intent::deserialize(self.status.as_ref()?.get("attempt")?).ok())
    }

    /// Since when its plan has waited for approval: Approved is False from the first plan on that needs it.
    fn awaits_approval_since(&self) -> Option<Timestamp> {
        let status = self.status.as_ref()?;
        let is_awaiting = Phase::deserialize(status.get("phase")?).ok()? == Phase::AwaitingApproval;
        let mut conditions = status.get("conditions").filter(|_| is_awaiting)?.as_array()?.iter();
        let approved = conditions.find(|condition| condition["type"] == APPROVED && condition["status"] == "False")?;
        approved.get("lastTransitionTime")?.as_str()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::api::FINALIZER;
    use crate::controller::clock::now;
    use crate::core::timing::PollBounds;

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
        let observed = |object: &Value| ObservedTask::parse(&serde_json::from_value(object.clone()).unwrap());
        assert!(observed(&tracked).tracker.is_some());
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
            let opened = cached.open().unwrap();
            assert_eq!(ObservedTask::parse(&opened), ObservedTask::parse(&stored), "{object}");
            assert_eq!(opened.metadata.resource_version, stored.metadata.resource_version);
            let (name, opened) = (CachedTask::reference(&stored), CachedTask::reference(&opened));
            assert_eq!((&name, name.extra.uid.clone()), (&opened, opened.extra.uid.clone()));
            assert_eq!(ObjectRef::from_obj(&cached), name);
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
        let Content::Text(text) = &cached.content else {
            panic!("{cached:?}");
        };
        assert!(text.contains("taskId") && !text.contains("everything once more") && !text.contains("managedFields"));
    }

    fn trimmed(object: &Value) -> CachedTask {
        let settings = Settings {
            default_region: None,
            poll: PollBounds {
                min: Duration::ZERO,
                max: Duration::ZERO,
            },
            cancel_timeout: Duration::ZERO,
        };
        let cached: CachedTask = serde_json::from_value(object.clone()).unwrap();
        cached.trimmed(&settings, now(), |observed, _| Place::Holding {
            region: "eu-west-1".to_owned(),
            task_id: observed.uid.clone(),
        })
    }

    fn without_text(cached: &CachedTask) -> CachedTask {
        CachedTask {
            content: Content::Done,
            ..cached.clone()
        }
    }

    /// However much of it is read: an answer of the API server has all of it.
    #[test]
    fn what_is_large_is_not_kept_and_its_place_in_the_queue_is() {
        let with = |pointer: &str, value: Value| {
            let mut object = object();
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            object.pointer_mut(parent).unwrap()[field] = value;
            object
        };
        let long = "x".repeat(LARGEST_KEPT);
        for large in [
            with("/spec/target/auditTaskId", json!(long)),
            with("/metadata/annotations/foreign", json!(long)),
            with("/metadata/labels/foreign", json!(long)),
            with("/metadata/managedFields", json!([{ "fieldsV1": { &long: {} } }])),
            with("/metadata/ownerReferences", json!([{ "name": long }])),
        ] {
            let cached = trimmed(&large);
            assert!(cached.is_large() && !cached.is_done() && cached.open().is_none());
            assert!(
                (LARGEST_KEPT..2 * LARGEST_KEPT).contains(&cached.size),
                "{}",
                cached.size
            );
            let place = cached.place(|_, _| panic!("it is known"));
            assert!(matches!(place, Some(Place::Holding { task_id, .. }) if task_id == "u-1"));
            assert!(cached.claims("eu-central-1", "t") && cached.claims("eu-west-1", "t"));
            assert_eq!(cached.phase, Some(Phase::Running));
        }
        let small = trimmed(&object());
        assert!(!small.is_large() && small.open().is_some());
        assert_eq!(
            small.place(|_, size| {
                assert!(size > 0);
                Place::None
            }),
            Some(Place::None)
        );
    }

    #[test]
    fn what_is_done_is_not_kept_however_large() {
        for size in [0, LARGEST_KEPT] {
            let mut object = object();
            object["metadata"] = json!({
                "name": "one", "uid": "u-1", "generation": 3, "annotations": { "foreign": "x".repeat(size) },
            });
            object["status"]["phase"] = json!("Completed");
            let cached = trimmed(&object);
            assert_eq!((cached.is_done(), cached.is_large()), (true, false), "{size}");
        }
    }

    /// The task of the status is claimed, and the one that is about to be started.
    #[test]
    fn whoever_starts_a_task_claims_it() {
        let attempt =
            json!({ "taskId": "open", "region": "eu-west-1", "requestHash": "h", "time": "2026-01-01T00:00:02Z" });
        let mut open = object();
        open["metadata"]["annotations"] = json!({});
        open["status"] = json!({ "phase": "Pending", "clientRequestToken": "u-1", "attempt": attempt });
        let mut free = open.clone();
        free["status"] = json!({ "phase": "Pending" });
        for (object, claims) in [
            (object(), vec![("eu-central-1", "t"), ("eu-west-1", "t")]),
            (open, vec![("eu-west-1", "open")]),
            (free, vec![]),
        ] {
            let cached: CachedTask = serde_json::from_value(object).unwrap();
            for region in ["eu-central-1", "eu-west-1", "us-east-1"] {
                for task_id in ["t", "open", "other"] {
                    let expected = claims.contains(&(region, task_id));
                    assert_eq!(cached.claims(region, task_id), expected, "{task_id} in {region}");
                    assert_eq!(
                        without_text(&cached).claims(region, task_id),
                        expected,
                        "without the text"
                    );
                }
            }
        }
    }
}
