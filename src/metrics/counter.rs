//! Counters as the text format 0.0.4 writes them.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter;
use prometheus_client::metrics::{MetricType, TypedMetric};

/// A counter whose name ends in `_total` in every line.
///
/// The client writes `OpenMetrics`, where only the sample has that ending and `HELP` and `TYPE` have not. In the older
/// text format, which every scraper reads and promtool checks, a counter's name is the same in all three.
#[derive(Clone, Debug, Default)]
pub(super) struct Counter(counter::Counter);

impl Counter {
    pub(super) fn inc(&self) {
        self.0.inc();
    }
}

impl TypedMetric for Counter {
    const TYPE: MetricType = MetricType::Counter;
}

impl EncodeMetric for Counter {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), fmt::Error> {
        // Name, labels, value, and no ending of the encoder's own.
        encoder.encode_gauge(&self.0.get())
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}
