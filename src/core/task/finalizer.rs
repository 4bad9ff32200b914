//! Whether a resource needs this operator's finalizer: it is put on with the start record, and put back where somebody
//! has taken it off.

use super::observation::Observation;
use crate::api::DeletionPolicy;

/// Whether a deletion of this resource has to wait for its task.
pub(super) fn is_wanted(o: &Observation<'_>) -> bool {
    o.observed.deletion_policy() == DeletionPolicy::Cancel
}

/// Whether the finalizer has to be put back while an own task runs or an attempt is open: without it, a deletion would
/// let the task run on.
pub(super) fn is_missing(o: &Observation<'_>) -> bool {
    is_wanted(o) && o.observed.deleting_since.is_none() && !o.observed.has_finalizer()
}
