//! The SDK's clients, one for each region, and the credentials that they share.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::{Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_iot::Client;

use super::answer_limit::AnswerLimit;
use super::cooldown::Cooldown;
use super::credentials::{self, DefaultCredentials};

/// More regions than AWS has. Where resources name more, most are made up, and their clients are not kept.
const MAX_CLIENTS: usize = 64;

/// How long refused credentials are not looked for again after they were: first, and at most.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Which credentials were in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Issue(u64);

#[derive(Debug)]
pub(super) struct Clients {
    shared: Mutex<Shared>,
    source: Source,
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
    /// The regions that have accepted credentials: what they refuse now isn't a region that the account hasn't enabled.
    known_regions: HashSet<String>,
    /// When credentials were last looked for anew, and how long nobody does so again.
    renewed: Option<Cooldown>,
}

impl Clients {
    pub(super) fn new(config: SdkConfig, source: Source) -> Self {
        let config = match source {
            Source::Environment => with_new_credentials(&config),
            Source::Given => config,
        };
        Self {
            shared: Mutex::new(Shared {
                config,
                clients: HashMap::new(),
                issue: Issue(0),
                known_regions: HashSet::new(),
                renewed: None,
            }),
            source,
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

    /// A region has accepted the credentials.
    pub(super) fn accepted(&self, region: &str) {
        let mut shared = self.lock();
        shared.renewed = None;
        if !shared.known_regions.contains(region) {
            if shared.known_regions.len() >= MAX_CLIENTS {
                shared.known_regions.clear();
            }
            shared.known_regions.insert(region.to_owned());
        }
    }

    /// Whether a region that doesn't know the credentials may be one that the account hasn't enabled: it isn't the
    /// operator's, and has never accepted any.
    pub(super) fn may_be_disabled(&self, region: &str) -> bool {
        let shared = self.lock();
        let own = shared.config.region();
        own.is_some_and(|own| own.as_ref() != region) && !shared.known_regions.contains(region)
    }

    /// The service doesn't accept these credentials, so they are looked for anew, by one of all who were refused. The SDK
    /// by itself keeps what it was given until it expires, and what it has read in a file for good.
    pub(super) fn renew(&self, refused: Issue) {
        if self.source == Source::Given {
            return;
        }
        let mut shared = self.lock();
        if shared.issue != refused || shared.renewed.is_some_and(|cooldown| !cooldown.is_over()) {
            return;
        }
        shared.renewed = Some(Cooldown::after(shared.renewed, WAITS));
        shared.config = with_new_credentials(&shared.config);
        shared.clients.clear();
        shared.issue = Issue(refused.0.wrapping_add(1));
        tracing::info!("the service does not accept the AWS credentials: they are looked for anew");
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same, with credentials that are yet to be looked for.
fn with_new_credentials(config: &SdkConfig) -> SdkConfig {
    let provider = SharedCredentialsProvider::new(DefaultCredentials::new(config));
    let cache = IdentityCache::lazy().load_timeout(credentials::LIMIT).build();
    let config = config.to_builder();
    config.credentials_provider(provider).identity_cache(cache).build()
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;

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
