//! The resource as decisions see it: parsed once from what the API server stores.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::ResourceExt as _;

use crate::api::{
    AuditMitigationTaskSpec, AuditMitigationTaskStatus, DeletionPolicy, FINALIZER, Parsed, Phase,
    START_RECORD_ANNOTATION, StartRecord, StartedBy, StoredTask, Target,
};
use crate::core::task::identity;
use crate::core::task::tracker::Tracker;
use crate::core::timing;

/// What is known of one resource from the API server alone.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedTask {
    /// `metadata.uid`
    pub uid: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.generation`
    pub generation: i64,
    /// `metadata.creationTimestamp`
    pub created: Timestamp,
    /// `metadata.deletionTimestamp`
    pub deleting_since: Option<Timestamp>,
    /// `metadata.finalizers`
    pub finalizers: Vec<String>,
    /// The start record; one without an annotation is rebuilt from `status.attempt`.
    pub record: Option<StartRecord>,
    /// What is asked for, or why it can't be understood.
    pub desired: Result<DesiredTask, String>,
    /// Who makes the resource again when it is deleted.
    pub tracker: Option<Tracker>,
    /// What the controller wrote last; `None` when it has not looked at the resource yet.
    pub status: Option<AuditMitigationTaskStatus>,
}

/// What a resource asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredTask {
    /// `spec.taskId` or the default id.
    pub task_id: String,
    /// `spec.target`
    pub target: Target,
    /// `spec.auditCheckToActionsMapping`
    pub mapping: BTreeMap<String, Vec<String>>,
    /// `spec.clientRequestToken`
    pub token: Option<String>,
    /// `spec.region`
    pub region: Option<String>,
    /// The hash of the whole request.
    pub request_hash: String,
    /// `spec.suspend`
    pub suspend: bool,
    /// `spec.cancel`
    pub cancel: bool,
    /// `spec.deletionPolicy`
    pub deletion_policy: DeletionPolicy,
    /// `spec.activeDeadlineSeconds`
    pub deadline_seconds: Option<i64>,
    /// `spec.ttlSecondsAfterFinished`
    pub ttl_seconds: Option<i64>,
}

impl DesiredTask {
    fn parse(namespace: &str, name: &str, spec: &AuditMitigationTaskSpec) -> Self {
        // No `..`: a new field doesn't compile until somebody has decided what it means here.
        let AuditMitigationTaskSpec {
            task_id: _,
            target,
            audit_check_to_actions_mapping,
            client_request_token,
            region,
            suspend,
            cancel,
            deletion_policy,
            active_deadline_seconds,
            ttl_seconds_after_finished,
        } = spec;
        let task_id = identity::task_id(namespace, name, spec);
        Self {
            request_hash: identity::request_hash(&task_id, spec),
            task_id,
            target: target.clone(),
            mapping: audit_check_to_actions_mapping.clone(),
            token: client_request_token.clone(),
            region: region.clone(),
            suspend: suspend.unwrap_or_default(),
            cancel: cancel.unwrap_or_default(),
            deletion_policy: deletion_policy.unwrap_or_default(),
            deadline_seconds: *active_deadline_seconds,
            ttl_seconds: *ttl_seconds_after_finished,
        }
    }
}

impl ObservedTask {
    /// Parses what the API server stores. Nothing after this sees the raw object.
    #[must_use]
    pub fn parse(stored: &StoredTask) -> Self {
        let namespace = stored.namespace().unwrap_or_default();
        let name = stored.name_any();
        let desired = match &stored.spec {
            Parsed::Good(spec) => Ok(DesiredTask::parse(&namespace, &name, spec)),
            Parsed::Bad(error) => Err(error.clone()),
        };
        // The schema's default, observedGeneration -1 and nothing else, says that nobody has looked yet.
        let status = stored
            .status
            .good()
            .and_then(Option::as_ref)
            .filter(|status| status.phase.is_some())
            .cloned();
        let uid = stored.uid().unwrap_or_default();
        let record = stored
            .annotations()
            .get(START_RECORD_ANNOTATION)
            .and_then(|text| serde_json::from_str(text).ok())
            .or_else(|| status.as_ref().and_then(|status| record_of_attempt(&uid, status)));
        Self {
            generation: stored.metadata.generation.unwrap_or_default(),
            created: stored.creation_timestamp().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            deleting_since: stored.metadata.deletion_timestamp.as_ref().map(|time| time.0),
            finalizers: stored.finalizers().to_vec(),
            record,
            desired,
            tracker: Tracker::of(stored),
            status,
            namespace,
            uid,
        }
    }

    /// Whether this operator's finalizer is on the resource.
    #[must_use]
    pub fn has_finalizer(&self) -> bool {
        self.finalizers.iter().any(|finalizer| finalizer == FINALIZER)
    }

    /// The phase that was written last.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        self.status.as_ref().and_then(|status| status.phase)
    }

    /// When the status says that what is missing is asked for again, if that lies ahead of this time. What lies further
    /// ahead than any such wait was written by a wrong clock.
    #[must_use]
    pub fn next_look(&self, now: Timestamp) -> Option<Timestamp> {
        let time = self.status.as_ref()?.next_attempt_time.as_ref()?.0;
        let furthest = timing::next_whole_second(timing::after(now, timing::MISSING_POLL.unsigned_abs()));
        (time > now && time <= furthest).then_some(time)
    }

    /// Whether the status speaks of the present spec.
    #[must_use]
    pub fn is_observed(&self) -> bool {
        self.status.as_ref().and_then(|status| status.observed_generation) == Some(self.generation)
    }

    /// What happens to a running task at a deletion; the default when the spec can't be understood.
    #[must_use]
    pub fn deletion_policy(&self) -> DeletionPolicy {
        self.desired
            .as_ref()
            .map(|desired| desired.deletion_policy)
            .unwrap_or_default()
    }

    /// Whether the task in the status was started by this very resource. A copied or restored status says
    /// `startedBy: Self` too, so the token must be this resource's own uid.
    #[must_use]
    pub fn owns_task(&self) -> bool {
        self.status.as_ref().is_some_and(|status| {
            status.started_by == Some(StartedBy::This)
                && status.client_request_token.as_deref() == Some(self.uid.as_str())
        })
    }

    /// Whether the desired is still for the request of this record.
    #[must_use]
    pub fn still_asks_for(&self, record: &StartRecord) -> bool {
        self.desired
            .as_ref()
            .is_ok_and(|desired| desired.request_hash == record.request_hash && desired.task_id == record.task_id)
    }
}

/// Somebody may have removed the annotation while an attempt was open; the status has all of it.
fn record_of_attempt(uid: &str, status: &AuditMitigationTaskStatus) -> Option<StartRecord> {
    let attempt = status.attempt.as_ref()?;
    Some(StartRecord {
        task_id: attempt.task_id.clone(),
        token: status.client_request_token.clone()?,
        request_hash: attempt.request_hash.clone(),
        region: attempt.region.clone(),
        uid: uid.to_owned(),
        time: attempt.time.0,
    })
}
