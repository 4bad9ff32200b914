//! The sources, one after the other, in the order of the SDK's default chain.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::{self, credentials::ImdsCredentialsProvider};
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};

use super::reason;

/// Outside AWS nobody answers, and who asks four times waits for ten seconds.
const METADATA_ATTEMPTS: u32 = 2;

/// Where credentials can come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Environment,
    Profile,
    WebIdentity,
    Container,
    Instance,
}

impl Source {
    pub(super) const ALL: [Self; 5] = [
        Self::Environment,
        Self::Profile,
        Self::WebIdentity,
        Self::Container,
        Self::Instance,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Environment => "the environment",
            Self::Profile => "the AWS profile",
            Self::WebIdentity => "STS, for the web identity (IRSA),",
            Self::Container => "the container credentials (EKS Pod Identity)",
            Self::Instance => "the instance metadata",
        }
    }

    fn provider(self, config: &ProviderConfig) -> SharedCredentialsProvider {
        match self {
            Self::Environment => SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()),
            Self::Profile => {
                SharedCredentialsProvider::new(ProfileFileCredentialsProvider::builder().configure(config).build())
            }
            Self::WebIdentity => {
                SharedCredentialsProvider::new(WebIdentityTokenCredentialsProvider::builder().configure(config).build())
            }
            Self::Container => {
                SharedCredentialsProvider::new(EcsCredentialsProvider::builder().configure(config).build())
            }
            Self::Instance => {
                let client = imds::Client::builder()
                    .configure(config)
                    .max_attempts(METADATA_ATTEMPTS);
                let provider = ImdsCredentialsProvider::builder()
                    .configure(config)
                    .imds_client(client.build());
                SharedCredentialsProvider::new(provider.build())
            }
        }
    }
}

/// One reading of all sources.
#[derive(Debug)]
pub(super) struct Chain {
    providers: [(Source, SharedCredentialsProvider); 5],
    /// Which of them is being asked.
    asked: AtomicUsize,
}

impl Chain {
    pub(super) fn new(config: &ProviderConfig) -> Self {
        Self {
            providers: Source::ALL.map(|source| (source, source.provider(config))),
            asked: AtomicUsize::new(0),
        }
    }

    /// The first credentials, or why there are none.
    pub(super) async fn load(&self) -> Result<Credentials, String> {
        let mut reasons = Vec::new();
        for (index, (source, provider)) in self.providers.iter().enumerate() {
            self.asked.store(index, Ordering::Relaxed);
            match provider.provide_credentials().await {
                Ok(credentials) => return Ok(credentials),
                Err(error) => {
                    reasons.extend(reason::of(*source, &error));
                    // Who is set up and fails isn't passed over for another, which would be another account's.
                    if !matches!(error, CredentialsError::CredentialsNotLoaded(_)) {
                        break;
                    }
                }
            }
        }
        if reasons.is_empty() {
            reasons.push(reason::nothing_set_up());
        }
        Err(reasons.join("; "))
    }

    pub(super) fn asked_last(&self) -> Source {
        let index = self.asked.load(Ordering::Relaxed);
        self.providers
            .get(index)
            .map_or(Source::Instance, |(source, _)| *source)
    }
}
