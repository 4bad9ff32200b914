//! What finished resources cost: memory, and the time to ready and to quiet after a restart.

use std::time::Duration;

use anyhow::{Context as _, Result};
use kube::api::DeleteParams;

use super::{mebibytes, seconds};
use crate::{
    candidate::Candidate,
    progress::progress,
    report::Figure,
    resources::{Watch, create},
    run::Run,
    stand::Stand,
};

pub(super) async fn run(stand: &Stand, candidate: &Candidate, sizes: &[usize]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut empty = None;
    for &count in sizes {
        let namespace = format!("finished-{count}");
        prepare(stand, candidate, &namespace, count).await?;
        stand.aws.clear_calls();
        let mut run = Run::start(stand, candidate, &namespace, &[]).await?;
        let ready = run.ready().await?;
        let quiet = run.quiet().await?;
        let (cpu, memory) = (run.cpu()?, run.memory()?);
        let name = |what: &str| format!("{count} resources: {what}");
        figures.extend([
            seconds(&name("ready after"), ready),
            seconds(&name("quiet after"), quiet),
            seconds(&name("CPU until then"), cpu),
            mebibytes(&name("resident"), memory.resident),
            mebibytes(&name("of which heap and stacks"), memory.anonymous),
            mebibytes(&name("resident, most"), memory.peak),
        ]);
        let empty = *empty.get_or_insert(memory.resident);
        if count > 0 {
            let more = memory.resident.saturating_sub(empty);
            let each = kibibytes(more) / f64::from(u32::try_from(count).context("too many")?);
            figures.push(Figure::new(name("more resident for each"), each, "KiB"));
        }
        for mut figure in run.end().await? {
            figure.name = name(&figure.name);
            figures.push(figure);
        }
    }
    Ok(figures)
}

#[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
fn kibibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_024.0
}

/// Makes a namespace with so many finished resources, unless an earlier round has done it.
async fn prepare(stand: &Stand, candidate: &Candidate, namespace: &str, count: usize) -> Result<()> {
    if !stand.make_namespace(namespace).await? || count == 0 {
        return Ok(());
    }
    progress!("making {count} finished resources");
    let tasks = stand.tasks(namespace);
    // The first one is finished by the operator itself, so that nothing about it is made up.
    stand.set(|settings| settings.task_duration = Duration::from_millis(50));
    let mut watch = Watch::start(tasks.clone());
    let run = Run::start(stand, candidate, namespace, &[]).await?;
    create(&tasks, "template").await?;
    watch
        .until("the template is finished", |progress| progress.free > 0)
        .await?;
    run.end().await?;
    drop(watch);
    let template = tasks.get("template").await?;
    support::finished::copies(&tasks, &template, count).await?;
    tasks.delete("template", &DeleteParams::default()).await?;
    Ok(())
}
