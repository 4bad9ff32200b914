//! Waiting for the CRD: an operator that starts before it says so, and goes on when it appears.

use std::time::Duration;

use kube::Client;
use kube::api::{Api, ListParams};
use tokio::time::sleep;

use super::cached::CachedTask;
use super::watch::apis;
use crate::causes::explain_kube;
use crate::health::Health;

/// How often to look.
const INTERVAL: Duration = Duration::from_secs(2);

/// Waits until the API server serves the resource and lets this operator list it, in each namespace to watch.
pub async fn wait_for_crd(client: &Client, namespaces: &[String], health: &Health) {
    for api in apis(client, namespaces) {
        wait_for(&api, health).await;
    }
}

async fn wait_for(api: &Api<CachedTask>, health: &Health) {
    let mut said = String::new();
    loop {
        let problem = match api.list_metadata(&ListParams::default().limit(1)).await {
            Ok(_) => return,
            Err(kube::Error::Api(status)) if status.code == 404 => {
                "waiting for the CustomResourceDefinition auditmitigationtasks.devicedefender.dev: install it with the chart, \
                 or apply the output of `audit-mitigation-operator crd`"
                    .to_owned()
            }
            Err(kube::Error::Api(status)) if status.code == 403 => {
                format!("waiting for permission to list auditmitigationtasks: {}", status.message)
            }
            Err(error) => format!("waiting for the API server: {}", explain_kube(&error)),
        };
        health.is_waiting(&problem);
        if problem != said {
            tracing::warn!("{problem}");
            said = problem;
        }
        sleep(INTERVAL).await;
    }
}
