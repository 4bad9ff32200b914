//! Which task a status is about.

use crate::core::task::known_task::KnownTask;

/// Which task a status is about.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskIn {
    /// None: nothing was started.
    Nowhere,
    /// The one that the status names already.
    Status,
    /// This one.
    Known(KnownTask),
}
