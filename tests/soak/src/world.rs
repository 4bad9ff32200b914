//! Everything that runs: the cluster, the service, two replicas of the operator.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use kube::{Api, api::DynamicObject, api::ListParams};
use simulator::{Config, Outcome, Server};
use support::{AuditedUser, Cluster, ClusterOptions, eventually};

use crate::{replica::Replica, resources::resource, stranger::Stranger};

/// Of the operator and of the stranger: they share an account.
pub(crate) const ACCESS_KEY: &str = "AKIASOAK";

/// Longer than anything here takes, on a machine that is busy.
pub(crate) const LIMIT: Duration = Duration::from_mins(10);

const CRD: &str = include_str!("../../../crds/auditmitigationtasks.yaml");

pub(crate) struct World {
    pub(crate) aws: Server,
    pub(crate) tasks: Api<DynamicObject>,
    /// Both replicas are this user.
    pub(crate) user: AuditedUser,
    pub(crate) stranger: Stranger,
    pub(crate) replicas: [Replica; 2],
    /// After the processes that use it.
    pub(crate) cluster: Cluster,
}

impl World {
    pub(crate) async fn start(operator: &Path) -> Result<Self> {
        let cluster = Cluster::start(ClusterOptions::default()).await?;
        cluster.apply(CRD).await?;
        let namespace = cluster.namespace("soak").await?;
        let tasks = Api::namespaced_with(cluster.client().await?, &namespace, &resource());
        eventually(LIMIT, "the resource is served", async || {
            tasks.list(&ListParams::default()).await
        })
        .await?;
        let mut config = Config {
            call_log_limit: 10_000_000,
            ..Config::default()
        };
        config.settings.task_duration = Duration::from_millis(300);
        let aws = Server::start(config).context("the simulator did not start")?;
        aws.set_outcome("long-*", Outcome::default().lasting(Duration::from_secs(8)));
        aws.set_outcome("failing-*", Outcome::failing([simulator::Failure::default()]));
        let user = cluster.audited_user().await?;
        let service = aws.address().to_string();
        let start = async || Replica::start(operator, &cluster, &user, &service, &namespace).await;
        let replicas = [start().await?, start().await?];
        Ok(Self {
            stranger: Stranger::new(&aws.endpoint()),
            aws,
            tasks,
            user,
            replicas,
            cluster,
        })
    }
}
