//! The operator under random actions and faults, on a real API server and the simulated service: two replicas that
//! elect a leader, and one more in what is as good as another cluster of the same account.
//!
//! What is done is a function of the seed; when exactly each process sees it is the machine's business, so a seed
//! repeats the plan and not each interleaving.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )
)]

mod actor;
mod check;
mod expect;
mod history;
mod leases;
mod ledger;
mod monitor;
mod people;
mod plan;
mod play;
mod policies;
mod rates;
mod replica;
mod requests;
mod resources;
mod service_faults;
mod stranger;
mod summary;
#[cfg(test)]
mod tests;
mod watch;
mod world;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use clap::Parser;

pub use summary::Summary;

use crate::{actor::Actor, world::World};

/// Does to three processes of the operator what can go wrong, at random, and watches what it promises.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask soak", bin_name = "cargo xtask soak")]
pub struct Options {
    /// The binary under test; the debug build of this checkout when absent.
    #[arg(long, value_name = "PATH")]
    pub operator: Option<PathBuf>,
    /// How long faults and actions go on, in minutes. The opening, in which everything comes once, is played whole in
    /// any case and takes less than a minute; the checks at the end take about another.
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

/// Plays the plan of a seed, and checks.
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
    let operator = match &options.operator {
        Some(path) => path.clone(),
        None => std::env::current_exe()
            .context("cannot tell where the built programs are")?
            .with_file_name("audit-mitigation-operator"),
    };
    soak(seed, length, &operator)
        .await
        .with_context(|| format!("seed {seed}"))
}

async fn soak(seed: u64, length: Duration, operator: &std::path::Path) -> Result<Summary> {
    let mut actor = Actor::new(World::start(operator).await?);
    let played = play::play(plan::plan(seed, length), length, &mut actor).await?;
    println!("{:>5.0} s: the faults end", played.took.as_secs_f64());
    actor.mend_all();
    actor.world.let_go_of_the_held();
    actor.end_all_audits();
    let mut summary = Summary::new(seed, &actor, played);
    check::check(&mut actor, &mut summary).await?;
    Ok(summary)
}
