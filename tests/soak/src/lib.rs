//! Two replicas of the operator under random actions and faults, on a real API server and the simulated service.
//!
//! What is done is a function of the seed; when exactly each process sees it is the machine's business, so a seed
//! repeats the plan and not each interleaving.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")
)]

mod actor;
mod check;
mod expect;
mod plan;
mod rates;
mod replica;
mod resources;
mod stranger;
mod summary;
mod world;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use clap::Parser;
use tokio::time::{Instant, sleep_until};

pub use summary::Summary;

use crate::{actor::Actor, world::World};

/// Does to two replicas of the operator what can go wrong, at random, and then checks what it promises.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask soak", bin_name = "cargo xtask soak")]
pub struct Options {
    /// The binary under test; the debug build of this checkout when absent.
    #[arg(long, value_name = "PATH")]
    pub operator: Option<PathBuf>,
    /// How long faults and actions go on, in minutes; the checks at the end take some minutes more.
    #[arg(long, default_value_t = 10.0, value_parser = minutes)]
    pub minutes: f64,
    /// What is done follows from this number; at random when absent.
    #[arg(long)]
    pub seed: Option<u64>,
}

/// A day is more than anybody waits for.
fn minutes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(minutes) if minutes > 0.0 && minutes <= 1440.0 => Ok(minutes),
        _ => Err("write a number of minutes above 0 and up to 1440, such as 10 or 0.5".to_owned()),
    }
}

/// Runs the plan of a seed, and checks.
///
/// # Errors
/// When the parts can't be started. What the operator does wrong is in the [`Summary`].
pub async fn run(options: &Options) -> Result<Summary> {
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let length = Duration::from_secs_f64(options.minutes * 60.0);
    println!(
        "seed {seed}: cargo xtask soak --minutes {} --seed {seed}",
        options.minutes
    );
    let plan = plan::plan(seed, length);
    let operator = match &options.operator {
        Some(path) => path.clone(),
        None => std::env::current_exe()
            .context("cannot tell where the built programs are")?
            .with_file_name("audit-mitigation-operator"),
    };
    let mut actor = Actor::new(World::start(&operator).await?);
    let began = Instant::now();
    for step in plan {
        sleep_until(began + step.at).await;
        actor.act(&step.action).await.with_context(|| format!("seed {seed}"))?;
    }
    let (mut world, mut summary) = actor.finish(seed);
    check::check(&mut world, &mut summary)
        .await
        .with_context(|| format!("seed {seed}"))?;
    Ok(summary)
}
