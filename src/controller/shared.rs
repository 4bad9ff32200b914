//! What the controllers of all kinds of resources share.

use std::time::Instant;

use kube::Client;
use tokio_util::sync::CancellationToken;

use super::events::EventWriter;
use super::policy_directory::PolicyDirectory;
use crate::aws::Service;
use crate::lease::Leadership;
use crate::metrics::Metrics;

/// What the controllers of all kinds of resources share.
pub(super) struct Shared {
    /// The API server.
    pub(super) client: Client,
    /// AWS IoT, with the call budget of the account.
    pub(super) service: Service,
    /// Whether this process may act.
    pub(super) leadership: Leadership,
    /// Since when only this process may act.
    pub(super) leader_since: Instant,
    /// Where it is counted.
    pub(super) metrics: Metrics,
    /// Where people are told.
    pub(super) events: EventWriter,
    /// What tasks and policies know of each other.
    pub(super) policies: PolicyDirectory,
    /// Once it is cancelled nothing is begun any more.
    pub(super) stop: CancellationToken,
}
