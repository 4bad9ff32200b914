//! The API server refuses every write of a status, for good.

use audit_mitigation_operator::api::Phase;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use simulator::{Operation, Outcome};
use support::eventually;

use super::{FLAGS, LIMIT, World, cancel, spec_of};

/// The rule of a cluster's administrator by which no status of these resources may be written.
struct Denial<'a> {
    world: &'a World,
    name: String,
}

impl<'a> Denial<'a> {
    async fn of(world: &'a World, resources: &[&str]) -> Self {
        let name = format!("no-status-{}", world.namespace);
        let names = json!(resources).to_string();
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicy",
            "metadata": { "name": name },
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "resourceRules": [{
                        "apiGroups": ["devicedefender.dev"], "apiVersions": ["*"], "operations": ["UPDATE"],
                        "resources": ["auditmitigationtasks/status"],
                    }],
                    "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": world.namespace } },
                },
                "validations": [{
                    "expression": format!("!(object.metadata.name in {names})"),
                    "message": "no status here",
                }],
            },
        });
        let binding = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": { "name": name },
            "spec": { "policyName": name, "validationActions": ["Deny"] },
        });
        for object in [policy, binding] {
            world.cluster.apply(&object.to_string()).await.unwrap();
        }
        let denial = Self { world, name };
        for resource in resources {
            denial.until(resource, true).await;
        }
        denial
    }

    /// The API server takes up such a rule some time later.
    async fn until(&self, resource: &str, is_denied: bool) {
        let dry_run = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        let patch = Patch::Merge(json!({ "status": { "progress": "1/2" } }));
        eventually(LIMIT, "the rule is in force, or isn't any more", async || {
            let answer = self.world.tasks().patch_status(resource, &dry_run, &patch).await;
            match answer {
                Err(kube::Error::Api(status)) if status.message.contains("no status here") && is_denied => Ok(()),
                Ok(_) if !is_denied => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await
        .unwrap();
    }

    async fn lift(self, resource: &str) {
        for kind in ["ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"] {
            let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
            let api: Api<DynamicObject> = Api::all_with(self.world.client.clone(), &ApiResource::from_gvk(&kind));
            api.delete(&self.name, &DeleteParams::default()).await.unwrap();
        }
        self.until(resource, false).await;
    }
}

#[tokio::test]
async fn a_status_that_can_not_be_written_holds_no_slot_and_no_cancellation() {
    let world = World::with("outage-status", FLAGS, |_| {}).await;
    let cases = ["ends", "cancelled", "deleted"];
    for case in cases {
        world.aws.set_outcome(case, Outcome::held());
        world.create(case, &spec_of(case, &json!({}))).await;
        world.phase(case, Phase::Running).await;
    }
    let denial = Denial::of(&world, &cases).await;
    let mut next = Vec::new();
    for case in cases {
        next.push(world.create_next(case).await);
    }
    assert_eq!(world.aws.finish("ends"), 1);
    world.edit("cancelled", &cancel()).await;
    world.delete("deleted").await;
    world.until_gone("deleted").await;
    for case in ["cancelled", "deleted"] {
        world.until_task(case, "CANCELED").await;
        assert_eq!(world.calls_for(Operation::CANCEL, case).len(), 1, "{case}");
    }
    for next in next {
        world.phase(&next, Phase::Completed).await;
    }
    let shown: Value = serde_json::to_value(world.status("ends").await.phase).unwrap();
    assert_eq!(shown, "Running", "nothing could be written");

    denial.lift("ends").await;
    world.phase("ends", Phase::Completed).await;
    world.phase("cancelled", Phase::Canceled).await;
}
