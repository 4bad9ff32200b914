//! What the metrics ask for at each scrape. It costs one walk over the cache, and nothing in between.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::context::{Context, Watched, lock};
use crate::api::{Phase, StoredTask};
use crate::metrics::{LaneSnapshot, Snapshot, TaskCount};

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
        let lanes = lock(&self.queue)
            .lanes()
            .map(|(region, lane)| LaneSnapshot {
                region: region.to_owned(),
                in_use: lane.in_use(),
                waiting: lane.waiting(),
                oldest: lane.oldest().map_or(Duration::ZERO, |created| {
                    Duration::try_from(now.duration_since(created)).unwrap_or_default()
                }),
            })
            .collect();
        Snapshot {
            tasks: tasks.collect(),
            lanes,
            watch_age: self.contact.silence(Instant::now()),
        }
    }

    /// The phase, the region, and whether AWS has a task there.
    fn phase_and_region(&self, object: &StoredTask) -> (Phase, String, bool) {
        let status = object.status.good().and_then(Option::as_ref);
        let phase = status.and_then(|status| status.phase).unwrap_or(Phase::Pending);
        let used = status.and_then(|status| status.region.as_ref());
        let wished = object.spec.good().and_then(|spec| spec.region.as_ref());
        let region = used.or(wished).or(self.settings.default_region.as_ref());
        let has_task = status.is_some_and(|status| status.task_id.is_some());
        (phase, region.cloned().unwrap_or_default(), has_task)
    }
}
