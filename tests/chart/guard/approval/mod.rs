//! Who may approve: a person without the verb, one with it, and the accounts of Argo CD, Flux and the operator.

mod ceiling;
mod edits;
mod gitops;
mod table;

use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use support::eventually;

use super::{Guarded, VERSIONS, is_guard, policies, policy, said, tasks};
use crate::installed::{LIMIT, NAME};

/// Two hashes of plans.
const PLAN: &str = "yar7ayjn7lrgixxi";
const OTHER_PLAN: &str = "rouz33x5a2gpntls";

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Task,
    Policy,
}

/// A namespace with the guard, and two people: both may edit, as the chart's role for it says, and one may approve.
#[derive(Clone)]
struct Guard {
    namespace: String,
    /// The kind of the objects that it is tried with.
    kind: Kind,
    editor: Client,
    approver: Client,
}

impl Guard {
    /// With these further values of `approvalGuard`.
    async fn new(prefix: &str, further: &Value) -> Self {
        let cluster = Guarded::shared().await;
        let namespace = cluster.cluster.namespace(prefix).await.unwrap();
        let mut guard = json!({ "enabled": true });
        guard
            .as_object_mut()
            .unwrap()
            .extend(further.as_object().unwrap().clone());
        let values = json!({ "watchNamespaces": [namespace], "approvalGuard": guard });
        cluster
            .install(&namespace, &values, |object| {
                object["kind"] == "ClusterRole" || is_guard(object)
            })
            .await;
        let made = Self {
            editor: Self::user(&format!("{namespace}-editor")).await,
            approver: Self::user(&format!("{namespace}-approver")).await,
            namespace,
            kind: Kind::Task,
        };
        for (role, person) in [("edit", "editor"), ("edit", "approver"), ("approve", "approver")] {
            let user = json!({
                "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": format!("{}-{person}", made.namespace),
            });
            made.bind(role, &user).await;
        }
        made.until_in_force().await;
        made
    }

    /// The same for each kind.
    fn of_each_kind(self) -> [Self; 2] {
        let of_policies = Self {
            kind: Kind::Policy,
            ..self.clone()
        };
        [self, of_policies]
    }

    async fn user(name: &str) -> Client {
        let cluster = Guarded::shared().await;
        let kubeconfig = cluster.cluster.kubeconfig_for(name, None).unwrap();
        cluster.cluster.client_from(&kubeconfig).await.unwrap()
    }

    /// Gives one of the release's roles for people to a subject.
    async fn bind(&self, role: &str, subject: &Value) {
        let name = subject["name"].as_str().unwrap();
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": { "name": format!("{name}-{role}"), "namespace": self.namespace },
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": format!("{}-{NAME}-{role}", self.namespace),
            },
            "subjects": [subject],
        });
        let cluster = Guarded::shared().await;
        cluster.cluster.apply(&binding.to_string()).await.unwrap();
    }

    async fn until_in_force(&self) {
        let [approved, allowed] = [json!({ "plan": PLAN }), json!({})].map(|approval| self.object("probe", &approval));
        eventually(LIMIT, "the guard and the roles are in force", async || {
            let approved = self.objects(&self.editor).create(&dry_run(), &approved).await;
            let approved = approved.err().map(said);
            let by_approver = self.objects(&self.approver).create(&dry_run(), &allowed).await;
            match (&approved, by_approver) {
                (Some(said), Ok(_)) if said.contains("the verb approve on") => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
        .unwrap();
    }

    /// The objects of its kind.
    fn objects(&self, client: &Client) -> Api<DynamicObject> {
        match self.kind {
            Kind::Task => tasks(client.clone(), &self.namespace, VERSIONS[0]),
            Kind::Policy => policies(client.clone(), &self.namespace),
        }
    }

    /// An object of its kind with this approval; null for none.
    fn object(&self, name: &str, approval: &Value) -> DynamicObject {
        match self.kind {
            Kind::Task => task(name, approval),
            Kind::Policy => policy(name, &json!({ "approval": approval })),
        }
    }

    /// Whether an object of its kind may have this approval at all.
    fn knows(&self, approval: &Value) -> bool {
        self.kind == Kind::Task || !approval.is_null()
    }

    /// Creates an object as the administrator.
    async fn given(&self, object: &DynamicObject) {
        let admin = Guarded::shared().await.admin().await;
        self.objects(&admin)
            .create(&PostParams::default(), object)
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", json!(object)));
    }

    /// What the API server says of a merge patch, which it doesn't carry out.
    async fn try_patch(&self, client: &Client, name: &str, patch: &Value) -> Result<(), String> {
        let params = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        let answer = self.objects(client).patch(name, &params, &Patch::Merge(patch)).await;
        answer.map(|_| ()).map_err(said)
    }

    /// The end of what a refusal says is missing.
    fn verb(&self) -> String {
        let resource = match self.kind {
            Kind::Task => "auditmitigationtasks",
            Kind::Policy => "auditmitigationpolicies",
        };
        format!(
            "you need the verb approve on {resource} in namespace {0} (ClusterRole {0}-{NAME}-approve): ",
            self.namespace
        )
    }

    /// Whoever lacks the verb is told so, and whoever has it is let through.
    async fn needs_the_verb(&self, name: &str, patch: &Value) {
        let answer = self.try_patch(&self.editor, name, patch).await;
        let said = answer.expect_err(&format!("{name}: {patch}"));
        assert!(said.contains(&self.verb()), "{patch}: {said}");
        let answer = self.try_patch(&self.approver, name, patch).await;
        assert_eq!(answer, Ok(()), "{name}: {patch}");
    }

    /// Nobody needs the verb for it.
    async fn is_free(&self, name: &str, patch: &Value) {
        for client in [&self.editor, &self.approver] {
            let answer = self.try_patch(client, name, patch).await;
            assert_eq!(answer, Ok(()), "{name}: {patch}");
        }
    }
}

fn dry_run() -> PostParams {
    PostParams {
        dry_run: true,
        ..PostParams::default()
    }
}

/// A task for a whole audit with this approval; null for none.
fn task(name: &str, approval: &Value) -> DynamicObject {
    let mut spec = json!({ "target": { "auditTaskId": "a3aea009955e501a31b764abe1bebd3d" } });
    if !approval.is_null() {
        spec["approval"] = approval.clone();
    }
    super::task(name, &spec)
}

fn approving(plan: &str) -> Value {
    json!({ "spec": { "approval": { "plan": plan } } })
}
