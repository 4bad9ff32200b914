//! The resource as it is read from the API server: never undecodable.
//!
//! An object may have been stored before a rule or a field existed, so `spec` and `status` are parsed each by
//! itself. What can't be parsed is kept as a message: such a resource is reported, can be deleted, and stops no other.

use kube::Resource;
use kube::api::ObjectMeta;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::{AuditMitigationTask, AuditMitigationTaskSpec, AuditMitigationTaskStatus};

/// A part of an object that was parsed, or the reason why it could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Parsed<T> {
    /// It is what the types say.
    Good(T),
    /// It isn't; the text says what is wrong.
    Bad(String),
}

impl<T: Default> Default for Parsed<T> {
    fn default() -> Self {
        Self::Good(T::default())
    }
}

impl<T> Parsed<T> {
    /// The parsed value, if there is one.
    pub fn good(&self) -> Option<&T> {
        match self {
            Self::Good(value) => Some(value),
            Self::Bad(_) => None,
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(match T::deserialize(value) {
            Ok(value) => Self::Good(value),
            Err(error) => Self::Bad(error.to_string()),
        })
    }
}

/// An `AuditMitigationTask` as it is stored, whatever is in it.
#[derive(Resource, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[resource(inherit = AuditMitigationTask)]
pub struct StoredTask {
    /// Name, namespace, uid, annotations and so on.
    pub metadata: ObjectMeta,
    /// What is asked for.
    #[serde(default = "missing_spec")]
    pub spec: Parsed<AuditMitigationTaskSpec>,
    /// What the controller wrote last.
    #[serde(default)]
    pub status: Parsed<Option<AuditMitigationTaskStatus>>,
}

fn missing_spec() -> Parsed<AuditMitigationTaskSpec> {
    Parsed::Bad("there is no spec".to_owned())
}
