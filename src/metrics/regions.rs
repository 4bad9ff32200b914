//! Which regions have a label of their own.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What all other regions are counted under.
const OTHER: &str = "other";

/// AWS has about forty. With an endpoint of one's own any name is answered, and this is the bound.
const MAX_REGIONS: usize = 64;

/// The regions that have a label of their own: the operator's, and each from which AWS has answered. `spec.region` is
/// anybody's text, and a label for each would let whoever may create resources fill the memory of Prometheus; a region
/// that doesn't exist never answers. Clones share one state.
#[derive(Clone, Debug, Default)]
pub(super) struct Regions(Arc<Mutex<BTreeSet<String>>>);

impl Regions {
    /// AWS has answered from this region, or it is the operator's own.
    pub(super) fn exists(&self, region: &str) {
        let mut regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !regions.contains(region) && regions.len() < MAX_REGIONS {
            regions.insert(region.to_owned());
        }
    }

    /// The label to count a region under.
    pub(super) fn label(&self, region: &str) -> String {
        let regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if regions.contains(region) { region } else { OTHER }.to_owned()
    }

    /// All that have a label of their own.
    pub(super) fn all(&self) -> Vec<String> {
        let regions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        regions.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_a_label_once_it_has_answered_and_there_is_a_bound() {
        let regions = Regions::default();
        assert_eq!(regions.label("eu-central-1"), "other");
        regions.exists("eu-central-1");
        assert_eq!(regions.label("eu-central-1"), "eu-central-1");
        for number in 0..1_000 {
            regions.exists(&format!("made-up-{number}"));
        }
        assert_eq!(regions.all().len(), MAX_REGIONS);
        assert_eq!(regions.label("made-up-999"), "other");
        assert_eq!(regions.label("eu-central-1"), "eu-central-1");
    }
}
