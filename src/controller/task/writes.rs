//! The steps of a pass that write to the API server, and what is told of them.

use std::sync::Arc;
use std::time::Duration;

use kube::Resource as _;

use super::pass::{Pass, Progress};
use super::task_client::TaskClient;
use crate::api::{AuditMitigationTaskStatus, StartRecord, StoredTask};
use crate::controller::clock::now;
use crate::controller::error::Error;
use crate::core::event::EventDraft;
use crate::core::task::events::{abandoned, event_drafts, farewell, transition};
use crate::core::task::observed::ObservedTask;

/// How long the cache may lag behind a deletion.
const DELETION_LAG: Duration = Duration::from_secs(5);

impl Pass<'_> {
    pub(super) async fn write_status(
        &mut self,
        client: &TaskClient,
        observed: &ObservedTask,
        status: AuditMitigationTaskStatus,
    ) -> Result<(), Error> {
        let written = client.write_status(&self.object, &status).await;
        if let Ok(object) = &written {
            self.state.memory.status_written(observed, now());
            self.report(observed, &status);
            self.note_alteration(object, status);
        }
        self.written(written, client).await
    }

    /// An older CRD drops a field, a webhook changes one: such a status is written once, and said once.
    fn note_alteration(&mut self, stored: &StoredTask, written: AuditMitigationTaskStatus) {
        let is_altered = ObservedTask::parse(stored).status.as_ref() != Some(&written);
        if is_altered && self.state.altered_status.is_none() {
            let (name, namespace) = (&self.object.metadata.name, &self.object.metadata.namespace);
            tracing::warn!(
                name,
                namespace,
                "the API server stores another status than was written: look whether the CustomResourceDefinition is \
                 that of this version, and whether a webhook changes the status"
            );
        }
        self.state.altered_status = is_altered.then_some(written);
    }

    pub(super) async fn write_record(
        &mut self,
        client: &TaskClient,
        record: StartRecord,
        with_finalizer: bool,
    ) -> Result<(), Error> {
        let written = client.write_record(&self.object, &record, with_finalizer).await;
        if written.is_ok() {
            self.state.memory.record_written(record, now());
        }
        self.written(written, client).await
    }

    pub(super) async fn remove_finalizer(
        &mut self,
        client: &TaskClient,
        observed: &ObservedTask,
        abandons_task: bool,
    ) -> Result<(), Error> {
        let written = client.remove_finalizer(&self.object).await;
        if written.is_ok() && abandons_task {
            self.report_abandoned(abandoned(observed, &self.state.memory));
        } else if written.is_ok()
            && let Some(draft) = farewell(observed)
        {
            self.publish(draft);
        }
        self.written(written, client).await
    }

    pub(super) async fn delete(&mut self, client: &TaskClient) -> Result<Progress, Error> {
        match client.delete(&self.object).await {
            Err(error) if error.is_conflict() => {
                self.read_back(client.read().await)?;
                Ok(Progress::Again)
            }
            Ok(()) => {
                // The cache may show it a moment longer: it is not deleted twice.
                self.state.hold_writes(&self.object, DELETION_LAG);
                Ok(Progress::Waiting(None))
            }
            Err(error) => Err(error),
        }
    }

    /// Goes on with what a write left; after a conflict with what is there now.
    pub(super) async fn written(
        &mut self,
        written: Result<StoredTask, Error>,
        client: &TaskClient,
    ) -> Result<(), Error> {
        match written {
            Ok(object) => {
                self.state.errors = 0;
                self.keep(object);
                Ok(())
            }
            Err(error) if error.is_conflict() => self.read_back(client.read().await),
            Err(error) => Err(error),
        }
    }

    /// Goes on with what was read.
    pub(super) fn read_back(&mut self, read: Result<StoredTask, Error>) -> Result<(), Error> {
        let object = read?;
        if object.metadata.uid != self.object.metadata.uid {
            // Deleted and made again: another resource, with a reconcile of its own.
            return Err(Error::replaced());
        }
        self.keep(object);
        Ok(())
    }

    fn keep(&mut self, object: StoredTask) {
        let object = Arc::new(object);
        self.state.latest = Some(Arc::clone(&object));
        self.object = object;
        self.is_fresh = true;
    }

    /// Counts, logs and publishes what a status write means.
    fn report(&self, observed: &ObservedTask, status: &AuditMitigationTaskStatus) {
        if let Some(phase) = status.phase.filter(|phase| observed.phase() != Some(*phase)) {
            self.context.shared.metrics.changed_to(phase);
        }
        if let Some((phase, ready)) = transition(observed, status) {
            let (name, namespace) = (&self.object.metadata.name, &self.object.metadata.namespace);
            let (reason, note) = (&ready.reason, &ready.message);
            tracing::info!(name, namespace, ?phase, reason, note, "transition");
        }
        for draft in event_drafts(observed, status, &self.state.memory) {
            self.publish(draft);
        }
    }

    fn report_abandoned(&self, draft: EventDraft) {
        let (name, namespace) = (&self.object.metadata.name, &self.object.metadata.namespace);
        tracing::warn!(name, namespace, "{}", draft.note);
        self.context.shared.metrics.abandoned();
        self.publish(draft);
    }

    fn publish(&self, draft: EventDraft) {
        self.context.shared.events.publish(self.object.object_ref(&()), draft);
    }
}
