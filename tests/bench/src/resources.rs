//! The resources of one namespace: applied, and watched until they are where they should be.

use std::{collections::HashMap, pin::pin, time::Duration};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use kube::{
    Api, ResourceExt as _,
    api::{DynamicObject, PostParams},
    runtime::{WatchStreamExt as _, watcher},
};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::stand::LIMIT;

/// Requests at a time.
const CONCURRENCY: usize = 16;

/// One check with one action, applied as kubectl does.
pub(crate) fn object(name: &str) -> Value {
    let mut object = json!({
        "apiVersion": "devicedefender.dev/v1alpha1",
        "kind": "AuditMitigationTask",
        "metadata": { "name": name, "annotations": {} },
        "spec": {
            "target": { "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" },
            "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
        },
    });
    let applied = format!("{object}\n");
    if let Some(annotations) = object.pointer_mut("/metadata/annotations") {
        *annotations = json!({ "kubectl.kubernetes.io/last-applied-configuration": applied });
    }
    object
}

/// Creates one; returns when the request was sent.
pub(crate) async fn create(tasks: &Api<DynamicObject>, name: &str) -> Result<Timestamp> {
    let object = serde_json::from_value(object(name)).context("no object")?;
    let sent = Timestamp::now();
    tasks.create(&PostParams::default(), &object).await?;
    Ok(sent)
}

/// Creates many at once; returns when the first request was sent, and how long all took.
pub(crate) async fn create_many(tasks: &Api<DynamicObject>, count: usize) -> Result<(Timestamp, Duration)> {
    let (sent, began) = (Timestamp::now(), Instant::now());
    stream::iter(0..count)
        .map(async |number| create(tasks, &format!("task-{number}")).await)
        .buffer_unordered(CONCURRENCY)
        .try_for_each(async |_| Ok(()))
        .await?;
    Ok((sent, began.elapsed()))
}

/// How many of the resources have come how far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// In phase Completed.
    pub(crate) completed: usize,
    /// Completed, and without a finalizer.
    pub(crate) free: usize,
}

/// Watches a namespace until it is dropped.
pub(crate) struct Watch {
    progress: watch::Receiver<Progress>,
    task: JoinHandle<()>,
}

impl Watch {
    pub(crate) fn start(tasks: Api<DynamicObject>) -> Self {
        let (sender, progress) = watch::channel(Progress::default());
        let task = tokio::spawn(async move {
            let mut stages: HashMap<String, (bool, bool)> = HashMap::new();
            let mut objects = pin!(
                watcher(tasks, watcher::Config::default())
                    .default_backoff()
                    .applied_objects()
            );
            while let Some(object) = objects.next().await {
                // It is taken up again by itself.
                let Ok(object) = object else { continue };
                let completed = object.data.pointer("/status/phase") == Some(&Value::from("Completed"));
                let stage = (completed, completed && object.finalizers().is_empty());
                let before = stages.insert(object.name_any(), stage).unwrap_or_default();
                let gained = |is: bool, was: bool| usize::from(is && !was);
                sender.send_modify(|progress| {
                    progress.completed += gained(stage.0, before.0);
                    progress.free += gained(stage.1, before.1);
                });
            }
        });
        Self { progress, task }
    }

    /// Waits until they are far enough.
    pub(crate) async fn until(&mut self, what: &str, is_enough: impl Fn(&Progress) -> bool) -> Result<()> {
        let waited = timeout(LIMIT, self.progress.wait_for(|progress| is_enough(progress)))
            .await
            .map(|waited| waited.map(|_| ()));
        waited
            .with_context(|| {
                format!(
                    "waited in vain for this: {what}; what came was {:?}",
                    *self.progress.borrow()
                )
            })?
            .context("the watch ended")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}
