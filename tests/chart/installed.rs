//! A release on a cluster of its own, with its operator run as its Deployment says.

use std::process::Command;
use std::time::Duration;

use audit_mitigation_operator::api::{AuditMitigationTask, Phase};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{PodSpec, Secret};
use k8s_openapi::api::events::v1::Event;
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use simulator::{Config, Server};
use support::{Cluster, ClusterOptions, Process, eventually, ports};

use crate::chart;
use crate::helm::{Helm, path};

/// Generous, for a machine that is busy building.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);

/// What every Deployment of a release named `amo` is called.
pub(crate) const NAME: &str = "amo-audit-mitigation-operator";

/// The package that stands for the chart before this one.
const PREVIOUS_CHART: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/chart/previous/audit-mitigation-operator-0.0.1.tgz"
);

/// Credentials in the environment, as values.
const ACCESS_KEY: &str = "extraEnv[0].name=AWS_ACCESS_KEY_ID,extraEnv[0].value=AKIATEST,\
    extraEnv[1].name=AWS_SECRET_ACCESS_KEY,extraEnv[1].value=secret";

/// A cluster with a release of the chart in the namespace `system`, and an AWS.
pub(crate) struct Installed {
    pub(crate) cluster: Cluster,
    pub(crate) aws: Server,
    pub(crate) client: Client,
    helm: Helm,
    values: String,
}

impl Installed {
    /// Makes the namespaces and installs the chart with these further values, and with an access key of AWS.
    pub(crate) async fn new(helm: Helm, namespaces: &[&str], values: &str) -> Self {
        let installed = Self::prepared(helm, namespaces, &format!("{ACCESS_KEY},{values}")).await;
        installed.install_again();
        installed
    }

    /// The same of the chart's previous version.
    pub(crate) async fn previous(helm: Helm, namespaces: &[&str]) -> Self {
        let installed = Self::prepared(helm, namespaces, ACCESS_KEY).await;
        installed.helm(&["install", "amo", PREVIOUS_CHART, "--set", &installed.values]);
        installed
    }

    /// Everything but the release.
    pub(crate) async fn prepared(helm: Helm, namespaces: &[&str], values: &str) -> Self {
        let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
        let mut config = Config::default();
        config.settings.task_duration = Duration::from_millis(200);
        let aws = Server::start(config).unwrap();
        for namespace in namespaces.iter().chain(&["system"]) {
            cluster.kubectl_ok(&["create", "namespace", namespace]).await.unwrap();
        }
        let values = complete(&aws, values);
        Self {
            client: cluster.client().await.unwrap(),
            cluster,
            aws,
            helm,
            values,
        }
    }

    /// Runs helm on this cluster, where it has to succeed.
    pub(crate) fn helm(&self, args: &[&str]) -> String {
        let kubeconfig = path(self.cluster.kubeconfig());
        let fixed = ["--kubeconfig", kubeconfig, "--namespace", "system"];
        self.helm.ok(&[args, &fixed].concat())
    }

    /// Installs it, with the same values each time.
    pub(crate) fn install_again(&self) {
        self.install_again_with("crds.install=true");
    }

    /// The same with a further value.
    pub(crate) fn install_again_with(&self, value: &str) {
        self.helm(&["install", "amo", path(&chart()), "--set", &self.values, "--set", value]);
    }

    /// Installs a second release of the same name in another namespace.
    pub(crate) fn install_beside(&self, namespace: &str, values: &str) {
        let values = complete(&self.aws, &format!("{ACCESS_KEY},{values}"));
        let chart = chart();
        let kubeconfig = path(self.cluster.kubeconfig());
        let fixed = ["--kubeconfig", kubeconfig, "--namespace", namespace];
        let install = ["install", "amo", path(&chart), "--set", &values];
        self.helm.ok(&[&install[..], &fixed].concat());
    }

    /// The arguments of the release's pods.
    pub(crate) async fn arguments(&self) -> Vec<String> {
        self.pod("system").await.containers[0].args.clone().unwrap()
    }

    /// What the pods of a release are made of.
    async fn pod(&self, namespace: &str) -> PodSpec {
        let deployments: Api<Deployment> = Api::namespaced(self.client.clone(), namespace);
        let deployment = deployments.get(NAME).await.unwrap();
        deployment.spec.unwrap().template.spec.unwrap()
    }

    /// Starts the operator with exactly the arguments, the variables and the rights of the installed Deployment.
    pub(crate) async fn start_operator(&self) -> Process {
        self.start_operator_of("system").await
    }

