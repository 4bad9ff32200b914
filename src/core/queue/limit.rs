//! What is known of others who use slots of a region too.
//!
//! The service doesn't say how many slots it has left. But when it refuses a start, as many as run already are this
//! operator's, for as long as it uses them: one that frees is taken again at once. Beyond these, single probes with
//! growing waits find out whether there are more by now. A probe that is taken raises the number, and the next probe
//! hardly waits.

use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::core::timing;

/// The service may have taken a probe only because a task of ours has ended and no poll has shown it yet. A poll later
/// it has.
const AFTER_SUCCESS: Duration = Duration::from_secs(1);

/// The wait after the first refusal. It doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(3);

/// The longest wait between two probes.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// Who may be admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capacity {
    /// Nobody.
    None,
    /// So many.
    Slots(usize),
    /// One, from this time on, to see whether the service has a slot.
    Probe(Instant),
}

/// What is known of others who use slots of a region too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    /// How many slots are this operator's.
    pub(super) ours: usize,
    /// How many probes were refused in a row.
    refusals: u32,
    /// When the next may be made.
    until: Instant,
    /// The resource that probes: until its answer comes, no other does.
    probe: Option<String>,
}

impl Limit {
    /// A start of this resource was refused while this many others ran.
    pub(super) fn found(before: Option<Self>, running: usize, uid: &str, seed: impl Hash, now: Instant) -> Self {
        let refusals = before.as_ref().map_or(0, |limit| limit.refusals).saturating_add(1);
        let probe = before.and_then(|limit| limit.probe).filter(|probe| probe != uid);
        Self {
            ours: running.saturating_sub(usize::from(probe.is_some())),
            refusals,
            until: now + wait(refusals, seed),
            probe,
        }
    }

    pub(super) fn is_probe(&self, uid: &str) -> bool {
        self.probe.as_deref() == Some(uid)
    }

    pub(super) fn begin_probe(&mut self, uid: &str) {
        self.probe = Some(uid.to_owned());
    }

    /// The probe is over, and has shown nothing.
    pub(super) fn end_probe(&mut self) {
        self.probe = None;
    }

    /// A probe was taken. The wait after the next refusal grows on: without others, there is none.
    pub(super) fn raise(&mut self, now: Instant) {
        self.ours = self.ours.saturating_add(1);
        self.until = now + AFTER_SUCCESS;
        self.probe = None;
    }

    /// Who may be admitted while this many slots are held and as many more would be free without a limit.
    pub(super) fn capacity(&self, held: usize, free: usize) -> Capacity {
        let own = held.saturating_sub(usize::from(self.probe.is_some()));
        match self.ours.saturating_sub(own).min(free) {
            0 if self.probe.is_some() => Capacity::None,
            0 => Capacity::Probe(self.until),
            own_free => Capacity::Slots(own_free),
        }
    }
}

/// The wait before the next probe. The jitter keeps operators of one account from probing at the same moment.
fn wait(refusals: u32, seed: impl Hash) -> Duration {
    timing::shortened(timing::doubling(FIRST_WAIT, MAX_WAIT, refusals), seed)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn waits_differ_and_are_never_longer_than_said() {
        let waits: Vec<Duration> = (0..20).map(|seed| wait(1, seed)).collect();
        let least = FIRST_WAIT.mul_f64(0.75);
        assert!(
            waits.iter().all(|wait| (least..=FIRST_WAIT).contains(wait)),
            "{waits:?}"
        );
        assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
    }
}
