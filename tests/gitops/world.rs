//! An operator in a namespace of its own, with an AWS of its own.

use std::time::Duration;

use serde_json::{Value, json};
use simulator::{Config, Quotas, Server};
use support::{Cluster, Process, eventually, operator, ports, shared};
use tokio::sync::OnceCell;

/// Generous, for a machine that is busy building.
pub(crate) const LIMIT: Duration = Duration::from_mins(4);

/// The definitions as they are delivered.
const CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");

/// The cluster of these tests, which knows the resources.
pub(crate) async fn cluster() -> &'static Cluster {
    static SERVED: OnceCell<()> = OnceCell::const_new();
    let cluster = shared().await.unwrap();
    let served = SERVED.get_or_init(|| async {
        cluster
            .kubectl_ok(&["apply", "--server-side", "-f", CRDS])
            .await
            .unwrap();
        for kind in ["auditmitigationtasks", "auditmitigationpolicies"] {
            eventually(LIMIT, "the resource is served", async || {
                cluster.kubectl_ok(&["get", kind]).await
            })
            .await
            .unwrap();
        }
    });
    served.await;
    cluster
}

/// A namespace with an operator that watches it alone, and an AWS of its own.
pub(crate) struct World {
    pub(crate) cluster: &'static Cluster,
    pub(crate) namespace: String,
    pub(crate) aws: Server,
    operator: Option<Process>,
}

impl World {
    /// A world whose tasks end after a fifth of a second, and whose operator isn't started yet.
    pub(crate) async fn new(prefix: &str) -> Self {
        let cluster = cluster().await;
        let mut config = Config::default();
        config.settings.task_duration = Duration::from_millis(200);
        // Many tasks at once, and what is captured must not depend on which of them is throttled.
        config.settings.quotas = Quotas::unlimited();
        Self {
            cluster,
            namespace: cluster.namespace(prefix).await.unwrap(),
            aws: Server::start(config).unwrap(),
            operator: None,
        }
    }

    pub(crate) fn start_operator(&mut self, flags: &[&str]) {
        let program = env!("CARGO_BIN_EXE_audit-mitigation-operator");
        let mut command = operator::command(
            program.as_ref(),
            self.cluster.kubeconfig(),
            &self.aws.endpoint(),
            "AKIATEST",
            ports::free().unwrap(),
        );
        command
            .env("LEADER_ELECT", "false")
            .args(["--watch-namespaces", &self.namespace])
            .args(["--min-poll-interval", "200ms", "--audit-poll-interval", "200ms"])
            .args(["--log-format", "text"])
            .args(flags);
        self.operator = Some(self.cluster.spawn("operator", command).unwrap());
    }

    pub(crate) fn stop_operator(&mut self) {
        self.operator = None;
    }

    pub(crate) async fn kubectl(&self, args: &[&str]) -> String {
        let args = [&["--namespace", &self.namespace], args].concat();
        self.cluster.kubectl_ok(&args).await.unwrap()
    }

    /// Creates a resource with the spec of [`spec`], changed by these members.
    pub(crate) async fn create(&self, name: &str, members: Value) {
        self.create_object(&task(name, members)).await;
    }

    pub(crate) async fn create_object(&self, object: &Value) {
        let args = ["--namespace", &self.namespace, "create", "-f", "-"];
        let output = self.cluster.kubectl_stdin(&args, &object.to_string()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub(crate) async fn edit(&self, name: &str, patch: &Value) {
        self.kubectl(&["patch", "amt", name, "--type=merge", "--patch", &patch.to_string()])
            .await;
    }

    pub(crate) async fn get(&self, name: &str) -> Value {
        self.get_object("amt", name).await
    }

    async fn get_object(&self, kind: &str, name: &str) -> Value {
        serde_json::from_str(&self.kubectl(&["get", kind, name, "-o", "json"]).await).unwrap()
    }

    /// Waits until the resource is as it should be.
    pub(crate) async fn until(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.until_object("amt", name, what, holds).await
    }

    /// Waits until a resource of any kind is as it should be.
    pub(crate) async fn until_object(
        &self,
        kind: &str,
        name: &str,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        let description = format!("{name} is {what}");
        let found = eventually(LIMIT, &description, async || {
            let object = self.get_object(kind, name).await;
            if holds(&object) {
                Ok(object)
            } else {
                Err(object.to_string())
            }
        });
        found.await.unwrap_or_else(|error| {
            let log = self.operator.as_ref().map(Process::log).unwrap_or_default();
            panic!("{error:#}\nthe operator's log:\n{log}")
        })
    }

    /// Waits until the resource is in this phase, for its present spec.
    pub(crate) async fn phase(&self, name: &str, phase: &str) -> Value {
        self.until(name, phase, |task| {
            task["status"]["phase"] == phase && task["status"]["observedGeneration"] == task["metadata"]["generation"]
        })
        .await
    }
}

/// A resource with one check and one action, its spec changed by these members.
pub(crate) fn task(name: &str, members: Value) -> Value {
    let mut spec = json!({
        "target": { "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" },
        "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
    });
    if let (Some(spec), Value::Object(members)) = (spec.as_object_mut(), members) {
        spec.extend(members);
    }
    json!({
        "apiVersion": "devicedefender.dev/v1alpha1",
        "kind": "AuditMitigationTask",
        "metadata": { "name": name },
        "spec": spec,
    })
}
