//! The SDK's clients, one for each region, and the credentials that they share.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_iot::Client;

use super::answer_limit::AnswerLimit;

/// More regions than AWS has. Where resources name more, most are made up, and their clients are not worth keeping.
const MAX_CLIENTS: usize = 64;

/// Which credentials were in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Issue(u64);

#[derive(Debug)]
pub(super) struct Clients {
    shared: Mutex<Shared>,
    source: Source,
    /// Held by whoever gets new credentials, so that a crowd gets them once.
    renewing: tokio::sync::Mutex<()>,
}

/// Where the credentials come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// From where every SDK looks for them.
    Environment,
    /// They were given, and there are no others.
    Given,
}

#[derive(Debug)]
struct Shared {
    config: SdkConfig,
    clients: HashMap<String, Client>,
    issue: Issue,
}

impl Clients {
    pub(super) fn new(config: SdkConfig, source: Source) -> Self {
        Self {
            shared: Mutex::new(Shared {
                config,
                clients: HashMap::new(),
                issue: Issue(0),
            }),
            source,
            renewing: tokio::sync::Mutex::default(),
        }
    }

    /// The configuration as it is now.
    pub(super) fn config(&self) -> SdkConfig {
        self.lock().config.clone()
    }

    /// The client for a region.
    pub(super) fn of(&self, region: &str) -> Client {
        let Shared { config, clients, .. } = &mut *self.lock();
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(region) {
            clients.clear();
        }
        clients
            .entry(region.to_owned())
            .or_insert_with(|| {
                let config = aws_sdk_iot::config::Builder::from(&*config)
                    .region(Region::new(region.to_owned()))
                    .interceptor(AnswerLimit);
                Client::from_conf(config.build())
            })
            .clone()
    }

    /// Which credentials are in use.
    pub(super) fn issue(&self) -> Issue {
        self.lock().issue
    }

    /// The service doesn't accept these credentials, so they are looked for anew. The SDK by itself keeps what it was
    /// given until it expires, and what it has read in a file for good.
    pub(super) async fn renew(&self, refused: Issue) {
        if self.source == Source::Given {
            return;
        }
        let _alone = self.renewing.lock().await;
        if self.issue() != refused {
            return;
        }
        // Not the region: that of a resource must not change under it.
        let region = self.config().region().cloned();
        let found = aws_config::defaults(BehaviorVersion::latest())
            .region(region)
            .load()
            .await;
        let mut shared = self.lock();
        let mut config = shared.config.to_builder();
        config.set_credentials_provider(found.credentials_provider());
        config.set_identity_cache(found.identity_cache());
        shared.config = config.build();
        shared.clients.clear();
        shared.issue = Issue(refused.0.wrapping_add(1));
        tracing::info!("the service does not accept the AWS credentials: they are looked for anew");
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_that_are_made_up_cost_no_more_memory_than_those_that_are() {
        let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
        let clients = Clients::new(config, Source::Given);
        for number in 0..10 * MAX_CLIENTS {
            let region = format!("made-up-{number}");
            let client = clients.of(&region);
            assert_eq!(client.config().region().map(AsRef::as_ref), Some(region.as_str()));
            assert!(clients.lock().clients.len() <= MAX_CLIENTS);
        }
    }
}
