//! Who held the lease when, as the API server shows it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use tokio::{task::JoinHandle, time::sleep};

use crate::history::lock;

const NAME: &str = "audit-mitigation-operator";

/// Nobody holds it for so short a time that it is missed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// One time of holding it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) by: String,
    /// By the holder's own clock, which is this machine's.
    pub(crate) since: Timestamp,
}

/// The holders so far, oldest first.
pub(crate) struct Leases {
    seen: Arc<Mutex<Vec<Held>>>,
    watching: JoinHandle<()>,
}

impl Leases {
    pub(crate) fn watch(client: Client, namespace: &str) -> Self {
        let seen = Arc::<Mutex<Vec<Held>>>::default();
        let leases: Api<Lease> = Api::namespaced(client, namespace);
        let watching = tokio::spawn(look(leases, Arc::clone(&seen)));
        Self { seen, watching }
    }

    pub(crate) fn seen(&self) -> Vec<Held> {
        lock(&self.seen).clone()
    }
}

impl Drop for Leases {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn look(leases: Api<Lease>, seen: Arc<Mutex<Vec<Held>>>) {
    loop {
        // While the API server is down nobody renews either.
        if let Ok(lease) = leases.get(NAME).await
            && let Some(held) = held(lease)
        {
            let mut seen = lock(&seen);
            if seen.last() != Some(&held) {
                seen.push(held);
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

fn held(lease: Lease) -> Option<Held> {
    let spec = lease.spec?;
    Some(Held {
        by: spec.holder_identity.filter(|holder| !holder.is_empty())?,
        since: spec.acquire_time?.0,
    })
}