    /// The same of the release in another namespace.
    pub(crate) async fn start_operator_of(&self, namespace: &str) -> Process {
        let pod = self.pod(namespace).await;
        let account = pod.service_account_name.as_deref().unwrap();
        let kubeconfig = self
            .cluster
            .kubeconfig_for_service_account(namespace, account)
            .await
            .unwrap();
        let mounts = self.mount(namespace, &pod).await;
        let container = pod.containers.into_iter().next().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_audit-mitigation-operator"));
        command.env_clear().args(container.args.unwrap());
        for variable in container.env.unwrap() {
            let mut value = variable.value.unwrap();
            for (path, folder) in &mounts {
                value = value.replace(path, folder);
            }
            command.env(variable.name, value);
        }
        // In place of the files that a pod finds its API server and its token by.
        command.env("KUBECONFIG", kubeconfig);
        self.cluster.spawn("operator", command).unwrap()
    }

    /// Writes the pod's Secrets to folders, as a kubelet would: each with the path that it stands for.
    async fn mount(&self, namespace: &str, pod: &PodSpec) -> Vec<(String, String)> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let mut mounts = Vec::new();
        for mount in pod.containers[0].volume_mounts.iter().flatten() {
            let volume = pod.volumes.iter().flatten().find(|volume| volume.name == mount.name);
            let secret = volume.and_then(|volume| volume.secret.as_ref()).unwrap();
            let secret = secrets.get(secret.secret_name.as_deref().unwrap()).await.unwrap();
            let folder = self.cluster.supervisor().folder().join(namespace).join(&mount.name);
            std::fs::create_dir_all(&folder).unwrap();
            for (key, value) in secret.data.unwrap() {
                std::fs::write(folder.join(key), value.0).unwrap();
            }
            mounts.push((mount.mount_path.clone(), path(&folder).to_owned()));
        }
        mounts
    }

    pub(crate) fn tasks(&self, namespace: &str) -> Api<AuditMitigationTask> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// A task for a whole audit, with one check and one action, and these further members of the spec.
    pub(crate) fn task(name: &str, further: &Value) -> AuditMitigationTask {
        let mut spec = json!({
            "target": { "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" },
            "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
        });
        spec.as_object_mut()
            .unwrap()
            .extend(further.as_object().unwrap().clone());
        serde_json::from_value(json!({
            "apiVersion": "devicedefender.dev/v1alpha1",
            "kind": "AuditMitigationTask",
            "metadata": { "name": name },
            "spec": spec,
        }))
        .unwrap()
    }

    pub(crate) async fn create(&self, namespace: &str, name: &str, further: &Value) {
        self.tasks(namespace)
            .create(&PostParams::default(), &Self::task(name, further))
            .await
            .unwrap();
    }

    /// Edits a task's spec with a merge patch.
    pub(crate) async fn edit(&self, namespace: &str, name: &str, spec: &Value) {
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.tasks(namespace)
            .patch(name, &PatchParams::default(), &patch)
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

    /// An audit from before a policy, by Kubernetes' whole seconds, doesn't count.
    pub(crate) async fn until_audits_count(&self, policy_created: Timestamp) {
        eventually(LIMIT, "a later second has begun", async || {
            let age = self.aws.now().duration_since(policy_created);
            if age.as_secs() >= 3 {
                Ok(())
            } else {
                Err(age.to_string())
            }
        })
        .await
        .unwrap();
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
        let has_reason = |event: &Event| event.reason.as_deref() == Some(reason);
        self.until_some_event(namespace, name, operator, has_reason).await;
    }

    /// Waits until there is an event for a resource that counts several of its kind.
    pub(crate) async fn until_repeated(&self, namespace: &str, name: &str, operator: &Process) {
        self.until_some_event(namespace, name, operator, |event| event.series.is_some())
            .await;
    }

    async fn until_some_event(
        &self,
        namespace: &str,
        name: &str,
        operator: &Process,
        is_meant: impl Fn(&Event) -> bool,
    ) {
        let events: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let what = format!("the event of {name} is written");
        let written = eventually(LIMIT, &what, async || {
            let events = events.list(&ListParams::default()).await;
            let mut events = events.map_err(|error| error.to_string())?.items;
            events.retain(|event| event.regarding.as_ref().and_then(|to| to.name.as_deref()) == Some(name));
            if events.iter().any(&is_meant) {
                Ok(())
            } else {
                Err(json!(events).to_string())
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
         extraArgs={{--min-poll-interval=200ms,--audit-poll-interval=1s}},{further}",
        aws.endpoint(),
        ports::free().unwrap(),
    )
}
