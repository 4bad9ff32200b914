//! Whether a resource needs this operator's finalizer. It goes with the start record where something is started, and
//! is put back here when somebody has taken it off.

use super::observation::Observation;
use crate::api::DeletionPolicy;

/// Whether the finalizer has to be put back while an own task runs or an attempt is open: without it, a deletion would
/// let the task run on.
pub(super) fn is_missing(o: &Observation<'_>) -> bool {
    o.observed.deleting_since.is_none()
        && !o.observed.has_finalizer()
        && o.observed.deletion_policy() == DeletionPolicy::Cancel
}
