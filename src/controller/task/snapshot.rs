//! What the metrics ask for at each scrape. It costs one walk over the cache, and nothing in between.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::cached::CachedTask;
use super::context::Context;
use crate::api::Phase;
use crate::controller::api_server_monitor::ApiServerMonitor;
use crate::metrics::{QueueSnapshot, Snapshot, TaskCount};

/// What there is to see at this moment.
pub(super) fn snapshot(context: &Context, api_server: &ApiServerMonitor) -> Snapshot {
    let now = Timestamp::now();
    Snapshot {
        tasks: counts(&context.caches.objects(), context.settings.default_region.as_deref()),
        queues: context.scheduler.regions(|region, queue| QueueSnapshot {
            region: region.to_owned(),
            in_use: queue.in_use(),
            waiting: queue.waiting(),
            oldest: queue.oldest().map_or(Duration::ZERO, |created| {
                Duration::try_from(now.duration_since(created)).unwrap_or_default()
            }),
        }),
        watch_age: api_server.silence(Instant::now()),
        unavailable_watches: u64::try_from(api_server.unavailable(Instant::now()).len()).unwrap_or(u64::MAX),
    }
}

/// How many resources there are of each phase and region.
fn counts(objects: &[Arc<CachedTask>], default_region: Option<&str>) -> Vec<TaskCount> {
    let mut counts: HashMap<(Phase, &str), TaskCount> = HashMap::new();
    for object in objects {
        let phase = object.phase.unwrap_or(Phase::Pending);
        let region = object.region.as_deref().or(default_region).unwrap_or_default();
        let entry = counts.entry((phase, region)).or_insert_with(|| TaskCount {
            phase,
            region: region.to_owned(),
            region_exists: false,
            count: 0,
        });
        entry.count += 1;
        // AWS has shown a task there.
        entry.region_exists |= object.task_id.is_some();
    }
    counts.into_values().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn resources_are_counted_by_phase_and_region() {
        let object = |spec: Value, status: Value| {
            let object = json!({ "metadata": { "name": "one" }, "spec": spec, "status": status });
            Arc::new(serde_json::from_value::<CachedTask>(object).unwrap())
        };
        let objects = [
            // Nobody has looked at it yet.
            object(json!({}), json!({ "observedGeneration": -1 })),
            object(json!({ "region": "us-east-1" }), json!({ "phase": "Pending" })),
            object(
                json!({}),
                json!({ "phase": "Running", "region": "us-east-1", "taskId": "t" }),
            ),
            object(json!({}), json!({ "phase": "Running", "region": "us-east-1" })),
        ];
        let mut counts: Vec<_> = counts(&objects, Some("eu-west-1"))
            .into_iter()
            .map(|count| {
                (
                    format!("{:?}", count.phase),
                    count.region,
                    count.region_exists,
                    count.count,
                )
            })
            .collect();
        counts.sort();
        let row = |phase: &str, region: &str, exists, count| (phase.to_owned(), region.to_owned(), exists, count);
        assert_eq!(
            counts,
            [
                row("Pending", "eu-west-1", false, 1),
                row("Pending", "us-east-1", false, 1),
                row("Running", "us-east-1", true, 2),
            ]
        );
    }
}
