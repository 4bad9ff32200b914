//! Reads and writes of one resource: each guarded by the resourceVersion and with a time-out.

use std::time::Duration;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch as JsonPatch, PatchOperation, ReplaceOperation};
use kube::api::{Api, DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::error::Error;
use crate::api::{
    AuditMitigationTaskStatus, CONTROLLER_NAME, FINALIZER, START_RECORD_ANNOTATION, StartRecord, StoredTask,
};

/// The longest wait for an answer of the API server.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// One resource on the API server.
pub(super) struct TaskClient {
    api: Api<StoredTask>,
    name: String,
}

impl TaskClient {
    pub(super) fn of(client: Client, object: &StoredTask) -> Self {
        let namespace = object.namespace().unwrap_or_default();
        Self {
            api: Api::namespaced(client, &namespace),
            name: object.name_any(),
        }
    }

    /// The resource as it is now; an error for which [`Error::is_gone`] holds when it doesn't exist.
    pub(super) async fn read(&self) -> Result<StoredTask, Error> {
        within_time(self.api.get(&self.name)).await
    }

    /// Replaces the whole status.
    pub(super) async fn write_status(
        &self,
        seen: &StoredTask,
        status: &AuditMitigationTaskStatus,
    ) -> Result<StoredTask, Error> {
        let patch = Patch::Json::<()>(JsonPatch(vec![
            PatchOperation::Replace(ReplaceOperation {
                path: pointer(["metadata", "resourceVersion"]),
                value: version(seen),
            }),
            // "add" replaces what is there, and a merge patch would keep keys of maps that are gone.
            PatchOperation::Add(AddOperation {
                path: pointer(["status"]),
                value: serde_json::to_value(status).unwrap_or(Value::Null),
            }),
        ]));
        within_time(self.api.patch_status(&self.name, &params(), &patch)).await
    }

    /// Writes the start record, and the finalizer with it.
    pub(super) async fn write_record(
        &self,
        seen: &StoredTask,
        record: &StartRecord,
        with_finalizer: bool,
    ) -> Result<StoredTask, Error> {
        let record = serde_json::to_string(record).unwrap_or_default();
        let mut metadata = json!({
            "resourceVersion": version(seen),
            "annotations": { START_RECORD_ANNOTATION: record },
        });
        if with_finalizer {
            merge(&mut metadata, json!({ "finalizers": with_ours(seen) }));
        }
        self.patch_metadata(metadata).await
    }

    /// Puts the finalizer on.
    pub(super) async fn add_finalizer(&self, seen: &StoredTask) -> Result<StoredTask, Error> {
        self.patch_metadata(json!({ "resourceVersion": version(seen), "finalizers": with_ours(seen) }))
            .await
    }

    /// Takes the finalizer off. The last one of a deleted resource takes the resource with it.
    pub(super) async fn remove_finalizer(&self, seen: &StoredTask) -> Result<StoredTask, Error> {
        let others: Vec<&String> = seen
            .finalizers()
            .iter()
            .filter(|finalizer| *finalizer != FINALIZER)
            .collect();
        self.patch_metadata(json!({ "resourceVersion": version(seen), "finalizers": others }))
            .await
    }

    /// Deletes exactly the resource that was seen.
    pub(super) async fn delete(&self, seen: &StoredTask) -> Result<(), Error> {
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: seen.uid(),
                resource_version: seen.resource_version(),
            }),
            ..DeleteParams::background()
        };
        within_time(self.api.delete(&self.name, &parameters)).await.map(|_| ())
    }

    async fn patch_metadata(&self, metadata: Value) -> Result<StoredTask, Error> {
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        within_time(self.api.patch(&self.name, &params(), &patch)).await
    }
}

fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(CONTROLLER_NAME.to_owned()),
        ..PatchParams::default()
    }
}

fn version(seen: &StoredTask) -> Value {
    json!(seen.resource_version())
}

fn with_ours(seen: &StoredTask) -> Vec<&str> {
    let others = seen
        .finalizers()
        .iter()
        .map(String::as_str)
        .filter(|finalizer| *finalizer != FINALIZER);
    others.chain([FINALIZER]).collect()
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}

fn pointer<const N: usize>(tokens: [&str; N]) -> PointerBuf {
    PointerBuf::from_tokens(tokens)
}

async fn within_time<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Error> {
    timeout(TIMEOUT, call)
        .await
        .map_err(|_| Error::Timeout(TIMEOUT))?
        .map_err(Error::from)
}
