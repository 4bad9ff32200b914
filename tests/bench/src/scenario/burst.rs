//! Many tasks at once, without quotas: how fast the operator itself is, and what it takes.

use std::time::Duration;

use anyhow::{Context as _, Result};
use simulator::Operation;
use support::eventually;
use tokio::time::sleep;

use super::{between, mebibytes, seconds};
use crate::{
    candidate::Candidate,
    process::{cpu, cpu_of_thread},
    report::Figure,
    resources::{Watch, create_many},
    run::Run,
    stand::{LIMIT, Stand},
};

/// Nothing holds up a start, and no start waits for the polls of earlier ones.
const VARIABLES: [(&str, &str); 4] = [
    ("MAX_RUNNING_TASKS", "65535"),
    ("MAX_START_RATE", "0"),
    ("MAX_DESCRIBE_RATE", "0"),
    ("MIN_POLL_INTERVAL", "10s"),
];

pub(super) async fn run(stand: &Stand, candidate: &Candidate, count: usize, settling: Duration) -> Result<Vec<Figure>> {
    stand.set(|settings| {
        settings.task_duration = Duration::from_secs(1);
        Stand::without_quotas(settings);
    });
    stand.aws.clear_calls();
    let namespace = stand.cluster.namespace("burst").await?;
    let tasks = stand.tasks(&namespace);
    let mut watch = Watch::start(tasks.clone());
    let mut run = Run::start(stand, candidate, &namespace, &VARIABLES).await?;
    run.ready().await?;
    run.quiet().await?;

    let (idle, used) = (run.memory()?, Used::by(stand, &run)?);
    let (sent, creating) = create_many(&tasks, count).await?;
    let last = eventually(LIMIT, "all tasks are started", async || {
        let calls = run.calls();
        let starts = calls
            .iter()
            .filter(|call| call.operation == Some(Operation::START) && call.code.is_none());
        let (number, last) = starts.fold((0, None), |(number, _), call| (number + 1, Some(call.time)));
        if number < count {
            return Err(format!("{number} of {count} are"));
        }
        last.ok_or_else(|| "there are none".to_owned())
    })
    .await?;
    let started = between(sent, last);
    let after = Used::by(stand, &run)?;
    watch
        .until("all tasks are done", |progress| progress.free >= count)
        .await?;
    run.quiet().await?;
    let done = Used::by(stand, &run)?;
    sleep(settling).await;
    let memory = run.memory()?;
    let number = f64::from(u32::try_from(count).context("too many")?);
    let each = |used: Duration| used.as_secs_f64() * 1_000.0 / number;
    let share = |used: Duration| 100.0 * used.as_secs_f64() / started.as_secs_f64();
    let simulator = after.simulator.saturating_sub(used.simulator);
    let control_plane = after.control_plane.saturating_sub(used.control_plane);
    let operator = after.operator.saturating_sub(used.operator);
    let mut figures = vec![
        Figure::count("tasks", count),
        seconds("all are applied after", creating),
        seconds("all are started after", started),
        Figure::new("starts", number / started.as_secs_f64(), "/s"),
        Figure::new("CPU of the operator until then", share(operator), "%"),
        Figure::new("CPU of the control plane until then", share(control_plane), "%"),
        Figure::new("CPU of the simulated service until then", share(simulator), "%"),
        Figure::new(
            "CPU of the operator for each task, to its end",
            each(done.operator.saturating_sub(used.operator)),
            "ms",
        ),
        Figure::new(
            "CPU of the control plane for each task, to its end",
            each(done.control_plane.saturating_sub(used.control_plane)),
            "ms",
        ),
        mebibytes("resident before", idle.resident),
        mebibytes("resident, most", memory.peak),
        mebibytes("resident a minute after all have ended", memory.resident),
    ];
    figures.extend(run.end().await?);
    Ok(figures)
}

/// CPU time of all who take part.
struct Used {
    operator: Duration,
    control_plane: Duration,
    simulator: Duration,
}

impl Used {
    fn by(stand: &Stand, run: &Run<'_>) -> Result<Self> {
        let mut control_plane = Duration::ZERO;
        for pid in stand.cluster.process_ids() {
            control_plane = control_plane.saturating_add(cpu(pid)?);
        }
        Ok(Self {
            operator: run.cpu()?,
            control_plane,
            simulator: cpu_of_thread("simulator")?,
        })
    }
}
