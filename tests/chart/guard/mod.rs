//! The guards on a real API server: what each rule for tenants lets through and what it refuses, who may approve, and
//! that nobody gets past either.

mod approval;
mod edits;
mod page;
mod policies;
mod rules;
mod values;
mod words;

use std::path::PathBuf;

use audit_mitigation_operator::api::{AuditMitigationPolicy, AuditMitigationTask};
use kube::api::{ApiResource, DynamicObject, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};
use support::{Cluster, ClusterOptions, eventually};
use tokio::sync::OnceCell;

use crate::drift::DELIVERED;
use crate::helm::{EACH, objects, path};
use crate::installed::LIMIT;

/// A version that doesn't exist yet beside the one that does.
const VERSIONS: [&str; 2] = ["v1alpha1", "v1alpha2"];

/// A cluster with the definitions and a tenant who may do everything in the namespaces of the tests. Each test has namespaces
/// and guards of its own.
pub(super) struct Guarded {
    cluster: Cluster,
    tenant: PathBuf,
}

impl Guarded {
    pub(super) async fn shared() -> &'static Self {
        static SHARED: OnceCell<Guarded> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    async fn start() -> Self {
        let cluster = Cluster::start(ClusterOptions::default()).await.unwrap();
        for (_, crd) in DELIVERED {
            let mut crd = objects(crd).remove(0);
            let mut next = crd["spec"]["versions"][0].clone();
            next["name"] = json!(VERSIONS[1]);
            next["storage"] = json!(false);
            crd["spec"]["versions"].as_array_mut().unwrap().push(next);
            cluster.apply(&crd.to_string()).await.unwrap();
        }
        let wait = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=120s"];
        cluster.kubectl_ok(&wait).await.unwrap();
        let tenant = cluster.kubeconfig_for("tenant", None).unwrap();
        Self { cluster, tenant }
    }

    /// A namespace with these labels in which the tenant may do everything.
    pub(super) async fn namespace(&self, prefix: &str, labels: &Value) -> String {
        let name = self.cluster.namespace(prefix).await.unwrap();
        self.namespace_named(&name, labels).await;
        name
    }

    /// The same under a given name.
    pub(super) async fn namespace_named(&self, name: &str, labels: &Value) {
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": { "name": "everything", "namespace": name },
            "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }],
        });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": "everything", "namespace": name },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "everything" },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tenant" }],
        });
        let namespace =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } });
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": [namespace, role, binding] });
        self.cluster.apply(&list.to_string()).await.unwrap();
    }

    /// Switches a guard on for these namespaces. It comes into force a moment later.
    pub(super) async fn guard(&self, release: &str, namespaces: &[&str], rules: &Value) {
        self.guard_with(release, namespaces, &json!({ "rules": rules })).await;
    }

    /// The same with further values.
    pub(super) async fn guard_with(&self, release: &str, namespaces: &[&str], guard: &Value) {
        let mut guard = guard.clone();
        guard["enabled"] = json!(true);
        let values = json!({ "watchNamespaces": namespaces, "tenantGuard": guard });
        self.install(release, &values, is_guard).await;
    }

    /// Applies those of a release's objects.
    pub(super) async fn install(&self, release: &str, values: &Value, is_meant: impl Fn(&Value) -> bool) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), values.to_string()).unwrap();
        let mut guard = EACH[0].objects(release, &["--values", path(file.path())]);
        guard.retain(is_meant);
        assert!(guard.len() >= 4, "two policies and their bindings");
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": guard });
        // As helm 4 does: kubectl's own way keeps a copy in an annotation, for which many rules are too long.
        let args = ["apply", "--server-side", "--filename=-"];
        let output = self.cluster.kubectl_stdin(&args, &list.to_string()).await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }

    pub(super) async fn tenant(&self) -> Client {
        self.cluster.client_from(&self.tenant).await.unwrap()
    }

    pub(super) async fn admin(&self) -> Client {
        self.cluster.client().await.unwrap()
    }

    /// What the API server says of a task that the tenant would create: nothing, if it lets it through.
    pub(super) async fn create(&self, namespace: &str, spec: &Value) -> Result<(), String> {
        let dry_run = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let tasks = tasks(self.tenant().await, namespace, VERSIONS[0]);
        tasks.create(&dry_run, &task("probe", spec)).await.map_err(said)?;
        Ok(())
    }

    /// Tries rows of a table: a namespace, a spec, and the words of the refusal, or none for what is let through.
    /// The first has to be a refusal, by which the test knows that the guard is in force.
    pub(super) async fn expect(&self, rows: &[(&str, Value, Option<&str>)]) {
        assert!(rows[0].2.is_some());
        for (index, (namespace, spec, refusal)) in rows.iter().enumerate() {
            let check = async || {
                let answer = self.create(namespace, spec).await;
                match (&answer, refusal) {
                    (Ok(()), None) => Ok(()),
                    (Err(said), Some(refusal)) if said.contains(refusal) => Ok(()),
                    _ => Err(format!("{namespace}, {spec}: {answer:?} instead of {refusal:?}")),
                }
            };
            if index == 0 {
                eventually(LIMIT, "the guard is in force", check).await.unwrap();
            } else {
                check().await.unwrap();
            }
        }
    }
}

/// A namespace's tasks, in a version of the API.
pub(super) fn tasks(client: Client, namespace: &str, version: &str) -> Api<DynamicObject> {
    let mut resource = ApiResource::erase::<AuditMitigationTask>(&());
    version.clone_into(&mut resource.version);
    resource.api_version = format!("{}/{version}", resource.group);
    Api::namespaced_with(client, namespace, &resource)
}

/// A namespace's policies.
pub(super) fn policies(client: Client, namespace: &str) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<AuditMitigationPolicy>(&());
    Api::namespaced_with(client, namespace, &resource)
}

/// A policy with one check and one action, changed by `spec`.
pub(super) fn policy(name: &str, spec: &Value) -> DynamicObject {
    let mut whole = json!({
        "scheduledAuditName": "nightly",
        "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
        "approval": {},
    });
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    serde_json::from_value(json!({
        "apiVersion": "devicedefender.dev/v1alpha1", "kind": "AuditMitigationPolicy", "metadata": { "name": name },
        "spec": whole,
    }))
    .unwrap()
}

/// A task with one finding, one check and one action, changed by `spec`.
pub(super) fn task(name: &str, spec: &Value) -> DynamicObject {
    let mut whole = json!({
        "target": { "findingIds": ["f-1"] },
        "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
    });
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    serde_json::from_value(json!({
        "apiVersion": "devicedefender.dev/v1alpha1", "kind": "AuditMitigationTask", "metadata": { "name": name },
        "spec": whole,
    }))
    .unwrap()
}

/// The API server's words.
#[allow(clippy::needless_pass_by_value, reason = "it maps errors")]
pub(super) fn said(error: kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message,
        other => panic!("{other}"),
    }
}

/// Whether an object of a release is of a guard.
pub(super) fn is_guard(object: &Value) -> bool {
    object["apiVersion"] == "admissionregistration.k8s.io/v1"
}
