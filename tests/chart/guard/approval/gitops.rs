//! The accounts of Argo CD and Flux: bounds and tasks come from Git without the verb, approvals only with it.

use kube::Client;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use support::eventually;

use super::{Guard, Guarded, LIMIT, OTHER_PLAN, PLAN, approving, said};

/// Namespace, name and field manager of the accounts.
const ACCOUNTS: [(&str, &str, &str); 2] = [
    ("argocd", "argocd-application-controller", "argocd-controller"),
    ("flux-system", "kustomize-controller", "kustomize-controller"),
];

impl Guard {
    /// A service account that may edit in the guarded namespace.
    pub(super) async fn account(&self, namespace: &str, name: &str) -> Client {
        let cluster = &Guarded::shared().await.cluster;
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": [
            { "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } },
            { "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": name, "namespace": namespace } },
        ] });
        cluster.apply(&list.to_string()).await.unwrap();
        self.bind("edit", &subject(namespace, name)).await;
        let kubeconfig = cluster.kubeconfig_for_service_account(namespace, name).await.unwrap();
        let client = cluster.client_from(&kubeconfig).await.unwrap();
        let objects = self.objects(&client);
        eventually(LIMIT, "the account may edit", async || {
            objects
                .create(&super::dry_run(), &self.object("probe", &json!({})))
                .await
                .map(|_| ())
        })
        .await
        .unwrap();
        client
    }

    /// Applies a manifest as the engines do: on the server, with their field manager, by force.
    async fn apply(&self, client: &Client, manager: &str, manifest: &DynamicObject) -> Result<Value, String> {
        let params = PatchParams::apply(manager).force();
        let name = manifest.metadata.name.as_deref().unwrap();
        let answer = self.objects(client).patch(name, &params, &Patch::Apply(manifest)).await;
        answer
            .map(|object| object.data["spec"]["approval"].clone())
            .map_err(said)
    }
}

fn subject(namespace: &str, name: &str) -> Value {
    json!({ "kind": "ServiceAccount", "name": name, "namespace": namespace })
}

/// An engine at work: a guard for one kind, and who applies.
struct Engine<'a> {
    guard: &'a Guard,
    client: &'a Client,
    manager: &'static str,
}

fn bounds(findings: u32) -> Value {
    json!({ "requiredAbove": { "findings": findings } })
}

fn approved(findings: u32, plan: &str) -> Value {
    let mut approval = bounds(findings);
    approval["plan"] = json!(plan);
    approval
}

impl Engine<'_> {
    /// Applies a manifest with this approval.
    async fn apply(&self, approval: &Value) -> Result<Value, String> {
        let manifest = self.guard.object(self.manager, approval);
        self.guard.apply(self.client, self.manager, &manifest).await
    }

    async fn refused(&self, approval: &Value) {
        let said = self.apply(approval).await.expect_err(&approval.to_string());
        assert!(said.contains(&self.guard.verb()), "{said}");
    }

    async fn without_the_verb(&self) {
        // Not with the first commit, and beyond the ceiling neither.
        self.refused(&approved(5, PLAN)).await;
        self.refused(&bounds(51)).await;
        self.apply(&bounds(5)).await.unwrap();
        // Nor later.
        self.refused(&approved(5, PLAN)).await;
        self.refused(&bounds(6)).await;
        if self.guard.knows(&Value::Null) {
            self.refused(&Value::Null).await;
        }
        // What a person approves stays when Git is applied again, and isn't changed from there.
        let by_person = self.guard.objects(&self.guard.approver);
        let patch = Patch::Merge(approving(PLAN));
        by_person
            .patch(self.manager, &PatchParams::default(), &patch)
            .await
            .unwrap();
        let approval = self.apply(&bounds(5)).await.unwrap();
        assert_eq!(approval["plan"], PLAN);
        self.refused(&approved(5, OTHER_PLAN)).await;
        // The same plan in Git is no change, and stricter is free.
        self.apply(&approved(5, PLAN)).await.unwrap();
        self.apply(&bounds(4)).await.unwrap();
    }

    async fn with_the_verb(&self) {
        eventually(LIMIT, "the role is known", async || {
            self.apply(&approved(4, OTHER_PLAN)).await
        })
        .await
        .unwrap();
        // Bounds and a plan are two commits.
        let said = self.apply(&approved(5, PLAN)).await.unwrap_err();
        assert!(said.contains("changes nothing else in spec"), "{said}");
        self.apply(&bounds(60)).await.unwrap();
        if self.guard.knows(&Value::Null) {
            self.apply(&Value::Null).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_engine_approves_only_with_the_verb() {
    let guard = Guard::new("gitops", &json!({ "required": true, "maxFindings": 50 })).await;
    for (namespace, name, manager) in ACCOUNTS {
        let client = &guard.account(namespace, name).await;
        let kinds = guard.clone().of_each_kind();
        let engine = |guard| Engine { guard, client, manager };
        for guard in &kinds {
            engine(guard).without_the_verb().await;
        }
        guard.bind("approve", &subject(namespace, name)).await;
        for guard in &kinds {
            engine(guard).with_the_verb().await;
        }
    }
}
