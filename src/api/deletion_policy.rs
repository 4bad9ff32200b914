//! What happens to a running task at a deletion: the same for every kind that has one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// In the schema the text of an enum type stands in place of its field's.
/// What happens to the running task when this resource is deleted. Cancel: it is cancelled, if this resource started
/// it. Orphan: it runs on. Default: Cancel.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletionPolicy {
    /// The task is cancelled.
    #[default]
    Cancel,
    /// The task runs on.
    Orphan,
}
