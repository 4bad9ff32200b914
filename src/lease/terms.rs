//! The times of the election. All are measured by each process's own monotonic clock.

use std::time::Duration;

use crate::aws;

/// How long a candidate must have seen the lease unchanged before it takes it from another.
pub(super) const DURATION: Duration = Duration::from_secs(15);

/// How often the leader renews.
pub(super) const RENEW_EVERY: Duration = Duration::from_secs(2);

/// How often a candidate looks, and how long anybody waits after a failure.
pub(super) const RETRY_EVERY: Duration = Duration::from_secs(1);

/// The longest that one call to the API server may take.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// A leader that could not renew for so long gives up.
pub(super) const RENEW_DEADLINE: Duration = Duration::from_secs(10);

/// How long giving the lease back may take; a standby that isn't told waits for the end of the lease.
pub const RELEASE_LIMIT: Duration = Duration::from_secs(5);

/// What clocks that run at different speeds, and a slow scheduler, are granted.
const MARGIN: Duration = Duration::from_secs(1);

/// How long after a renewal was sent a call to AWS may still begin: it has ended, answered or not, before anybody
/// else can have the lease. Several renewals fit into it, so that one slow answer holds nothing up.
pub(super) const SURELY: Duration = DURATION.saturating_sub(aws::CALL_TIMEOUT).saturating_sub(MARGIN);
