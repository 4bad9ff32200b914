//! Measures the operator's binary on a real API server and the simulated service.
//!
//! What the figures mean is told in docs/performance.md.

mod candidate;
mod connections;
mod options;
mod process;
mod progress;
mod report;
mod resources;
mod run;
mod scenario;
mod sdk;
mod stand;
mod stats;

pub use options::{Options, Scenario};
pub use report::{Measured, Report};

use anyhow::Result;

use crate::{candidate::candidates, options::Sizes, progress::progress, stand::Stand};

/// Runs the chosen scenarios, each in alternation where two binaries are compared.
///
/// # Errors
/// When something can't be started, or doesn't do what it is measured at.
pub async fn run(options: &Options) -> Result<Report> {
    let candidates = candidates(options)?;
    let sizes = Sizes::of(options);
    let mut report = Report::new(options, &candidates);
    progress!("starting etcd, kube-apiserver and the simulated service");
    let stand = Stand::start().await?;
    for scenario in options.scenarios() {
        for round in 0..options.rounds() {
            // Neither is always the one that finds the machine cold.
            let mut turn: Vec<_> = candidates.iter().collect();
            if round % 2 == 1 {
                turn.reverse();
            }
            for candidate in turn {
                progress!(
                    "{scenario}: round {} of {}, {}",
                    round + 1,
                    options.rounds(),
                    candidate.name
                );
                let figures = scenario::run(scenario, &stand, candidate, &sizes).await?;
                report.add(scenario, candidate, figures);
            }
        }
    }
    Ok(report)
}
