//! Credentials by the SDK's default chain: what it has found it keeps, and what it hasn't it looks for again.
//!
//! The SDK's own chain (`aws_config::default_provider`) reads files and variables once and keeps what came of it for good,
//! so a Secret that is mounted late is never seen; and of why it found nothing only its log tells.

mod chain;
mod reason;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use tokio::sync::Mutex;

use self::chain::Chain;
use super::cooldown::Cooldown;

/// The longest that one look may take: a call waits for it, and for a second one where what was found before fails.
const LOOK_LIMIT: Duration = Duration::from_millis(4_500);
/// The longest that a call waits for credentials.
pub(super) const LIMIT: Duration = Duration::from_millis(9_500);
/// How long nobody looks again after a look that failed: first, and at most.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Why there are no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoCredentials(String);

/// Where the credentials come from, as every SDK looks for them: environment, profile, web identity (IRSA), container
/// credentials (EKS Pod Identity), instance profile.
#[derive(Debug)]
pub(super) struct DefaultCredentials {
    /// For region and connections of those who ask for credentials.
    config: SdkConfig,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What has found credentials. It may keep them where their source is away for a while (instance metadata).
    chain: Option<Chain>,
    failed: Option<Failed>,
}

#[derive(Debug)]
struct Failed {
    why: NoCredentials,
    cooldown: Cooldown,
}

impl DefaultCredentials {
    pub(super) fn new(config: &SdkConfig) -> Self {
        let mut config = config.to_builder();
        // Those that were in use before, with all that they hold, would be kept with each that follows.
        config.set_credentials_provider(None);
        config.set_identity_cache(None);
        Self {
            config: config.build(),
            state: Mutex::default(),
        }
    }

    async fn load(&self) -> provider::Result {
        // One looks, and the others share what comes of it.
        let mut state = self.state.lock().await;
        if let Some(failed) = &state.failed
            && !failed.cooldown.is_over()
        {
            return Err(CredentialsError::not_loaded(failed.why.clone()));
        }
        if let Some(chain) = &state.chain
            && let Ok(credentials) = look(chain).await
        {
            return Ok(credentials);
        }
        let fresh = Chain::new(&self.provider_config());
        match look(&fresh).await {
            Ok(credentials) => {
                *state = State {
                    chain: Some(fresh),
                    failed: None,
                };
                Ok(credentials)
            }
            Err(why) => {
                let before = state.failed.as_ref().map(|failed| failed.cooldown);
                *state = State {
                    chain: None,
                    failed: Some(Failed {
                        why: why.clone(),
                        cooldown: Cooldown::after(before, WAITS),
                    }),
                };
                Err(CredentialsError::not_loaded(why))
            }
        }
    }

    /// A new one each time: it keeps the profile files that it has read.
    fn provider_config(&self) -> ProviderConfig {
        let config = ProviderConfig::without_region()
            .with_region(self.config.region().cloned())
            .with_use_fips(self.config.use_fips())
            .with_use_dual_stack(self.config.use_dual_stack());
        match self.config.http_client() {
            Some(client) => config.with_http_client(client),
            None => config,
        }
    }
}

impl ProvideCredentials for DefaultCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.load())
    }
}

async fn look(chain: &Chain) -> Result<Credentials, NoCredentials> {
    let looked = tokio::time::timeout(LOOK_LIMIT, chain.load()).await;
    looked
        .unwrap_or_else(|_| {
            Err(format!(
                "{} gave no answer within {LOOK_LIMIT:?}",
                chain.asked_last().name()
            ))
        })
        .map_err(NoCredentials)
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;
    use aws_credential_types::provider::SharedCredentialsProvider;

    use super::*;

    /// Each look for new credentials would else keep all that came before it.
    #[test]
    fn what_was_in_use_before_is_let_go() {
        let before = Credentials::new("AKIATEST", "secret", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(before))
            .build();
        let credentials = DefaultCredentials::new(&config);
        assert!(credentials.config.credentials_provider().is_none());
        assert!(credentials.config.identity_cache().is_none());
    }
}
