//! Everything that runs: the control plane, the service, three processes of the operator in two sites.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use kube::{Api, api::DynamicObject, api::ListParams};
use simulator::{Config, Outcome, Server};
use support::{AuditedUser, Cluster, ClusterOptions, eventually};

use crate::{
    history::History,
    leases::Leases,
    plan::{Kind, Site},
    policies,
    replica::{Replica, Setting, access_keys},
    resources::{self, resource},
    stranger::Stranger,
};

/// What all access keys stand for.
pub(crate) const ACCOUNT: &str = "soak";

/// Where everything is.
pub(crate) const REGION: &str = "eu-central-1";

/// Longer than anything here takes, on a machine that is busy.
pub(crate) const LIMIT: Duration = Duration::from_mins(10);

/// How long a task of [`Kind::Long`] runs.
const LONG: Duration = Duration::from_secs(4);

/// The service's clock begins as far behind; each time it is set ahead, that is by less than is left to the five
/// minutes within which signatures are taken.
pub(crate) const SKEW_SECONDS: i64 = -200;

const CRDS: [&str; 2] = [
    include_str!("../../../crds/auditmitigationtasks.yaml"),
    include_str!("../../../crds/auditmitigationpolicies.yaml"),
];

pub(crate) struct World {
    pub(crate) aws: Arc<Server>,
    pub(crate) history: History,
    pub(crate) of_policies: policies::History,
    /// Here.
    pub(crate) policies: Api<DynamicObject>,
    pub(crate) leases: Leases,
    pub(crate) stranger: Stranger,
    pub(crate) here: Place,
    pub(crate) elsewhere: Place,
    /// The two replicas here, and the one elsewhere.
    pub(crate) replicas: Vec<Replica>,
    /// After the processes that use it.
    pub(crate) cluster: Cluster,
}

/// A site of the operator.
pub(crate) struct Place {
    pub(crate) tasks: Api<DynamicObject>,
    pub(crate) namespace: String,
    /// All its replicas are this user.
    pub(crate) user: AuditedUser,
}

impl World {
    pub(crate) async fn start(operator: &Path) -> Result<Self> {
        let cluster = Cluster::start(ClusterOptions::default()).await?;
        for definition in CRDS {
            cluster.apply(definition).await?;
        }
        let mut config = Config {
            call_log_limit: 10_000_000,
            access_keys: access_keys().map(|key| (key, ACCOUNT.to_owned())).collect(),
            ..Config::default()
        };
        config.settings.task_duration = Duration::from_millis(300);
        // Beyond what the sites let run: it is their own limit that is tried.
        config.settings.quotas.running_tasks = Some(40);
        let aws = Arc::new(Server::start(config).context("the simulator did not start")?);
        aws.skew(jiff::SignedDuration::from_secs(SKEW_SECONDS));
        let outcomes = [
            (Kind::Long, Outcome::default().lasting(LONG)),
            (Kind::Failing, Outcome::failing([simulator::Failure::default()])),
            (Kind::Held, Outcome::held()),
        ];
        for (kind, outcome) in outcomes {
            aws.set_outcome(&resources::task_ids(kind), outcome);
        }
        policies::add_to(&aws)?;
        let here = place(&cluster, "soak").await?;
        let elsewhere = place(&cluster, "soak-elsewhere").await?;
        let service = aws.address().to_string();
        let start = async |number, site, elects| {
            let place: &Place = if site == Site::Here { &here } else { &elsewhere };
            let setting = Setting {
                number,
                program: operator.to_owned(),
                namespace: place.namespace.clone(),
                site,
                elects,
            };
            Replica::start(setting, &cluster, &place.user, &service).await
        };
        let replicas = vec![
            start(0, Site::Here, true).await?,
            start(1, Site::Here, true).await?,
            start(2, Site::Elsewhere, false).await?,
        ];
        let of_policies = Api::namespaced_with(cluster.client().await?, &here.namespace, &policies::resource());
        eventually(LIMIT, "policies are served", async || {
            of_policies.list(&ListParams::default()).await
        })
        .await?;
        let watched = [
            (Site::Here, here.tasks.clone()),
            (Site::Elsewhere, elsewhere.tasks.clone()),
        ];
        Ok(Self {
            history: History::watch(watched, &aws),
            of_policies: policies::History::watch(of_policies.clone(), here.tasks.clone(), &aws),
            policies: of_policies,
            leases: Leases::watch(cluster.client().await?, &here.namespace),
            stranger: Stranger::new(&aws.endpoint()),
            aws,
            here,
            elsewhere,
            replicas,
            cluster,
        })
    }

    pub(crate) fn place(&self, site: Site) -> &Place {
        match site {
            Site::Here => &self.here,
            Site::Elsewhere => &self.elsewhere,
        }
    }

    /// Both sites.
    pub(crate) fn places(&self) -> [&Place; 2] {
        [&self.here, &self.elsewhere]
    }

    /// The replica that leads here.
    pub(crate) fn leader(&mut self) -> Option<usize> {
        self.replicas.iter_mut().position(Replica::leads)
    }

    /// Which of its processes a replica runs now.
    pub(crate) fn process(&self, replica: usize) -> usize {
        self.replicas.get(replica).map_or(0, Replica::processes)
    }

    pub(crate) fn kill(&mut self, replica: usize) -> Result<()> {
        let cluster = &self.cluster;
        self.replicas
            .get_mut(replica)
            .map_or(Ok(()), |replica| replica.kill(cluster))
    }

    pub(crate) async fn kill_and_strand(&mut self, replica: usize) -> Result<()> {
        match self.replicas.get_mut(replica) {
            Some(replica) => replica.kill_and_strand(&self.cluster).await,
            None => Ok(()),
        }
    }

    pub(crate) fn terminate(&mut self, replica: usize) -> Result<()> {
        self.replicas.get_mut(replica).map_or(Ok(()), Replica::terminate)
    }

    /// Processes that have ended are replaced, as Kubernetes would.
    pub(crate) fn keep(&mut self) -> Result<()> {
        for replica in &mut self.replicas {
            replica.keep(&self.cluster)?;
        }
        Ok(())
    }

    /// Ends the tasks that would run for ever.
    pub(crate) fn let_go_of_the_held(&self) {
        self.aws
            .set_outcome(&resources::task_ids(Kind::Held), Outcome::default());
    }
}

async fn place(cluster: &Cluster, prefix: &str) -> Result<Place> {
    let namespace = cluster.namespace(prefix).await?;
    let tasks = Api::namespaced_with(cluster.client().await?, &namespace, &resource());
    eventually(LIMIT, "the resource is served", async || {
        tasks.list(&ListParams::default()).await
    })
    .await?;
    Ok(Place {
        tasks,
        namespace,
        user: cluster.audited_user().await?,
    })
}
