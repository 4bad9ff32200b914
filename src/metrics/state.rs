//! What is not counted as it happens but read when Prometheus asks: the resources, the queue, the watch.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet};
use prometheus_client::metrics::MetricType;

use super::regions::Regions;
use crate::api::Phase;

/// What the controller knows at this moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The resources by phase and region.
    pub tasks: Vec<TaskCount>,
    /// The queues, one for each region.
    pub queues: Vec<QueueSnapshot>,
    /// The time since the quietest watch was last heard of.
    pub watch_age: Option<Duration>,
    /// The watches that can't be had and that nobody waits for, since another one is at work.
    pub unavailable_watches: u64,
}

/// Resources of one phase and region.
#[derive(Clone, Debug)]
pub struct TaskCount {
    /// Their phase.
    pub phase: Phase,
    /// Their region; empty where nobody names one.
    pub region: String,
    /// Whether AWS has shown a task there, so that the region surely exists.
    pub region_exists: bool,
    /// How many.
    pub count: u64,
    /// How long the one of them has waited that has waited longest for the approval of its plan.
    pub longest_awaiting_approval: Duration,
}

/// The queue of one region.
#[derive(Clone, Debug)]
pub struct QueueSnapshot {
    /// The region.
    pub region: String,
    /// Slots that are held.
    pub in_use: u64,
    /// Resources that wait for one.
    pub waiting: u64,
    /// How long ago the oldest of them was created.
    pub oldest: Duration,
}

/// Asks for a snapshot when Prometheus scrapes. Clones share one source.
#[derive(Clone, Default)]
pub(super) struct State {
    regions: Regions,
    source: Arc<OnceLock<Source>>,
}

type Source = Box<dyn Fn() -> Option<Snapshot> + Send + Sync>;

impl State {
    pub(super) fn new(regions: Regions) -> Self {
        Self {
            regions,
            source: Arc::default(),
        }
    }

