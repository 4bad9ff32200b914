//! What is measured, one file each.

mod burst;
mod drive;
mod finished;
mod latency;
mod makespan;
mod policies;

use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;

use crate::{
    candidate::Candidate,
    options::{Scenario, Sizes},
    report::Figure,
    stand::Stand,
};

pub(crate) use self::policies::PolicySizes;

/// Runs a scenario once.
pub(crate) async fn run(
    scenario: Scenario,
    stand: &Stand,
    candidate: &Candidate,
    sizes: &Sizes,
) -> Result<Vec<Figure>> {
    match scenario {
        Scenario::Simulator => drive::run(stand, sizes.drive).await,
        Scenario::Latency => latency::run(stand, candidate, sizes.starts).await,
        Scenario::Burst => burst::run(stand, candidate, sizes.burst, sizes.settling).await,
        Scenario::Makespan => makespan::run(stand, candidate, sizes.tasks, 0).await,
        Scenario::Shared => makespan::run(stand, candidate, sizes.tasks, makespan::SLOTS / 2).await,
        Scenario::Finished => finished::run(stand, candidate, &sizes.finished).await,
        Scenario::Policies => policies::run(stand, candidate, sizes.policies).await,
    }
}

fn seconds(name: &str, duration: Duration) -> Figure {
    Figure::new(name, duration.as_secs_f64(), "s")
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
fn mebibytes(name: &str, bytes: u64) -> Figure {
    Figure::new(name, bytes as f64 / 1_048_576.0, "MiB")
}

/// From one time to another; nothing when they come in the other order.
fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    later.duration_since(earlier).try_into().unwrap_or_default()
}
