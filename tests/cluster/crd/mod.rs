//! The custom resource as the API server serves it: each rule of the schema tried once accepted and once refused,
//! with the message that a person sees.

mod apply;
mod approval;
mod defaults;
mod edits;
mod examples;
mod explain;
mod names;
mod nulls;
mod policies;
pub(crate) mod stored;
mod stored_policies;
pub(crate) mod values;

use std::time::Duration;

use audit_mitigation_operator::api::AuditMitigationTask;
use kube::api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Resource};
use serde_json::{Value, json};
use support::{Cluster, eventually, shared};
use tokio::sync::OnceCell;

/// Generous, for a machine that is busy building.
const LIMIT: Duration = Duration::from_secs(90);

/// The definition as it is delivered.
pub const CRD: &str = include_str!("../../../crds/auditmitigationtasks.yaml");

/// The same of policies.
pub const POLICIES: &str = include_str!("../../../crds/auditmitigationpolicies.yaml");

/// The definitions of all kinds.
const ALL: &str = include_str!("../../../charts/audit-mitigation-operator/files/crd.yaml");

/// One namespace of a cluster that knows the resource. Objects are untyped: most of these the types couldn't hold.
struct Server {
    cluster: &'static Cluster,
    namespace: String,
    tasks: Api<DynamicObject>,
}

impl Server {
    async fn shared(namespace: &str) -> Self {
        static INSTALLED: OnceCell<()> = OnceCell::const_new();
        let cluster = shared().await.unwrap();
        INSTALLED.get_or_init(|| install_all(cluster)).await;
        let namespace = cluster.namespace(namespace).await.unwrap();
        let tasks = served(cluster, &namespace).await;
        Self {
            cluster,
            namespace,
            tasks,
        }
    }

    /// What creating an object would answer: the object, or the message.
    async fn try_create(&self, object: &Value) -> Result<DynamicObject, String> {
        let dry_run = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        create(&self.tasks, object, &dry_run).await
    }

    async fn create(&self, name: &str, spec: &Value) -> DynamicObject {
        create(&self.tasks, &task(name, spec), &PostParams::default())
            .await
            .unwrap()
    }

    /// What editing an object with a merge patch would answer.
    async fn try_edit(&self, name: &str, patch: &Value) -> Result<DynamicObject, String> {
        let dry_run = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        message(self.tasks.patch(name, &dry_run, &Patch::Merge(patch)).await)
    }

    async fn write_status(&self, name: &str, status: &Value) -> Result<DynamicObject, String> {
        let patch = Patch::Merge(json!({ "status": status }));
        message(self.tasks.patch_status(name, &PatchParams::default(), &patch).await)
    }

    async fn kubectl(&self, args: &[&str]) -> String {
        let args = [&["--namespace", &self.namespace], args].concat();
        self.cluster.kubectl_ok(&args).await.unwrap()
    }
}

/// Installs a definition, or replaces the one that is there. Server-side: two that apply at once don't disturb each
/// other.
pub async fn install(cluster: &Cluster, definition: &str) {
    let args = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
    let output = cluster.kubectl_stdin(&args, definition).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Installs the definitions of all kinds, and waits until kubectl knows them: by their short names, and with their texts.
pub async fn install_all(cluster: &Cluster) {
    install(cluster, ALL).await;
    for kind in ["amt", "amp"] {
        eventually(LIMIT, &format!("{kind} is known"), async || {
            cluster.kubectl_ok(&["explain", kind]).await
        })
        .await
        .unwrap();
    }
}

/// A definition with a schema that lets everything through, as an older version might have been.
pub fn permissive(definition: &str) -> String {
    let mut crd: Value = serde_saphyr::from_str(definition).unwrap();
    let version = &mut crd["spec"]["versions"][0];
    version["schema"] =
        json!({ "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
    version["additionalPrinterColumns"] = json!([]);
    crd.to_string()
}

/// The tasks of a namespace, as soon as the API server serves them.
pub async fn served(cluster: &Cluster, namespace: &str) -> Api<DynamicObject> {
    served_kind::<AuditMitigationTask>(cluster, namespace).await
}

/// The resources of a kind in a namespace, as soon as the API server serves them.
pub async fn served_kind<K: Resource<DynamicType = ()>>(cluster: &Cluster, namespace: &str) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<K>(&());
    let objects = Api::namespaced_with(cluster.client().await.unwrap(), namespace, &resource);
    eventually(LIMIT, "the resource is served", async || {
        objects.list(&ListParams::default()).await
    })
    .await
    .unwrap();
    objects
}

async fn create(tasks: &Api<DynamicObject>, object: &Value, params: &PostParams) -> Result<DynamicObject, String> {
    message(
        tasks
            .create(params, &serde_json::from_value(object.clone()).unwrap())
            .await,
    )
}

/// The answer, or the text that kubectl shows.
fn message<T>(answer: kube::Result<T>) -> Result<T, String> {
    answer.map_err(|error| match error {
        // Older API servers name the type of the refused value as well, and 1.30 has other words for a length.
        kube::Error::Api(status) => status
            .message
            .replace("Invalid value: \"object\": ", "Invalid value: ")
            .replace("Too long: may not be longer than", "Too long: may not be more than"),
        other => panic!("no answer of the API server: {other}"),
    })
}

fn task(name: &str, spec: &Value) -> Value {
    object::<AuditMitigationTask>(name, spec)
}

/// An object of a kind; without a spec, where that is null.
fn object<K: Resource<DynamicType = ()>>(name: &str, spec: &Value) -> Value {
    let mut object = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": { "name": name },
    });
    if !spec.is_null() {
        object["spec"] = spec.clone();
    }
    object
}

/// A spec that everybody accepts, changed by a merge patch.
fn spec_with(patch: &Value) -> Value {
    let mut spec = json!({
        "target": { "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" },
        "auditCheckToActionsMapping": { "LOGGING_DISABLED_CHECK": ["EnableLogging"] },
    });
    merge(&mut spec, patch, &|_| false);
    spec
}

/// Like [`spec_with`], but a null stays a null instead of removing the member.
fn spec_with_null(patch: &Value) -> Value {
    let mut spec = spec_with(&json!({}));
    merge(&mut spec, patch, &Value::is_null);
    spec
}

fn merge(into: &mut Value, patch: &Value, keep: &impl Fn(&Value) -> bool) {
    let Value::Object(members) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let object = into.as_object_mut().unwrap();
    for (name, value) in members {
        if value.is_null() && !keep(value) {
            object.remove(name);
        } else {
            merge(object.entry(name).or_insert(Value::Null), value, keep);
        }
    }
}

/// Collects what went wrong in a table, so that one run shows every line that fails.
#[derive(Default)]
struct Failures(Vec<String>);

impl Failures {
    fn accepted<T>(&mut self, case: &str, answer: Result<T, String>) {
        if let Err(message) = answer {
            self.0
                .push(format!("{case}: accepted was expected, refused with\n    {message}"));
        }
    }

    fn refused<T>(&mut self, case: &str, answer: Result<T, String>, expected: &str) {
        match answer {
            Ok(_) => self.0.push(format!("{case}: was accepted")),
            Err(message) if message.contains(expected) => {}
            Err(message) => self.0.push(format!(
                "{case}: refused with\n    {message}\n  instead of\n    {expected}"
            )),
        }
    }
}

impl Drop for Failures {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(
                self.0.is_empty(),
                "{} of the table failed:\n{}",
                self.0.len(),
                self.0.join("\n")
            );
        }
    }
}
