//! What everything is measured on: the cluster and the simulated service, the same for all runs.

use std::{sync::atomic::AtomicU32, time::Duration};

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, ObjectMeta, PostParams},
};
use simulator::{Config, Server, Settings};
use support::{Cluster, ClusterOptions, eventually};

/// Longer than anything here takes, on a machine that is busy.
pub(crate) const LIMIT: Duration = Duration::from_mins(15);

const CRD: &str = include_str!("../../../crds/auditmitigationtasks.yaml");

pub(crate) struct Stand {
    pub(crate) cluster: Cluster,
    pub(crate) client: Client,
    pub(crate) aws: Server,
    /// Numbers the runs: each has an AWS account of its own.
    pub(crate) runs: AtomicU32,
}

impl Stand {
    pub(crate) async fn start() -> Result<Self> {
        let cluster = Cluster::start(ClusterOptions::default()).await?;
        cluster.apply(CRD).await?;
        let client = cluster.client().await?;
        let tasks: Api<DynamicObject> = Api::all_with(client.clone(), &resource());
        eventually(LIMIT, "the resource is served", async || {
            tasks.list(&ListParams::default().limit(1)).await
        })
        .await?;
        let config = Config {
            call_log_limit: 10_000_000,
            ..Config::default()
        };
        Ok(Self {
            cluster,
            client,
            aws: Server::start(config).context("the simulator did not start")?,
            runs: AtomicU32::new(0),
        })
    }

    /// The resources of a namespace.
    pub(crate) fn tasks(&self, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource())
    }

    /// Makes a namespace; false if it is there already.
    pub(crate) async fn make_namespace(&self, name: &str) -> Result<bool> {
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        let made = Api::all(self.client.clone())
            .create(&PostParams::default(), &namespace)
            .await;
        match made {
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            made => Ok(made.map(|_| true)?),
        }
    }

    /// Puts the simulated service's settings to what they are at its start, but for this change.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) {
        self.aws.set_settings(|settings| {
            *settings = Settings::default();
            change(settings);
        });
    }

    /// No quota holds anything up.
    pub(crate) fn without_quotas(settings: &mut Settings) {
        let quotas = &mut settings.quotas;
        quotas.running_tasks = None;
        for rate in [
            &mut quotas.start,
            &mut quotas.cancel,
            &mut quotas.describe,
            &mut quotas.list,
        ] {
            *rate = None;
        }
    }
}

pub(crate) fn resource() -> ApiResource {
    let kind = GroupVersionKind::gvk("devicedefender.dev", "v1alpha1", "AuditMitigationTask");
    ApiResource::from_gvk_with_plural(&kind, "auditmitigationtasks")
}
