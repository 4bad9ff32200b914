//! A release on a cluster of its own, with its operator run as its Deployment says.

use std::process::Command;
use std::time::Duration;

use audit_mitigation_operator::api::{AuditMitigationTask, Phase};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;
use k8s_openapi::api::events::v1::Event;
use kube::Client;
use kube::api::{Api, ListParams, PostParams};
use serde_json::{Value, json};
use simulator::{Config, Server};
use support::{Cluster, ClusterOptions, Process, eventually, ports};

use crate::chart;
use crate::helm::{Helm, path};

/// Generous, for a machine that is busy building.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);

/// What every Deployment of a release named `amo` is called.
pub(crate) const NAME: &str = "amo-audit-mitigation-operator";

/// A cluster with a release of the chart in the namespace `system`, and an AWS.
pub(crate) struct Installed {
    pub(crate) cluster: Cluster,
    pub(crate) aws: Server,
    pub(crate) client: Client,
    helm: Helm,
    values: String,
}

impl Installed {
    /// Makes the namespaces and installs the chart with these further values.
    pub(crate) async fn new(helm: Helm, namespaces: &[&str], values: &str) -> Self {
        let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
        let mut config = Config::default();
        config.settings.task_duration = Duration::from_millis(200);
        let aws = Server::start(config).unwrap();
        for namespace in namespaces.iter().chain(&["system"]) {
            cluster.kubectl_ok(&["create", "namespace", namespace]).await.unwrap();
        }
        let values = complete(&aws, values);
        let installed = Self {
            client: cluster.client().await.unwrap(),
            cluster,
            aws,
            helm,
            values,
        };
        installed.helm(&["install", "amo", path(&chart()), "--set", &installed.values]);
        installed
    }

    /// Runs helm on this cluster, where it has to succeed.
    pub(crate) fn helm(&self, args: &[&str]) -> String {
        let kubeconfig = path(self.cluster.kubeconfig());
        let fixed = ["--kubeconfig", kubeconfig, "--namespace", "system"];
        self.helm.ok(&[args, &fixed].concat())
    }

    /// Installs it again, with the values of the first time.
    pub(crate) fn install_again(&self) {
        self.helm(&["install", "amo", path(&chart()), "--set", &self.values]);
    }

    /// Installs a second release of the same name in another namespace.
    pub(crate) fn install_beside(&self, namespace: &str, values: &str) {
        let values = complete(&self.aws, values);
        let chart = chart();
        let kubeconfig = path(self.cluster.kubeconfig());
        let fixed = ["--kubeconfig", kubeconfig, "--namespace", namespace];
        let install = ["install", "amo", path(&chart), "--set", &values];
        self.helm.ok(&[&install[..], &fixed].concat());
    }

    /// The arguments of the release's pods.
    pub(crate) async fn arguments(&self) -> Vec<String> {
        self.container("system").await.1.args.unwrap()
    }

    /// The service account and the container of a release.
    async fn container(&self, namespace: &str) -> (String, Container) {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), namespace);
        let deployment = deployments.get(NAME).await.unwrap();
        let pod = deployment.spec.unwrap().template.spec.unwrap();
        (
            pod.service_account_name.unwrap(),
            pod.containers.into_iter().next().unwrap(),
        )
    }

    /// Starts the operator with exactly the arguments, the variables and the rights of the installed Deployment.
    pub(crate) async fn start_operator(&self) -> Process {
        self.start_operator_of("system").await
    }

    /// The same of the release in another namespace.
    pub(crate) async fn start_operator_of(&self, namespace: &str) -> Process {
        let (account, Container { args, env, .. }) = self.container(namespace).await;
        let kubeconfig = self
            .cluster
            .kubeconfig_for_service_account(namespace, &account)
            .await
            .unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_audit-mitigation-operator"));
        command.env_clear().args(args.unwrap());
        for variable in env.unwrap() {
            command.env(variable.name, variable.value.unwrap());
        }
        // In place of the files that a pod finds its API server and its token by.
        command.env("KUBECONFIG", kubeconfig);
        self.cluster.spawn("operator", command).unwrap()
    }

    pub(crate) fn tasks(&self, namespace: &str) -> Api<AuditMitigationTask> {
        Api::namespaced(self.client.clone(), namespace)
    }

    pub(crate) async fn create(&self, namespace: &str, name: &str, further: &Value) {
        let mut spec = json!({
            "target": { "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" },
            "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
        });
        spec.as_object_mut()
            .unwrap()
            .extend(further.as_object().unwrap().clone());
        let task = serde_json::from_value(json!({
            "apiVersion": "devicedefender.dev/v1alpha1",
            "kind": "AuditMitigationTask",
            "metadata": { "name": name },
            "spec": spec,
        }));
        self.tasks(namespace)
            .create(&PostParams::default(), &task.unwrap())
            .await
            .unwrap();
    }

    /// Waits until a resource is in this phase.
    pub(crate) async fn phase(&self, namespace: &str, name: &str, phase: Phase, operator: &Process) {
        let tasks = self.tasks(namespace);
        let what = format!("{name} is {phase:?}");
        let reached = eventually(LIMIT, &what, async || {
            let task = tasks.get(name).await.map_err(|error| error.to_string())?;
            let status = task.status.unwrap_or_default();
            if status.phase == Some(phase) {
                Ok(())
            } else {
                Err(json!(status).to_string())
            }
        });
        reached
            .await
            .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", operator.log()));
    }

    pub(crate) async fn until_gone(&self, namespace: &str, name: &str, operator: &Process) {
        let tasks = self.tasks(namespace);
        let what = format!("{name} is gone");
        let gone = eventually(LIMIT, &what, async || match tasks.get_opt(name).await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        gone.await
            .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", operator.log()));
    }

    /// Waits until there is an event with this reason for a resource.
    pub(crate) async fn until_event(&self, namespace: &str, name: &str, reason: &str, operator: &Process) {
        let events: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let what = format!("the event {reason} of {name} is written");
        let written = eventually(LIMIT, &what, async || {
            let events = events.list(&ListParams::default()).await;
            let events = events.map_err(|error| error.to_string())?.items;
            let named = |event: &&Event| event.regarding.as_ref().and_then(|to| to.name.as_deref()) == Some(name);
            let reasons: Vec<String> = events
                .iter()
                .filter(named)
                .filter_map(|event| event.reason.clone())
                .collect();
            if reasons.iter().any(|found| found == reason) {
                Ok(())
            } else {
                Err(format!("{reasons:?}"))
            }
        });
        written
            .await
            .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", operator.log()));
    }

    /// Whether a user may do this, in the API server's opinion.
    pub(crate) async fn may(&self, user: &str, namespace: &str, verb: &str, resource: &str) -> bool {
        let args = ["auth", "can-i", verb, resource, "--as", user, "--namespace", namespace];
        self.cluster.kubectl(&args).await.unwrap().status.success()
    }
}

/// Values that lead the operator to this AWS, and to a port of its own.
fn complete(aws: &Server, further: &str) -> String {
    format!(
        "aws.region=eu-central-1,aws.endpointUrl={},metrics.port={},log.format=text,\
         extraArgs={{--min-poll-interval=200ms}},\
         extraEnv[0].name=AWS_ACCESS_KEY_ID,extraEnv[0].value=AKIATEST,\
         extraEnv[1].name=AWS_SECRET_ACCESS_KEY,extraEnv[1].value=secret,{further}",
        aws.endpoint(),
        ports::free().unwrap(),
    )
}
