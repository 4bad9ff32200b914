//! The start record: the intent to start, which stands in an annotation before the effect.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What was, or is about to be, sent to the service.
///
/// It only ever holds a start back; it proves nothing else, since anybody who may edit the resource can write it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartRecord {
    /// The task id.
    pub task_id: String,
    /// The client request token.
    pub token: String,
    /// The hash of the whole request, see [`crate::core::task::identity::request_hash`].
    pub request_hash: String,
    /// The AWS region.
    pub region: String,
    /// The uid of the resource that it was written for: a copied resource has another.
    pub uid: String,
    /// When it was written, by the operator's clock.
    pub time: Timestamp,
}

impl StartRecord {
    /// Reads the annotation.
    ///
    /// # Errors
    /// Says why the text is no record that this version can read.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }
}
