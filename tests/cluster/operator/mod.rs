//! The operator's own process on a real API server, with the real AWS SDK against the simulator.

mod answers;
mod approval;
mod approval_under_faults;
mod bad_input;
mod cancel;
mod copies;
mod crowd;
mod deletion;
mod existing;
mod faults;
mod following;
mod guards;
mod kills;
mod lease;
mod logs;
mod main_job;
mod namespaces;
mod orphaned;
mod outages;
mod policies;
mod queue;
mod reach;
mod readings;
mod recreation;
mod requests;
#[cfg(target_os = "linux")]
mod resident;
mod shutdown;
mod start_up;
mod stuck;
mod ttl;
mod undecodable;
mod waiting;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use audit_mitigation_operator::api::{AuditMitigationTaskStatus, Phase, StoredTask};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use simulator::{Call, Config, Operation, Server};
use support::proxy::{Asked, Fate, Proxy};
use support::{Cluster, Process, Wire, eventually, http_get, operator, ports, shared};
use tempfile::NamedTempFile;
use tokio::sync::OnceCell;

use crate::crd::{install_all, served};

/// Generous, for a machine that is busy building.
pub(crate) const LIMIT: Duration = Duration::from_mins(2);

/// A namespace with an operator that watches it alone, and an AWS of its own.
pub(crate) struct World {
    cluster: &'static Cluster,
    kubeconfig: PathBuf,
    pub(crate) namespace: String,
    pub(crate) aws: Server,
    operator: Option<Process>,
    client: Client,
    pub(crate) flags: Vec<String>,
    pub(crate) port: u16,
    endpoint: String,
    access_key: Option<&'static str>,
    /// Kubeconfigs that last as long as this.
    files: Vec<NamedTempFile>,
}

impl World {
    /// A world whose tasks end after a fifth of a second, with readings of the service's documents to choose.
    async fn with(prefix: &str, flags: &[&str], change: impl FnOnce(&mut Config)) -> Self {
        let mut world = Self::without_operator(prefix, flags, change).await;
        world.start_operator();
        world
    }

    async fn new(prefix: &str) -> Self {
        Self::with(prefix, &[], |_| {}).await
    }

    pub(crate) async fn without_operator(prefix: &str, flags: &[&str], change: impl FnOnce(&mut Config)) -> Self {
        static INSTALLED: OnceCell<()> = OnceCell::const_new();
        let cluster = shared().await.unwrap();
        INSTALLED.get_or_init(|| prepare(cluster)).await;
        Self::in_cluster(cluster, prefix, flags, change).await
    }

    /// The same in a cluster that was [prepared](prepare).
    async fn in_cluster(
        cluster: &'static Cluster,
        prefix: &str,
        flags: &[&str],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let namespace = cluster.namespace(prefix).await.unwrap();
        let mut config = Config::default();
        config.settings.task_duration = Duration::from_millis(200);
        change(&mut config);
        let aws = Server::start(config).unwrap();
        Self {
            cluster,
            kubeconfig: cluster.kubeconfig().to_owned(),
            namespace,
            endpoint: aws.endpoint(),
            access_key: Some("AKIATEST"),
            aws,
            operator: None,
            client: cluster.client().await.unwrap(),
            flags: flags.iter().map(ToString::to_string).collect(),
            port: ports::free().unwrap(),
            files: Vec::new(),
        }
    }

    /// Lays a wire to the API server for the operators to come.
    async fn lay_wire(&mut self) -> Wire {
        let server = self.cluster.url().trim_start_matches("https://");
        let wire = Wire::to(server).await.unwrap();
        let file = wire.kubeconfig(&self.kubeconfig).unwrap();
        file.path().clone_into(&mut self.kubeconfig);
        self.files.push(file);
        wire
    }

    /// Puts a proxy before the API server for the operators to come.
    async fn lay_proxy(&mut self, fate: impl Fn(&Asked) -> Fate + Send + Sync + 'static) -> Proxy {
        let proxy = Proxy::of_cluster(self.cluster, fate).await.unwrap();
        let file = proxy.kubeconfig().unwrap();
        file.path().clone_into(&mut self.kubeconfig);
        self.files.push(file);
        proxy
    }

    pub(crate) fn start_operator(&mut self) {
        self.operator = Some(self.cluster.spawn("operator", self.operator_command()).unwrap());
    }

