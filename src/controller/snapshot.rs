//! What the metrics ask for at each scrape. It costs one walk over the cache, and nothing in between.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::cached::CachedTask;
use super::context::{Context, Watched};
use crate::api::Phase;
use crate::metrics::{QueueSnapshot, Snapshot, TaskCount};

impl Context {
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut counts: HashMap<(Phase, String), (u64, bool)> = HashMap::new();
        for object in self.watched.iter().flat_map(|Watched { store, .. }| store.state()) {
            let (phase, region, has_task) = self.phase_and_region(&object);
            let (count, exists) = counts.entry((phase, region)).or_default();
            *count += 1;
            *exists |= has_task;
        }
        let tasks = counts
            .into_iter()
            .map(|((phase, region), (count, region_exists))| TaskCount {
                phase,
                region,
                region_exists,
                count,
            });
        let now = Timestamp::now();
        let lanes = self.scheduler.regions(|region, lane| QueueSnapshot {
            region: region.to_owned(),
            in_use: lane.in_use(),
            waiting: lane.waiting(),
            oldest: lane.oldest().map_or(Duration::ZERO, |created| {
                Duration::try_from(now.duration_since(created)).unwrap_or_default()
            }),
        });
        Snapshot {
            tasks: tasks.collect(),
            lanes,
            watch_age: self.api_server.silence(Instant::now()),
        }
    }

    /// The phase, the region, and whether AWS has a task there.
    fn phase_and_region(&self, object: &CachedTask) -> (Phase, String, bool) {
        let phase = object.phase.unwrap_or(Phase::Pending);
        let region = object.region.as_deref().or(self.settings.default_region.as_deref());
        (phase, region.unwrap_or_default().to_owned(), object.task_id.is_some())
    }
}
