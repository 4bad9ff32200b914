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
        tasks: counts(
            &context.caches.objects(),
            context.settings.default_region.as_deref(),
            now,
        ),
        queues: context.scheduler.regions(|region, queue| QueueSnapshot {
            region: region.to_owned(),
            in_use: queue.in_use(),
            waiting: queue.waiting(),
            oldest: queue.oldest().map_or(Duration::ZERO, |created| since(created, now)),
        }),
        watch_age: api_server.silence(Instant::now()),
        unavailable_watches: u64::try_from(api_server.unavailable_namespaces(Instant::now())).unwrap_or(u64::MAX),
    }
}

/// The time since then; none where another clock is ahead.
fn since(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(then)).unwrap_or_default()
}

/// How many resources there are of each phase and region.
fn counts(objects: &[Arc<CachedTask>], default_region: Option<&str>, now: Timestamp) -> Vec<TaskCount> {
    let mut counts: HashMap<(Phase, &str), TaskCount> = HashMap::new();
    for object in objects {
        let phase = object.phase.unwrap_or(Phase::Pending);
        let region = object.region.as_deref().or(default_region).unwrap_or_default();
        let entry = counts.entry((phase, region)).or_insert_with(|| TaskCount {
            phase,
            region: region.to_owned(),
            region_exists: false,
            count: 0,
            longest_awaiting_approval: Duration::ZERO,
        });
        entry.count += 1;
        if let Some(then) = object.awaits_approval_since.as_deref() {
            entry.longest_awaiting_approval = entry.longest_awaiting_approval.max(since(*then, now));
        }
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
        let mut counts: Vec<_> = counts(&objects, Some("eu-west-1"), Timestamp::UNIX_EPOCH)
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
    #[test]
    fn the_oldest_that_awaits_approval_is_the_one_whose_plan_has_waited_longest() {
        let object = |phase: &str, region: &str, conditions: Value| {
            let status = json!({ "phase": phase, "region": region, "conditions": conditions });
            let object = json!({ "metadata": { "name": "one" }, "status": status });
            Arc::new(serde_json::from_value::<CachedTask>(object).unwrap())
        };
        let condition = |type_: &str, status: &str, time: &str| {
            json!({ "type": type_, "status": status, "reason": "ApprovalRequired", "message": "",
                    "lastTransitionTime": time })
        };
        let since = |time: &str| {
            // Ready was False before there was a plan.
            json!([
                condition("Approved", "False", time),
                condition("Ready", "False", "1970-01-01T00:00:00Z")
            ])
        };
        let objects = [
            object("AwaitingApproval", "eu-west-1", since("1970-01-02T00:00:10Z")),
            object("AwaitingApproval", "eu-west-1", since("1970-01-02T00:00:00Z")),
            object("AwaitingApproval", "us-east-1", since("1970-01-02T00:00:50Z")),
            // By another clock, which is ahead.
            object("AwaitingApproval", "us-east-2", since("1970-01-03T00:00:00Z")),
            // They wait for something else.
            object("Suspended", "eu-central-1", since("1970-01-01T00:00:00Z")),
            object(
                "Queued",
                "eu-central-1",
                json!([condition("Approved", "True", "1970-01-01T00:00:00Z")]),
            ),
            object("AwaitingApproval", "eu-central-1", json!("none")),
        ];
        let now = "1970-01-02T00:01:00Z".parse().unwrap();
        let longest = |region: &str| {
            let counts = counts(&objects, None, now);
            let of_region = counts.iter().filter(|count| count.region == region);
            of_region.map(|count| count.longest_awaiting_approval.as_secs()).max()
        };
        assert_eq!(longest("eu-west-1"), Some(60));
        assert_eq!(longest("us-east-1"), Some(10));
        assert_eq!(longest("us-east-2"), Some(0));
        assert_eq!(longest("eu-central-1"), Some(0));
    }
}