    fn operator_command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_audit-mitigation-operator");
        let access_key = self.access_key.unwrap_or_default();
        let mut command = operator::command(
            program.as_ref(),
            &self.kubeconfig,
            &self.endpoint,
            access_key,
            self.port,
        );
        if self.access_key.is_none() {
            command
                .env_remove("AWS_ACCESS_KEY_ID")
                .env_remove("AWS_SECRET_ACCESS_KEY");
        }
        // A restart after a kill would wait for the old lease; the tests of the lease turn it on by a flag.
        command.env("LEADER_ELECT", "false");
        command.arg("--watch-namespaces").arg(&self.namespace);
        command.args([
            "--min-poll-interval",
            "200ms",
            "--log-format",
            "text",
            "--log-level",
            "info,audit_mitigation_operator=debug",
        ]);
        command.args(&self.flags);
        command
    }

    fn tasks(&self) -> Api<StoredTask> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Applies manifests as people do.
    pub(crate) async fn apply(&self, manifests: &str) {
        let args = ["apply", "--namespace", &self.namespace, "-f", "-"];
        let output = self.cluster.kubectl_stdin(&args, manifests).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    async fn kubectl(&self, args: &[&str]) -> String {
        self.cluster
            .kubectl_ok(&[&["--namespace", &self.namespace], args].concat())
            .await
            .unwrap()
    }

    /// Creates a resource with this spec.
    pub(crate) async fn create(&self, name: &str, spec: &Value) {
        self.create_object(&object(name, spec)).await;
    }

    async fn create_object(&self, object: &Value) {
        let resource = ApiResource::erase::<audit_mitigation_operator::api::AuditMitigationTask>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &self.namespace, &resource);
        api.create(&PostParams::default(), &serde_json::from_value(object.clone()).unwrap())
            .await
            .unwrap();
    }

    /// Edits a resource with a merge patch.
    async fn edit(&self, name: &str, patch: &Value) {
        self.tasks()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap();
    }

    async fn get(&self, name: &str) -> StoredTask {
        self.tasks().get(name).await.unwrap()
    }

    async fn status(&self, name: &str) -> AuditMitigationTaskStatus {
        status(&self.get(name).await)
    }

    /// Waits until the resource is as it should be.
    async fn until(&self, name: &str, what: &str, holds: impl Fn(&StoredTask) -> bool) -> StoredTask {
        let found = eventually(LIMIT, what, async || {
            let task = self.tasks().get(name).await.map_err(|error| error.to_string())?;
            if holds(&task) {
                Ok(task)
            } else {
                Err(serde_json::to_string(&task).unwrap())
            }
        })
        .await;
        found.unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", self.log()))
    }

    /// Waits until the resource is in this phase, for this spec.
    pub(crate) async fn phase(&self, name: &str, phase: Phase) -> AuditMitigationTaskStatus {
        let task = self
            .until(name, &format!("{name} is {phase:?}"), |task| {
                let status = status(task);
                status.phase == Some(phase) && status.observed_generation == task.metadata.generation
            })
            .await;
        status(&task)
    }

    async fn until_gone(&self, name: &str) {
        let gone = eventually(LIMIT, "it is gone", async || match self.tasks().get_opt(name).await {
            Ok(None) => Ok(()),
            Ok(Some(task)) => Err(serde_json::to_string(&task).unwrap()),
            Err(error) => Err(error.to_string()),
        });
        gone.await
            .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", self.log()));
    }

    /// The reasons of the events of a resource, oldest first, each as often as it was written.
    async fn events(&self, name: &str) -> Vec<String> {
        let events: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut events = events.list(&ListParams::default()).await.unwrap().items;
        events.retain(|event| event.regarding.as_ref().and_then(|regarding| regarding.name.as_deref()) == Some(name));
        events.sort_by_key(|event| event.event_time.clone().map(|time| time.0));
        // Repetitions are counted in one event's series; here each counts.
        let times = |event: &Event| event.series.as_ref().map_or(1, |series| series.count);
        events
            .into_iter()
            .flat_map(|event| (0..times(&event)).filter_map(move |_| event.reason.clone()))
            .collect()
    }

    /// Waits until the resource has exactly these events. They are written on the side, so what the status says already
    /// may have no event yet: no test reads them once.
    async fn until_events(&self, name: &str, expected: &[&str]) {
        self.until_events_that(name, &format!("exactly {expected:?}"), |events| events == expected)
            .await;
    }

    /// Waits until the resource has each of these events, and maybe others.
    async fn until_events_with(&self, name: &str, expected: &[&str]) {
        let has = |events: &[String]| expected.iter().all(|reason| events.iter().any(|event| event == reason));
        self.until_events_that(name, &format!("{expected:?}"), has).await;
    }

    async fn until_events_that(&self, name: &str, expected: &str, is_told: impl Fn(&[String]) -> bool) {
        eventually(LIMIT, "the events are written", async || {
            let events = self.events(name).await;
            if is_told(&events) {
                Ok(())
            } else {
                Err(format!("{events:?} instead of {expected}"))
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", self.log()));
    }

    fn calls(&self, operation: Operation) -> Vec<Call> {
        self.aws
            .calls()
            .into_iter()
            .filter(|call| call.operation == Some(operation))
            .collect()
    }

    /// Waits until the service says this of the task.
    async fn until_task(&self, task_id: &str, expected: &str) {
        eventually(LIMIT, "the task is as expected", async || {
            let status = self.aws.task(task_id).map(|task| task.status);
            if status.as_deref() == Some(expected) {
                Ok(())
            } else {
                Err(format!("{task_id}: {status:?}"))
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", self.log()));
    }

    /// Waits until the service was asked for this so often.
    async fn until_called(&self, operation: Operation, times: usize) {
        eventually(LIMIT, "the calls are made", async || {
            let calls = self.calls(operation).len();
            if calls >= times {
                Ok(())
            } else {
                Err(format!("{calls} calls of {operation:?}"))
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", self.log()));
    }

    /// Waits until the operator has said this so often.
    async fn until_logged(&self, what: &str, times: usize) {
        eventually(LIMIT, "the operator says it", async || {
            let log = self.log();
            let count = log.matches(what).count();
            if count >= times {
                Ok(())
            } else {
                Err(format!("{count} times {what:?}:\n{log}"))
            }
        })
        .await
        .unwrap();
    }

    /// Waits until so many connections were made to a wire.
    async fn until_connected(&self, wire: &Wire, times: usize) {
        eventually(LIMIT, "it connects again", async || {
            let count = wire.connections();
            if count >= times {
                Ok(())
            } else {
                Err(format!("{count} connections"))
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", self.log()));
    }

    /// The value of a metric without labels.
    async fn metric(&self, name: &str) -> u64 {
        let (_, text) = http_get(self.port, "/metrics").await.unwrap();
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")))
            .unwrap_or_else(|| panic!("{name} in {text}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    fn log(&self) -> String {
        self.operator.as_ref().map(Process::log).unwrap_or_default()
    }
}

/// Kubernetes keeps whole seconds: what comes next is to be younger by the clock.
pub(crate) async fn until_older_than(time: jiff::Timestamp, seconds: i64) {
    eventually(LIMIT, "some seconds have passed", async || {
        let age = jiff::Timestamp::now().duration_since(time);
        if age.as_secs() >= seconds {
            Ok(())
        } else {
            Err(age.to_string())
        }
    })
    .await
    .unwrap();
}

/// Lets a cluster serve tasks and policies.
async fn prepare(cluster: &Cluster) {
    install_all(cluster).await;
    served(cluster, "default").await;
}

fn status(task: &StoredTask) -> AuditMitigationTaskStatus {
    task.status.good().cloned().flatten().unwrap_or_default()
}

/// The status and the reason of a condition.
fn condition(status: &AuditMitigationTaskStatus, condition: &str) -> (String, String) {
    let found = status
        .conditions
        .iter()
        .find(|candidate| candidate.type_ == condition)
        .expect(condition);
    (found.status.clone(), found.reason.clone())
}

fn message(status: &AuditMitigationTaskStatus) -> String {
    status
        .conditions
        .iter()
        .find(|candidate| candidate.type_ == "Ready")
        .expect("Ready")
        .message
        .clone()
}

fn object(name: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "devicedefender.dev/v1alpha1",
        "kind": "AuditMitigationTask",
        "metadata": { "name": name },
        "spec": spec,
    })
}

/// A spec with one check and one action, under this id.
pub(crate) fn spec(task_id: &str) -> Value {
    json!({
        "taskId": task_id,
        "target": { "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" },
        "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
    })
}

fn has_finalizer(task: &StoredTask) -> bool {
    task.finalizers()
        .iter()
        .any(|finalizer| finalizer == audit_mitigation_operator::api::FINALIZER)
}
