//! What is read and written of one `AuditMitigationTask`.

use kube::{Client, ResourceExt as _};
use serde_json::json;

use super::cached::CachedTask;
use crate::api::{AuditMitigationTaskStatus, FINALIZER, START_RECORD_ANNOTATION, StartRecord, StoredTask};
use crate::controller::error::Error;
use crate::controller::write::ObjectClient;

/// One `AuditMitigationTask` on the API server.
pub(super) struct TaskClient(ObjectClient<StoredTask>);

impl TaskClient {
    pub(super) fn of(client: Client, object: &StoredTask) -> Self {
        Self(ObjectClient::of(client, object))
    }

    /// The one of this name.
    pub(super) fn named(client: Client, cached: &CachedTask) -> Self {
        Self(ObjectClient::named(client, &cached.metadata))
    }

    /// The resource as it is now; an error for which [`Error::is_gone`] holds when it doesn't exist.
    pub(super) async fn read(&self) -> Result<StoredTask, Error> {
        self.0.read().await
    }

    /// Replaces the whole status.
    pub(super) async fn write_status(
        &self,
        seen: &StoredTask,
        status: &AuditMitigationTaskStatus,
    ) -> Result<StoredTask, Error> {
        self.0.write_status(seen, status).await
    }

    /// Writes the start record, and the finalizer with it.
    pub(super) async fn write_record(
        &self,
        seen: &StoredTask,
        record: &StartRecord,
        with_finalizer: bool,
    ) -> Result<StoredTask, Error> {
        let record = serde_json::to_string(record).unwrap_or_default();
        let annotations = json!({ START_RECORD_ANNOTATION: record });
        let metadata = if with_finalizer {
            json!({ "annotations": annotations, "finalizers": with_ours(seen) })
        } else {
            json!({ "annotations": annotations })
        };
        self.0.patch_metadata(seen, metadata).await
    }

    /// Puts the finalizer on.
    pub(super) async fn add_finalizer(&self, seen: &StoredTask) -> Result<StoredTask, Error> {
        let metadata = json!({ "finalizers": with_ours(seen) });
        self.0.patch_metadata(seen, metadata).await
    }

    /// Takes the finalizer off. The last one of a deleted resource takes the resource with it.
    pub(super) async fn remove_finalizer(&self, seen: &StoredTask) -> Result<StoredTask, Error> {
        let others: Vec<&str> = others(seen).collect();
        self.0.patch_metadata(seen, json!({ "finalizers": others })).await
    }

    /// Deletes exactly the resource that was seen.
    pub(super) async fn delete(&self, seen: &StoredTask) -> Result<(), Error> {
        self.0.delete(seen).await
    }
}

fn others(seen: &StoredTask) -> impl Iterator<Item = &str> {
    let all = seen.finalizers().iter().map(String::as_str);
    all.filter(|finalizer| *finalizer != FINALIZER)
}

fn with_ours(seen: &StoredTask) -> Vec<&str> {
    others(seen).chain([FINALIZER]).collect()
}
