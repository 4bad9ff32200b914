//! Many tasks under the real quotas: the whole must not take longer than the quotas make it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::seconds;
use crate::{
    candidate::Candidate,
    report::Figure,
    resources::{Watch, create_many},
    run::Run,
    stand::Stand,
};

/// How many tasks the service runs at a time.
pub(super) const SLOTS: usize = 10;

/// How long each task runs.
const TASK: Duration = Duration::from_secs(2);

/// The operator's shortest wait between two polls, by default.
const POLL: Duration = Duration::from_secs(1);

pub(super) async fn run(stand: &Stand, candidate: &Candidate, count: usize, by_others: usize) -> Result<Vec<Figure>> {
    stand.set(|settings| {
        settings.task_duration = TASK;
        settings.quotas.running_by_others = by_others;
    });
    stand.aws.clear_calls();
    let namespace = stand.cluster.namespace("makespan").await?;
    let tasks = stand.tasks(&namespace);
    let mut watch = Watch::start(tasks.clone());
    let mut run = Run::start(stand, candidate, &namespace, &[]).await?;
    run.ready().await?;
    run.quiet().await?;

    let used = run.cpu()?;
    let began = Instant::now();
    create_many(&tasks, count).await?;
    watch
        .until("all tasks are done", |progress| progress.completed >= count)
        .await?;
    let took = began.elapsed();
    run.quiet().await?;
    let waves = u32::try_from(count.div_ceil(SLOTS.saturating_sub(by_others).max(1))).context("too many")?;
    let ideal = TASK.saturating_add(POLL).saturating_mul(waves);
    let mut figures = vec![
        Figure::count("tasks", count),
        seconds("makespan", took),
        seconds("ideal", ideal),
        Figure::new(
            "makespan / ideal",
            100.0 * took.as_secs_f64() / ideal.as_secs_f64(),
            "%",
        ),
        seconds("CPU of the operator", run.cpu()?.saturating_sub(used)),
    ];
    figures.extend(run.end().await?);
    Ok(figures)
}
