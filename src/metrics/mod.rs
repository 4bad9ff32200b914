//! What Prometheus scrapes. Every label has a closed set of values.

mod counter;
mod labels;
mod policies;
mod regions;
mod state;

use std::fmt;
use std::time::Duration;

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::api::{AuditOutcome, Phase};
use crate::core::answer::Operation;
use counter::Counter;
use labels::{AuditLabels, BuildLabels, CallLabels, OperationLabels, PhaseLabels, ReconcileLabels, RetryLabels};
pub use labels::{CallOutcome, ReconcileOutcome, RetryReason};
pub use policies::PolicySnapshot;
use policies::PolicyState;
use regions::Regions;
use state::State;
pub use state::{QueueSnapshot, Snapshot, TaskCount};

/// Seconds; the last bound is the time-out of one AWS call.
const CALL_SECONDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Seconds. A reconcile makes several calls, one after the other; most make none.
const RECONCILE_SECONDS: [f64; 10] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// The metrics, and where they are recorded. Clones share one state.
#[derive(Clone, Debug)]
pub struct Metrics {
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_seconds: Family<ReconcileLabels, Histogram>,
    aws_calls: Family<CallLabels, Counter>,
    aws_call_seconds: Family<OperationLabels, Histogram>,
    retries: Family<RetryLabels, Counter>,
    transitions: Family<PhaseLabels, Counter>,
    abandoned: Counter,
    orphaned_tasks: Counter,
    leader: Gauge,
    audits: Family<AuditLabels, Counter>,
    regions: Regions,
    state: State,
    policies: PolicyState,
}

impl Metrics {
    /// Metrics, and the registry that renders them.
    pub fn new() -> (Self, Registry) {
        let regions = Regions::default();
        let metrics = Self {
            reconciles: Family::default(),
            reconcile_seconds: Family::new_with_constructor(|| Histogram::new(RECONCILE_SECONDS)),
            aws_calls: Family::default(),
            aws_call_seconds: Family::new_with_constructor(|| Histogram::new(CALL_SECONDS)),
            retries: Family::default(),
            transitions: Family::default(),
            abandoned: Counter::default(),
            orphaned_tasks: Counter::default(),
            leader: Gauge::default(),
            audits: Family::default(),
            state: State::new(regions.clone()),
            policies: PolicyState::new(regions.clone()),
            regions,
        };
        // From the beginning, so that the first failure of all is an increase.
        for phase in Phase::ALL {
            let _ = metrics.transitions.get_or_create(&PhaseLabels::from(phase));
        }
        for outcome in ReconcileOutcome::ALL {
            let _ = metrics.reconciles.get_or_create(&ReconcileLabels { outcome });
        }
        for reason in RetryReason::all() {
            let _ = metrics.retries.get_or_create(&RetryLabels { reason });
        }
        let registry = metrics.registry();
        (metrics, registry)
    }

    fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("audit_mitigation_operator");
        // The registry puts the full stop at the end.
        registry.register("reconciles_total", "Reconciles by outcome", self.reconciles.clone());
        registry.register(
            "reconcile_duration_seconds",
            "Time that reconciles took, by outcome",
            self.reconcile_seconds.clone(),
        );
        registry.register(
            "aws_calls_total",
            "Calls of AWS IoT by operation, region and outcome",
            self.aws_calls.clone(),
        );
        registry.register(
            "aws_call_duration_seconds",
            "Time that calls of AWS IoT took, by operation and region",
            self.aws_call_seconds.clone(),
        );
        registry.register(
            "retries_total",
            "Attempts that were made again, by what had gone wrong before",
            self.retries.clone(),
        );
        registry.register(
            "task_transitions_total",
            "Changes of a resource's phase, by the new phase",
            self.transitions.clone(),
        );
        registry.register(
            "cancels_abandoned_total",
            "Deletions that went on although the task could not be cancelled in time",
            self.abandoned.clone(),
        );
        registry.register(
            "orphaned_tasks_total",
            "Own tasks that ran when their resource was deleted past its finalizer; each is cancelled",
            self.orphaned_tasks.clone(),
        );
        registry.register(
            "audits_total",
            "Audits that a policy has noted, by what became of them and region",
            self.audits.clone(),
        );
        registry.register(
            "leader",
            "Whether this process does the work: 1, or 0 for one that stands by",
            self.leader.clone(),
        );
        let build = Family::<BuildLabels, Gauge>::default();
        build.get_or_create(&BuildLabels::default()).set(1);
        registry.register("build_info", "Always 1; the label is the version that runs", build);
        registry.register_collector(Box::new(self.state.clone()));
        registry.register_collector(Box::new(self.policies.clone()));
        registry
    }

    /// The region of resources that name none.
    pub fn default_region(&self, region: &str) {
        self.regions.exists(region);
        for operation in Operation::ALL {
            self.start_counting(operation.name(), region);
        }
        for outcome in AuditOutcome::ALL {
            let _ = self.audits.get_or_create(&AuditLabels::new(outcome, region.to_owned()));
        }
    }

    /// Whether this process does the work.
    pub fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// Whom to ask for what isn't counted, at each scrape; `None` when the work has ended.
    pub fn observe(&self, source: impl Fn() -> Option<Snapshot> + Send + Sync + 'static) {
        self.state.comes_from(source);
    }

    /// Whom to ask for the policies, at each scrape; `None` when the work has ended.
    pub fn observe_policies(&self, source: impl Fn() -> Option<Vec<PolicySnapshot>> + Send + Sync + 'static) {
        self.policies.comes_from(source);
    }

    /// A policy has noted an audit.
    pub fn audit_noted(&self, outcome: AuditOutcome, region: &str) {
        let labels = AuditLabels::new(outcome, self.regions.label(region));
        self.audits.get_or_create(&labels).inc();
    }

    /// A reconcile has ended.
    pub fn reconciled(&self, outcome: ReconcileOutcome, took: Duration) {
        let labels = ReconcileLabels { outcome };
        self.reconciles.get_or_create(&labels).inc();
        self.reconcile_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// A call of AWS IoT has ended; `is_answered` when anything came back from the region.
    pub fn called(&self, operation: Operation, region: &str, outcome: CallOutcome, is_answered: bool, took: Duration) {
        if is_answered {
            self.regions.exists(region);
        }
        let (operation, region) = (operation.name(), self.regions.label(region));
        let labels = OperationLabels {
            operation,
            region: region.clone(),
        };
        if self.aws_call_seconds.get(&labels).is_none() {
            self.start_counting(operation, &region);
        }
        self.aws_call_seconds.get_or_create(&labels).observe(took.as_secs_f64());
        let labels = CallLabels {
            operation,
            region,
            outcome,
        };
        self.aws_calls.get_or_create(&labels).inc();
    }

    /// Shows each outcome of this operation as 0, so that the first of its kind is an increase.
    fn start_counting(&self, operation: &'static str, region: &str) {
        for outcome in CallOutcome::all() {
            let region = region.to_owned();
            let labels = CallLabels {
                operation,
                region,
                outcome,
            };
            let _ = self.aws_calls.get_or_create(&labels);
        }
    }

    /// Something is tried again.
    pub fn retried(&self, reason: RetryReason) {
        self.retries.get_or_create(&RetryLabels { reason }).inc();
    }

    /// A resource has got another phase.
    pub fn changed_to(&self, phase: Phase) {
        self.transitions.get_or_create(&PhaseLabels::from(phase)).inc();
    }

    /// A deletion went on although the task could not be cancelled in time.
    pub fn abandoned(&self) {
        self.abandoned.inc();
    }

    /// An own task runs whose resource is gone.
    pub fn count_orphaned_task(&self) {
        self.orphaned_tasks.inc();
    }
}

/// The text that `/metrics` answers: the text format 0.0.4 ("Exposition formats" of Prometheus).
///
/// # Errors
/// Never in practice: writing to a string does not fail.
pub fn render(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    encode_registry(&mut text, registry)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::core::answer::ErrorClass;

    /// Labels that are told apart here and written alike would be: Prometheus keeps one of such samples only.
    #[test]
    fn no_series_is_there_twice() {
        let (metrics, registry) = Metrics::new();
        metrics.default_region("eu-central-1");
        for class in ErrorClass::ALL {
            let outcome = CallOutcome::ErrorClass(class);
            metrics.called(Operation::Cancel, "us-east-1", outcome, true, Duration::ZERO);
            metrics.retried(RetryReason::Aws(class));
        }
        let text = render(&registry).unwrap();
        let mut seen = HashSet::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, _) = line.rsplit_once(' ').unwrap();
            assert!(seen.insert(series), "{series}");
        }
        assert!(seen.len() > 20, "{text}");
    }

    /// The first refusal of all was no increase, because its series began with it.
    #[test]
    fn every_outcome_of_the_operators_region_is_there_before_the_first_call() {
        let (metrics, registry) = Metrics::new();
        let lines = |start: &str| -> Vec<String> {
            let text = render(&registry).unwrap();
            let start = format!("audit_mitigation_operator_aws_calls_total{{{start}");
            let lines = text.lines().filter(|line| line.starts_with(&start));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(lines(""), [""; 0], "no region is known yet");
        metrics.default_region("eu-central-1");
        let all = lines("");
        assert_eq!(all.len(), Operation::ALL.len() * (1 + ErrorClass::ALL.len()));
        assert!(all.iter().all(|line| line.ends_with(" 0")), "{all:?}");

        // Another region has them from its first call on.
        let refused = CallOutcome::ErrorClass(ErrorClass::AccessDenied);
        metrics.called(Operation::Describe, "us-east-1", refused, true, Duration::ZERO);
        let name = Operation::Describe.name();
        let elsewhere = lines(&format!("operation=\"{name}\",region=\"us-east-1\""));
        assert_eq!(elsewhere.len(), 1 + ErrorClass::ALL.len());
        let (denied, others): (Vec<&String>, Vec<_>) = elsewhere.iter().partition(|line| line.contains("AccessDenied"));
        assert!(denied.iter().all(|line| line.ends_with(" 1")), "{denied:?}");
        assert!(others.iter().all(|line| line.ends_with(" 0")), "{others:?}");
    }
}
