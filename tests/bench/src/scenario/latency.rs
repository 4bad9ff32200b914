//! From apply to start on an idle operator; and, in turn with it, the necessary requests alone.
//!
//! Both are timed from the moment in which the request that creates the resource is sent, to the moment in which the
//! service receives the start.

use std::{pin::pin, time::Duration};

use anyhow::{Context as _, Result};
use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use kube::{
    Api, ResourceExt as _,
    api::{DynamicObject, Patch, PatchParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::json;
use simulator::{Call, Operation};

use super::between;
use crate::{
    candidate::Candidate,
    report::Figure,
    resources::{Watch, create},
    run::Run,
    sdk,
    stand::Stand,
    stats::Durations,
};

/// Whose account the necessary calls are made in.
const ACCESS_KEY: &str = "NECESSARY";

pub(super) async fn run(stand: &Stand, candidate: &Candidate, samples: usize) -> Result<Vec<Figure>> {
    stand.set(|settings| settings.task_duration = Duration::from_millis(50));
    let namespace = stand.cluster.namespace("latency").await?;
    let tasks = stand.tasks(&namespace);
    let mut watch = Watch::start(tasks.clone());
    let mut run = Run::start(stand, candidate, &namespace, &[("MIN_POLL_INTERVAL", "100ms")]).await?;
    run.ready().await?;
    run.quiet().await?;

    let elsewhere = stand.tasks(&stand.cluster.namespace("necessary").await?);
    let mut seen = pin!(watcher(elsewhere.clone(), watcher::Config::default()).applied_objects());
    let service = sdk::client(&stand.aws.endpoint(), ACCESS_KEY);
    let (mut whole, mut necessary) = (Durations::new()?, Durations::new()?);
    for sample in 0..samples {
        stand.aws.clear_calls();
        let name = format!("task-{sample}");
        let sent = create(&tasks, &name).await?;
        watch
            .until("the task is done", |progress| progress.free > sample)
            .await?;
        let start = start(&run.calls()).context("no start was received")?;
        whole.add(between(sent, start))?;

        let sent = bare(&elsewhere, &mut seen, &service, &name).await?;
        let start = start_of(stand, ACCESS_KEY).context("no start was received")?;
        necessary.add(between(sent, start))?;
    }
    run.end().await?;
    Ok(vec![
        Figure::new("apply to start, median", whole.quantile(0.5), "ms"),
        Figure::new("apply to start, p99", whole.quantile(0.99), "ms"),
        Figure::new("necessary requests alone, median", necessary.quantile(0.5), "ms"),
        Figure::new("necessary requests alone, p99", necessary.quantile(0.99), "ms"),
        Figure::new(
            "apply to start / necessary, medians",
            whole.quantile(0.5) / necessary.quantile(0.5),
            "×",
        ),
    ])
}

/// What no operator can do without: see the resource in a watch, write down the intent, call. Returns when the
/// resource was sent.
async fn bare(
    tasks: &Api<DynamicObject>,
    seen: &mut (impl Stream<Item = watcher::Result<DynamicObject>> + Unpin),
    service: &aws_sdk_iot::Client,
    name: &str,
) -> Result<Timestamp> {
    let created = {
        let (tasks, name) = (tasks.clone(), name.to_owned());
        tokio::spawn(async move { create(&tasks, &name).await })
    };
    let object = loop {
        let object = seen.next().await.context("the watch ended")??;
        // The changes of earlier ones come, too.
        if object.name_any() == name {
            break object;
        }
    };
    let patch = json!({ "metadata": {
        "resourceVersion": object.resource_version(),
        "annotations": { "devicedefender.dev/start-record": "x".repeat(300) },
    } });
    tasks.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    sdk::start(service, name).await?;
    created.await?
}

fn start_of(stand: &Stand, access_key: &str) -> Option<Timestamp> {
    let mut calls = stand.aws.calls();
    calls.retain(|call| call.access_key == access_key);
    start(&calls)
}

fn start(calls: &[Call]) -> Option<Timestamp> {
    calls
        .iter()
        .find(|call| call.operation == Some(Operation::START))
        .map(|call| call.time)
}
