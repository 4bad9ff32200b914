//! Waiting for the CRD: an operator that starts before it says so, and goes on when it appears.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use tokio::time::{sleep, timeout};

use super::watch::{Watchable, apis};
use super::write::TIMEOUT;
use crate::causes::explain_kube;

/// Waits until the API server serves the resource and lets this operator list it, in one of the namespaces to watch at
/// least: one of several that can't be listed holds up no other. It looks this often, and tells each time what is missing.
pub(super) async fn wait_for_crd<K: Watchable>(
    client: &Client,
    namespaces: &[String],
    interval: Duration,
    tell: impl Fn(&str),
) {
    let mut said = String::new();
    loop {
        let Some(problem) = problem::<K>(client, namespaces).await else {
            return;
        };
        tell(&problem);
        if problem != said {
            tracing::warn!("{problem}");
            said = problem;
        }
        sleep(interval).await;
    }
}

/// Why no namespace can be listed; `None` as soon as one can.
async fn problem<K: Watchable>(client: &Client, namespaces: &[String]) -> Option<String> {
    let look = async |number: usize, api: Api<K>| {
        let options = ListParams::default().limit(1);
        let answer = timeout(TIMEOUT, api.list_metadata(&options)).await;
        let problem = match answer {
            Ok(Ok(_)) => return None,
            Ok(Err(error)) => explain::<K>(&error),
            Err(_) => format!(
                "waiting for the API server: no answer within {} seconds",
                TIMEOUT.as_secs()
            ),
        };
        Some((number, problem))
    };
    let apis = apis::<K>(client, namespaces).into_iter().enumerate();
    let mut looks: FuturesUnordered<_> = apis.map(|(number, api)| look(number, api)).collect();
    let mut problems = Vec::new();
    while let Some(looked) = looks.next().await {
        problems.push(looked?);
    }
    // The same one each time, whoever answers first.
    problems.into_iter().min().map(|(_, problem)| problem)
}

fn explain<K: Watchable>(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 404 => format!(
            "waiting for the CustomResourceDefinition {}.{}: install it with the chart, or apply the output of \
             `audit-mitigation-operator crd`",
            <K as Resource>::plural(&()),
            <K as Resource>::group(&())
        ),
        kube::Error::Api(status) if status.code == 403 => format!(
            "waiting for permission to list {}: {}",
            <K as Resource>::plural(&()),
            status.message
        ),
        error => format!("waiting for the API server: {}", explain_kube(error)),
    }
}
