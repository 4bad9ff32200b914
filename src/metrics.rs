//! What Prometheus scrapes. Every label has a closed set of values.

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::core::answer::{Operation, Trouble};

/// Seconds; the last bound is the time-out of one AWS call.
const DURATIONS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The metrics, and where they are recorded. Clones share one state.
#[derive(Clone, Debug)]
pub struct Metrics {
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_seconds: Histogram,
    aws_calls: Family<CallLabels, Counter>,
    aws_call_seconds: Family<OperationLabels, Histogram>,
    abandoned: Counter,
}

/// How a reconcile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ReconcileOutcome {
    /// It came to its end.
    Success,
    /// The API server failed.
    Error,
}

/// How an AWS call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// It was answered, and the answer is part of the operation's normal life.
    Answered,
    /// It went wrong.
    Trouble(Trouble),
}

impl EncodeLabelValue for CallOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        match self {
            Self::Answered => EncodeLabelValue::encode(&"Answered", encoder),
            Self::Trouble(trouble) => EncodeLabelValue::encode(&trouble.reason().as_str(), encoder),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReconcileLabels {
    outcome: ReconcileOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    operation: &'static str,
    outcome: CallOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

impl Metrics {
    /// Metrics, and the registry that renders them.
    #[must_use]
    pub fn new() -> (Self, Registry) {
        let metrics = Self {
            reconciles: Family::default(),
            reconcile_seconds: Histogram::new(DURATIONS),
            aws_calls: Family::default(),
            aws_call_seconds: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
            abandoned: Counter::default(),
        };
        let mut registry = Registry::with_prefix("audit_mitigation_operator");
        let Self {
            reconciles,
            reconcile_seconds,
            aws_calls,
            aws_call_seconds,
            abandoned,
        } = &metrics;
        registry.register("reconciles", "Reconciles by outcome", reconciles.clone());
        registry.register(
            "reconcile_duration_seconds",
            "Time that reconciles took",
            reconcile_seconds.clone(),
        );
        registry.register(
            "aws_calls",
            "Calls of AWS IoT by operation and outcome",
            aws_calls.clone(),
        );
        registry.register(
            "aws_call_duration_seconds",
            "Time that calls of AWS IoT took",
            aws_call_seconds.clone(),
        );
        registry.register(
            "cancels_abandoned",
            "Deletions that went on although the task could not be cancelled in time",
            abandoned.clone(),
        );
        registry.register(
            "build",
            "The version that runs",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        (metrics, registry)
    }

    /// A reconcile has ended.
    pub fn reconciled(&self, outcome: ReconcileOutcome, took: Duration) {
        self.reconciles.get_or_create(&ReconcileLabels { outcome }).inc();
        self.reconcile_seconds.observe(took.as_secs_f64());
    }

    /// A call of AWS IoT has ended.
    pub fn called(&self, operation: Operation, outcome: CallOutcome, took: Duration) {
        let operation = operation.name();
        self.aws_calls.get_or_create(&CallLabels { operation, outcome }).inc();
        self.aws_call_seconds
            .get_or_create(&OperationLabels { operation })
            .observe(took.as_secs_f64());
    }

    /// A deletion went on although the task could not be cancelled in time.
    pub fn abandoned(&self) {
        self.abandoned.inc();
    }
}

/// The text that `/metrics` answers.
///
/// # Errors
/// Never in practice: writing to a string does not fail.
pub fn render(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    encode(&mut text, registry)?;
    Ok(text)
}
