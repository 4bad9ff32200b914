//! What people are told in an event, of any kind of resource.

use crate::api::Reason;

/// An event to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventDraft {
    /// Whether somebody should look at it.
    pub is_warning: bool,
    /// What the controller was at: the phase, mostly. Events of the same reason and action are counted together.
    pub action: String,
    /// The reason, from the same closed set as those of conditions.
    pub reason: Reason,
    /// What a person should read.
    pub note: String,
}
