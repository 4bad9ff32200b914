//! Somebody else uses slots of the region too.
//!
//! The service doesn't say how many. But when it refuses a start, as many as run already are this operator's, for as
//! long as it uses them: one that frees is taken again at once. Beyond these, single probes with growing waits find
//! out whether there are more by now; one that is taken raises their number, and the next probe hardly waits.

use std::time::Duration;

use jiff::Timestamp;

use super::region_queue::Capacity;
use crate::core::timing;

/// The service may have taken a probe only because a task of ours has ended and no poll has shown it yet. A poll later
/// it has.
const AFTER_SUCCESS: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    /// How many slots are this operator's.
    pub(super) ours: usize,
    /// How many probes were refused in a row.
    refusals: u32,
    /// When the next may be made.
    until: Timestamp,
    /// The resource that probes: until its answer comes, no other does.
    pub(super) probe: Option<String>,
}

impl Limit {
    /// A start of this resource was refused while this many others ran.
    pub(super) fn found(before: Option<Self>, running: usize, uid: &str, region: &str, now: Timestamp) -> Self {
        let refusals = before.as_ref().map_or(0, |limit| limit.refusals).saturating_add(1);
        let probe = before.and_then(|limit| limit.probe).filter(|probe| probe != uid);
        Self {
            ours: running.saturating_sub(usize::from(probe.is_some())),
            refusals,
            until: timing::probe_at(now, refusals, region),
            probe,
        }
    }

    pub(super) fn is_probe(&self, uid: &str) -> bool {
        self.probe.as_deref() == Some(uid)
    }

    /// A probe was taken. The wait after the next refusal grows on: without others, there is none.
    pub(super) fn raised(&mut self, now: Timestamp) {
        self.ours = self.ours.saturating_add(1);
        self.until = timing::after(now, AFTER_SUCCESS);
        self.probe = None;
    }

    /// Who could be let in while this many slots are held and as many more would be free without a limit.
    pub(super) fn room(&self, held: usize, free: usize) -> Capacity {
        let own = held.saturating_sub(usize::from(self.probe.is_some()));
        match self.ours.saturating_sub(own).min(free) {
            0 if self.probe.is_some() => Capacity::None,
            0 => Capacity::Probe(self.until),
            own_free => Capacity::Slots(own_free),
        }
    }
}
