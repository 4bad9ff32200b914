//! The resource as it is read from the API server: never undecodable.

use kube::Resource;
use kube::api::ObjectMeta;
use serde::{Deserialize, Serialize};

use super::{AuditMitigationTask, AuditMitigationTaskSpec, AuditMitigationTaskStatus};
use crate::api::metadata::without_managed_fields;
use crate::api::parsed::Parsed;

/// An `AuditMitigationTask` as it is stored, whatever is in it.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[resource(inherit = AuditMitigationTask)]
pub struct StoredTask {
    /// Name, namespace, uid, annotations and so on, without `managedFields`.
    #[serde(deserialize_with = "without_managed_fields")]
    pub metadata: ObjectMeta,
    /// What is asked for.
    #[serde(default = "Parsed::missing_spec")]
    pub spec: Parsed<AuditMitigationTaskSpec>,
    /// What the controller wrote last.
    #[serde(default)]
    pub status: Parsed<Option<AuditMitigationTaskStatus>>,
}