    /// From now on this is asked. Only the first call counts: there is one controller.
    pub(super) fn comes_from(&self, source: impl Fn() -> Option<Snapshot> + Send + Sync + 'static) {
        let _ = self.source.set(Box::new(source));
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
struct TaskLabels {
    phase: String,
    region: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
struct RegionLabels {
    region: String,
}

impl Collector for State {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        // A standby has no resources, no queue and no watch.
        let Some(Snapshot {
            tasks,
            queues,
            watch_age,
            unavailable_watches,
        }) = self.source.get().and_then(|source| source())
        else {
            return Ok(());
        };
        let (tasks, approvals) = self.tasks(tasks);
        gauges(
            &mut encoder,
            "tasks",
            "Resources by phase and region; one that nobody has looked at yet counts as Pending.",
            tasks,
        )?;
        gauges(
            &mut encoder,
            "approval_oldest_waiting_seconds",
            "Time that the oldest plan has waited for its approval, by region; 0 when none waits.",
            approvals,
        )?;
        let queues = self.queues(queues);
        let each = |value: fn(&QueueSnapshot) -> u64| {
            queues.iter().map(move |queue| {
                let region = queue.region.clone();
                (RegionLabels { region }, value(queue))
            })
        };
        gauges(
            &mut encoder,
            "queue_length",
            "Resources that wait for a slot, by region.",
            each(|queue| queue.waiting),
        )?;
        gauges(
            &mut encoder,
            "queue_oldest_waiting_seconds",
            "Time since the creation of the oldest resource that waits for a slot, by region; 0 when none waits.",
            each(|queue| queue.oldest.as_secs()),
        )?;
        gauges(
            &mut encoder,
            "slots_in_use",
            "Slots held by tasks that are known to run or by open attempts, by region.",
            each(|queue| queue.in_use),
        )?;
        if let Some(age) = watch_age {
            encoder
                .encode_descriptor(
                    "watch_age_seconds",
                    "Time since the API server's last sign of life in the quietest watch; it sends one at least every minute.",
                    None,
                    MetricType::Gauge,
                )?
                .encode_gauge(&age.as_secs_f64())?;
        }
        encoder
            .encode_descriptor(
                "unavailable_namespaces",
                "Namespaces of --watch-namespaces that can't be watched, while others are.",
                None,
                MetricType::Gauge,
            )?
            .encode_gauge(&unavailable_watches)?;
        Ok(())
    }
}

impl State {
    /// Every phase of each region that has a label of its own, so that a query for none finds 0 and not nothing; and how
    /// many seconds plans wait for approval there.
    fn tasks(&self, counts: Vec<TaskCount>) -> (BTreeMap<TaskLabels, u64>, BTreeMap<RegionLabels, u64>) {
        for count in counts.iter().filter(|count| count.region_exists) {
            self.regions.exists(&count.region);
        }
        let labels = |phase: Phase, region: String| TaskLabels {
            phase: format!("{phase:?}"),
            region,
        };
        let mut tasks: BTreeMap<TaskLabels, u64> = BTreeMap::new();
        let mut approvals: BTreeMap<RegionLabels, u64> = BTreeMap::new();
        for region in self.regions.all() {
            approvals.insert(RegionLabels { region: region.clone() }, 0);
            for phase in Phase::ALL {
                tasks.insert(labels(phase, region.clone()), 0);
            }
        }
        for TaskCount {
            phase,
            region,
            region_exists: _,
            count,
            longest_awaiting_approval,
        } in counts
        {
            let region = self.regions.label(&region);
            *tasks.entry(labels(phase, region.clone())).or_default() += count;
            let longest = approvals.entry(RegionLabels { region }).or_default();
            *longest = longest_awaiting_approval.as_secs().max(*longest);
        }
        (tasks, approvals)
    }

    /// One for each label.
    fn queues(&self, queues: Vec<QueueSnapshot>) -> Vec<QueueSnapshot> {
        let empty = |region: &str| QueueSnapshot {
            region: region.to_owned(),
            in_use: 0,
            waiting: 0,
            oldest: Duration::ZERO,
        };
        let own = self.regions.all();
        let mut by_label: BTreeMap<String, QueueSnapshot> =
            own.iter().map(|region| (region.clone(), empty(region))).collect();
        for queue in queues {
            let label = self.regions.label(&queue.region);
            let sum = by_label.entry(label.clone()).or_insert_with(|| empty(&label));
            sum.in_use += queue.in_use;
            sum.waiting += queue.waiting;
            sum.oldest = sum.oldest.max(queue.oldest);
        }
        by_label.into_values().collect()
    }
}

/// One gauge for each set of labels.
pub(super) fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (L, V)>,
) -> Result<(), fmt::Error> {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in values {
        family.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode_registry;
    use prometheus_client::registry::Registry;

    use super::*;

    /// Regions that nobody has shown to exist share one label, whatever a tenant writes into `spec.region`.
    #[test]
    fn made_up_regions_are_one_series() {
        let state = State::new(Regions::default());
        state.regions.exists("eu-central-1");
        let mut registry = Registry::with_prefix("p");
        registry.register_collector(Box::new(state.clone()));
        let lines = |start: &str| {
            let mut text = String::new();
            encode_registry(&mut text, &registry).unwrap();
            let found: Vec<String> = text
                .lines()
                .filter(|line| line.starts_with(start))
                .map(str::to_owned)
                .collect();
            found
        };
        assert!(lines("p_").is_empty(), "a standby has none");
        state.comes_from(|| {
            let task = |region: &str, region_exists| TaskCount {
                phase: Phase::Pending,
                region: region.to_owned(),
                region_exists,
                count: 2,
                longest_awaiting_approval: Duration::from_secs(if region == "made-up-2" { 7 } else { 0 }),
            };
            let queue = |number: u64| QueueSnapshot {
                region: format!("made-up-{number}"),
                in_use: 0,
                waiting: 3,
                oldest: Duration::from_secs(number),
            };
            Some(Snapshot {
                tasks: vec![
                    task("made-up-1", false),
                    task("made-up-2", false),
                    task("us-east-1", true),
                ],
                queues: (1..=100).map(queue).collect(),
                watch_age: Some(Duration::from_millis(1_500)),
                unavailable_watches: 1,
            })
        });
        assert_eq!(
            lines("p_tasks{phase=\"Pending\""),
            [
                r#"p_tasks{phase="Pending",region="eu-central-1"} 0"#,
                r#"p_tasks{phase="Pending",region="other"} 4"#,
                r#"p_tasks{phase="Pending",region="us-east-1"} 2"#
            ]
        );
        assert_eq!(lines("p_tasks{").len(), 2 * Phase::ALL.len() + 1);
        let of_queues = |name: &str, other: &str| {
            assert_eq!(
                lines(&format!("p_{name}{{")),
                [
                    format!("p_{name}{{region=\"eu-central-1\"}} 0"),
                    format!("p_{name}{{region=\"other\"}} {other}"),
                    format!("p_{name}{{region=\"us-east-1\"}} 0")
                ]
            );
        };
        of_queues("approval_oldest_waiting_seconds", "7");
        of_queues("queue_length", "300");
        of_queues("queue_oldest_waiting_seconds", "100");
        of_queues("slots_in_use", "0");
        assert_eq!(lines("p_watch_age_seconds"), ["p_watch_age_seconds 1.5"]);
        assert_eq!(lines("p_unavailable_namespaces"), ["p_unavailable_namespaces 1"]);
    }
}
