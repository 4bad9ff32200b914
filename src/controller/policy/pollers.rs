//! Where somebody looks for audits, and what was found there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::controller::lock::lock;
use crate::core::policy::region_audits::RegionSnapshot;

/// The regions in which somebody looks for audits, and what was found.
pub(super) struct Pollers {
    regions: Mutex<HashMap<String, Option<Arc<RegionSnapshot>>>>,
    begin: mpsc::UnboundedSender<String>,
    /// The shortest wait between two looks.
    pub(super) interval: Duration,
}

impl Pollers {
    /// The regions come out of the other end when the look at them is to begin.
    pub(super) fn new(interval: Duration) -> (Self, mpsc::UnboundedReceiver<String>) {
        let (begin, regions) = mpsc::unbounded_channel();
        let pollers = Self {
            regions: Mutex::default(),
            begin,
            interval,
        };
        (pollers, regions)
    }

    /// What was found in a region, once somebody has looked. From now on somebody does, while there are policies in it.
    pub(super) fn audits(&self, region: &str) -> Option<Arc<RegionSnapshot>> {
        let mut regions = lock(&self.regions);
        if let Some(known) = regions.get(region) {
            return known.clone();
        }
        regions.insert(region.to_owned(), None);
        // Fails only when the controller is ending.
        let _ = self.begin.send(region.to_owned());
        None
    }

    /// Ends the look at a region without policies: those for which it goes on. A policy that comes meanwhile begins it anew.
    pub(super) fn end_without<T>(&self, region: &str, policies: impl FnOnce() -> Vec<T>) -> Vec<T> {
        let mut regions = lock(&self.regions);
        let policies = policies();
        if policies.is_empty() {
            regions.remove(region);
        }
        policies
    }

    /// Shows what was found: what was before this.
    pub(super) fn replace(&self, region: &str, snapshot: &RegionSnapshot) -> Option<Arc<RegionSnapshot>> {
        let found = Some(Arc::new(snapshot.clone()));
        lock(&self.regions).insert(region.to_owned(), found).flatten()
    }
}
