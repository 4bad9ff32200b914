//! Reads and writes of one resource of any kind: each guarded by the resourceVersion and with a time-out.

use std::fmt;
use std::time::Duration;

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch as JsonPatch, PatchOperation, ReplaceOperation};
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions};
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::error::Error;
use crate::api::CONTROLLER_NAME;

/// The longest wait for an answer of the API server.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// One resource on the API server.
pub(super) struct ObjectClient<K> {
    api: Api<K>,
    name: String,
}

impl<K> ObjectClient<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + fmt::Debug,
{
    pub(super) fn of(client: Client, object: &K) -> Self {
        Self::named(client, object.meta())
    }

    /// The one that has the name and the namespace of this metadata.
    pub(super) fn named(client: Client, metadata: &ObjectMeta) -> Self {
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        Self {
            api: Api::namespaced(client, namespace),
            name: metadata.name.clone().unwrap_or_default(),
        }
    }

    /// The resource as it is now; an error for which [`Error::is_gone`] holds when it doesn't exist.
    pub(super) async fn read(&self) -> Result<K, Error> {
        within_time(self.api.get(&self.name)).await
    }

    /// Makes it; an error for which [`Error::is_already_there`] holds when there is one of its name.
    pub(super) async fn create(&self, object: &K) -> Result<K, Error>
    where
        K: Serialize,
    {
        let parameters = PostParams {
            field_manager: Some(CONTROLLER_NAME.to_owned()),
            ..PostParams::default()
        };
        within_time(self.api.create(&parameters, object)).await
    }

    /// Replaces the whole status.
    pub(super) async fn write_status(&self, seen: &K, status: &impl Serialize) -> Result<K, Error> {
        let patch = Patch::Json::<()>(JsonPatch(vec![
            // mutant: a-status-over-another
            PatchOperation::Replace(ReplaceOperation {
                path: pointer(["metadata", "resourceVersion"]),
                value: json!(seen.resource_version()),
            }),
            // "add" replaces what is there, and a merge patch would keep keys of maps that are gone.
            PatchOperation::Add(AddOperation {
                path: pointer(["status"]),
                value: serde_json::to_value(status).unwrap_or(Value::Null),
            }),
        ]));
        within_time(self.api.patch_status(&self.name, &params(), &patch)).await
    }

    /// Sets these fields of the metadata, if the resource is still as it was seen.
    pub(super) async fn patch_metadata(&self, seen: &K, mut metadata: Value) -> Result<K, Error> {
        // mutant: metadata-over-what-has-changed
        if let Some(fields) = metadata.as_object_mut() {
            fields.insert("resourceVersion".to_owned(), json!(seen.resource_version()));
        }
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        within_time(self.api.patch(&self.name, &params(), &patch)).await
    }

    /// Deletes exactly the resource that was seen.
    pub(super) async fn delete(&self, seen: &K) -> Result<(), Error> {
        self.delete_version(seen.uid(), seen.resource_version()).await
    }

    /// Deletes it, if it still is this version of this object.
    pub(super) async fn delete_version(&self, uid: Option<String>, version: Option<String>) -> Result<(), Error> {
        let parameters = DeleteParams {
            // mutant: a-deletion-of-what-has-changed
            preconditions: Some(Preconditions {
                uid,
                resource_version: version,
            }),
            ..DeleteParams::background()
        };
        within_time(self.api.delete(&self.name, &parameters)).await.map(|_| ())
    }
}

fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(CONTROLLER_NAME.to_owned()),
        ..PatchParams::default()
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
