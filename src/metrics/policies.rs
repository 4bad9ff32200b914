//! What is read of the policies when Prometheus asks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};

use super::regions::Regions;
use super::state::gauges;

/// One policy, as far as it is counted.
#[derive(Clone, Debug)]
pub struct PolicySnapshot {
    /// The region of its audits; empty where nobody names one.
    pub region: String,
    /// The condition Ready; `None` while nobody has looked at it.
    pub ready: Option<bool>,
    /// The condition Compliant; `None` for Unknown.
    pub compliant: Option<bool>,
    /// The time since the start of the newest completed audit.
    pub audit_age: Option<Duration>,
}

/// Asks for the policies when Prometheus scrapes. Clones share one source.
#[derive(Clone, Default)]
pub(super) struct PolicyState {
    regions: Regions,
    source: Arc<OnceLock<Source>>,
}

type Source = Box<dyn Fn() -> Option<Vec<PolicySnapshot>> + Send + Sync>;

impl PolicyState {
    pub(super) fn new(regions: Regions) -> Self {
        Self {
            regions,
            source: Arc::default(),
        }
    }

    /// From now on this is asked. Only the first call counts: there is one controller.
    pub(super) fn comes_from(&self, source: impl Fn() -> Option<Vec<PolicySnapshot>> + Send + Sync + 'static) {
        let _ = self.source.set(Box::new(source));
    }

    /// How many there are of each status and region, also where there are none, so that a query finds 0 and not nothing.
    fn counts<L: Ord>(
        &self,
        policies: &[PolicySnapshot],
        condition: fn(&PolicySnapshot) -> Option<bool>,
        labels: fn(&'static str, String) -> L,
    ) -> BTreeMap<L, u64> {
        let mut counts = BTreeMap::new();
        for region in self.regions.all() {
            for status in [Some(true), Some(false), None] {
                counts.insert(labels(name(status), region.clone()), 0);
            }
        }
        for policy in policies {
            let region = self.regions.label(&policy.region);
            *counts.entry(labels(name(condition(policy)), region)).or_default() += 1;
        }
        counts
    }
}

impl fmt::Debug for PolicyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyState").finish_non_exhaustive()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
struct ReadyLabels {
    ready: &'static str,
    region: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
struct CompliantLabels {
    status: &'static str,
    region: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
struct RegionLabels {
    region: String,
}

/// A condition's status.
const fn name(status: Option<bool>) -> &'static str {
    match status {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    }
}

impl Collector for PolicyState {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        // A standby has none.
        let Some(policies) = self.source.get().and_then(|source| source()) else {
            return Ok(());
        };
        gauges(
            &mut encoder,
            "policies",
            "Policies by the condition Ready and region; Unknown is one that nobody has looked at yet.",
            self.counts(
                &policies,
                |policy| policy.ready,
                |ready, region| ReadyLabels { ready, region },
            ),
        )?;
        gauges(
            &mut encoder,
            "policies_compliant",
            "Policies by the condition Compliant and region.",
            self.counts(
                &policies,
                |policy| policy.compliant,
                |status, region| CompliantLabels { status, region },
            ),
        )?;
        let mut ages: BTreeMap<RegionLabels, u64> = BTreeMap::new();
        for policy in &policies {
            let Some(age) = policy.audit_age else { continue };
            let region = self.regions.label(&policy.region);
            let oldest = ages.entry(RegionLabels { region }).or_default();
            *oldest = age.as_secs().max(*oldest);
        }
        gauges(
            &mut encoder,
            "audit_age_seconds",
            "Time since the start of the newest completed audit of a policy, by region; of several policies the longest.",
            ages,
        )
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode_registry;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn policies_are_counted_by_their_conditions_and_region() {
        let state = PolicyState::new(Regions::default());
        state.regions.exists("eu-central-1");
        let mut registry = Registry::with_prefix("p");
        registry.register_collector(Box::new(state.clone()));
        let text = || {
            let mut text = String::new();
            encode_registry(&mut text, &registry).unwrap();
            text
        };
        assert!(!text().contains("p_policies"), "a standby has none");
        state.comes_from(|| {
            let policy = |region: &str, ready, compliant, age: Option<u64>| PolicySnapshot {
                region: region.to_owned(),
                ready,
                compliant,
                audit_age: age.map(Duration::from_secs),
            };
            Some(vec![
                policy("eu-central-1", Some(true), Some(false), Some(90)),
                policy("eu-central-1", Some(true), None, Some(100)),
                policy("made-up-1", None, None, None),
                policy("made-up-2", Some(false), None, None),
            ])
        });
        let text = text();
        for line in [
            r#"p_policies{ready="True",region="eu-central-1"} 2"#,
            r#"p_policies{ready="False",region="eu-central-1"} 0"#,
            r#"p_policies{ready="Unknown",region="other"} 1"#,
            r#"p_policies{ready="False",region="other"} 1"#,
            r#"p_policies_compliant{status="False",region="eu-central-1"} 1"#,
            r#"p_policies_compliant{status="Unknown",region="other"} 2"#,
            r#"p_audit_age_seconds{region="eu-central-1"} 100"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
        }
    }
}
