//! The resource as decisions see it: parsed once from what the API server stores.

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::desired::DesiredTask;
use super::status::phase::find_approved;
use super::status::phase::{ConditionType, find};
use super::tie::Tie;
use super::tracker::Tracker;
use crate::api::{
    AuditMitigationTaskStatus, DeletionPolicy, FINALIZER, Parsed, Phase, Reason, START_RECORD_ANNOTATION, StartRecord,
    StartedBy, StoredTask,
};
use crate::core::timing;

/// What is known of one resource from the API server alone.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedTask {
    /// `metadata.uid`
    pub uid: String,
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
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
    /// Why the annotation with the start record can't be read, if it can't and the status has no copy of it.
    pub unreadable_record: Option<String>,
    /// What is asked for, or why it can't be understood.
    pub desired: Result<DesiredTask, String>,
    /// What ties the resource to a policy.
    pub tie: Tie,
    /// Who makes the resource again when it is deleted.
    pub tracker: Option<Tracker>,
    /// What the controller wrote last; `None` when it has not looked at the resource yet.
    pub status: Option<AuditMitigationTaskStatus>,
}

impl ObservedTask {
    /// Parses what the API server stores. Nothing after this sees the raw object.
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
        let annotation = stored.annotations().get(START_RECORD_ANNOTATION);
        let (record, unreadable) = match annotation.map(|text| StartRecord::parse(text)).transpose() {
            Ok(record) => (record, None),
            Err(problem) => (None, Some(problem)),
        };
        let record = record.or_else(|| status.as_ref().and_then(|status| record_of_attempt(&uid, status)));
        Self {
            generation: stored.metadata.generation.unwrap_or_default(),
            created: stored.creation_timestamp().map_or(Timestamp::UNIX_EPOCH, |time| time.0),
            deleting_since: stored.metadata.deletion_timestamp.as_ref().map(|time| time.0),
            finalizers: stored.finalizers().to_vec(),
            unreadable_record: unreadable.filter(|_| record.is_none()),
            record,
            desired,
            tie: Tie::of(stored),
            tracker: Tracker::of(stored),
            status,
            namespace,
            name,
            uid,
        }
    }

    /// Whether this operator's finalizer is on the resource.
    pub fn has_finalizer(&self) -> bool {
        self.finalizers.iter().any(|finalizer| finalizer == FINALIZER)
    }

    /// The phase that was written last.
    pub fn phase(&self) -> Option<Phase> {
        self.status.as_ref().and_then(|status| status.phase)
    }

    /// The reason of a condition, as it was written last, where this version knows it.
    pub fn reason_of(&self, condition: ConditionType) -> Option<Reason> {
        Reason::parse(&find(&self.status.as_ref()?.conditions, condition)?.reason)
    }

    /// The generation that the condition Approved speaks of, and so the plan of the status.
    pub(super) fn judged_generation(&self) -> Option<i64> {
        find_approved(&self.status.as_ref()?.conditions)?.observed_generation
    }

    /// Whether the status shows the plan of this hash, or says that it did.
    pub(super) fn has_shown_plan(&self, hash: &str) -> bool {
        let Some(status) = &self.status else { return false };
        let shows = status.plan.as_ref().is_some_and(|plan| plan.hash == hash);
        let says = find_approved(&status.conditions)
            .is_some_and(|approved| approved.reason == Reason::PlanChanged.as_str() && approved.message.contains(hash));
        shows || says
    }

    /// When the status says that what is missing is asked for again, if that lies ahead of this time. What lies further
    /// ahead than any such wait was written by a wrong clock.
    pub fn next_look(&self, now: Timestamp) -> Option<Timestamp> {
        let time = self.status.as_ref()?.next_attempt_time.as_ref()?.0;
        let furthest = timing::next_whole_second(timing::after(now, timing::MISSING_POLL));
        (time > now && time <= furthest).then_some(time)
    }

    /// Whether the status speaks of the present spec.
    pub fn is_observed(&self) -> bool {
        self.status.as_ref().and_then(|status| status.observed_generation) == Some(self.generation)
    }

    /// What happens to a running task at a deletion; the default when the spec can't be understood.
    pub fn deletion_policy(&self) -> DeletionPolicy {
        self.desired
            .as_ref()
            .map(|desired| desired.deletion_policy)
            .unwrap_or_default()
    }

    /// Whether the status says that this very resource started its task. A copied or restored status says
    /// `startedBy: Self` too, so the token must be this resource's own uid.
    pub fn says_own_task(&self) -> bool {
        self.status.as_ref().is_some_and(|status| {
            status.started_by == Some(StartedBy::This)
                && status.client_request_token.as_deref() == Some(self.uid.as_str())
        })
    }

    /// Whether the spec still asks for the request of this record.
    pub fn still_asks_for(&self, record: &StartRecord) -> bool {
        self.desired.as_ref().is_ok_and(|desired| desired.is_request_of(record))
    }

    /// The region and the id of the task that the resource names: in its status, else in its start record. An older
    /// resource that names the same task is the one that owns it.
    pub fn named_task(&self) -> Option<(&str, &str)> {
        let status = self.status.as_ref();
        let in_status = status.and_then(|status| Some((status.region.as_deref()?, status.task_id.as_deref()?)));
        in_status.or_else(|| {
            let record = self.record.as_ref()?;
            Some((record.region.as_str(), record.task_id.as_str()))
        })
    }

    /// Whether the status proves that no request is on its way: the operator leaves one of these phases by writing
    /// another before it writes a record. An Unknown about a record that could not be read proves nothing.
    pub fn no_request_in_flight(&self) -> bool {
        let no_attempt = self.status.as_ref().is_none_or(|status| status.attempt.is_none());
        let is_at_rest = match self.phase() {
            Some(Phase::Suspended | Phase::AwaitingApproval | Phase::Rejected | Phase::Conflict | Phase::Canceled) => {
                true
            }
            Some(Phase::Unknown) => self.reason_of(ConditionType::Ready) != Some(Reason::StartRecordUnreadable),
            _ => false,
        };
        no_attempt && is_at_rest
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
