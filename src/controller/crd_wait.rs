//! Waiting for the CRD: an operator that starts before it says so, and goes on when it appears.

use std::time::Duration;

use kube::Client;
use kube::api::{Api, ListParams};
use tokio::time::sleep;

use super::watch::{Watchable, apis};
use crate::health::Health;

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(2);

/// Waits until the API server serves the resource and lets this operator list it, in each namespace to watch.
pub(super) async fn wait_for_crd<K: Watchable>(client: &Client, namespaces: &[String], health: &Health) {
    for api in apis::<K>(client, namespaces) {
        wait_for(&api, health).await;
    }
}

async fn wait_for<K: Watchable>(api: &Api<K>, health: &Health) {
    let mut said = String::new();
    loop {
        let problem = match api.list_metadata(&ListParams::default().limit(1)).await {
            Ok(_) => return,
            Err(kube::Error::Api(status)) if status.code == 404 => {
                format!(
                    "waiting for the CustomResourceDefinition {}.{}: install it with the chart, or apply the output of \
                     `audit-mitigation-operator crd`",
                    K::plural(&()),
                    K::group(&())
                )
            }
            Err(kube::Error::Api(status)) if status.code == 403 => {
                format!("waiting for permission to list {}: {}", K::plural(&()), status.message)
            }
            Err(error) => format!("waiting for the API server: {error}"),
        };
        health.set_waiting(&problem);
        if problem != said {
            tracing::warn!("{problem}");
            said = problem;
        }
        sleep(INTERVAL).await;
    }
}
