//! Policies, and what Helm and kubectl make of them.

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use simulator::{Problem, Schedule};
use support::{eventually, tools};

use crate::argocd::scratch;
use crate::world::{LIMIT, World};

/// The manifest to copy.
pub(crate) const MANIFEST: &str = include_str!("../../gitops/policies/nightly.yaml");
/// Its name.
pub(crate) const NIGHTLY: &str = "nightly";
/// Its schedule.
pub(crate) const SCHEDULE: &str = "AWSIoTDeviceDefenderDailyAudit";
/// A check of its mapping.
pub(crate) const CHECK: &str = "DEVICE_CERTIFICATE_EXPIRING_CHECK";

/// A policy of one check that asks for each run, its spec changed by these members.
pub(crate) fn policy(name: &str, members: Value) -> Value {
    let mut spec = json!({
        "scheduledAuditName": SCHEDULE,
        "auditCheckToActionsMapping": { CHECK: ["Quarantine"] },
        "approval": {},
    });
    if let (Some(spec), Value::Object(members)) = (spec.as_object_mut(), members) {
        spec.extend(members);
    }
    json!({
        "apiVersion": "devicedefender.dev/v1alpha1",
        "kind": "AuditMitigationPolicy",
        "metadata": { "name": name },
        "spec": spec,
    })
}

/// The commit that approves a plan of the policy's task.
pub(crate) fn approving(plan: &str) -> String {
    let approved = MANIFEST.replace("    # plan: k7d2m4q3h5xw6tza", &format!("    plan: {plan}"));
    assert_ne!(approved, MANIFEST);
    approved
}

impl World {
    /// Adds the schedule of the manifest.
    pub(crate) fn add_schedule(&self) {
        let checks = [CHECK, "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK"];
        self.aws.add_schedule(Schedule::new(SCHEDULE, checks)).unwrap();
    }

    /// So many certificates expire.
    pub(crate) fn add_problems(&self, count: u32) {
        self.aws.add_problem(&Problem::new(CHECK).count(count)).unwrap();
    }

    /// Runs an audit that counts: an audit from before a policy, or of its first second, doesn't.
    pub(crate) fn audit(&self, schedule: &str) -> String {
        self.aws.advance(Duration::from_secs(5));
        self.aws.run_schedule(schedule).unwrap()
    }

    /// Waits until a policy, with a status for its present spec, is as it should be.
    pub(crate) async fn until_policy(&self, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.until_object("amp", name, what, |policy| {
            policy["status"]["observedGeneration"] == policy["metadata"]["generation"] && holds(policy)
        })
        .await
    }

    /// Waits until a policy watches.
    pub(crate) async fn until_watching(&self, name: &str) -> Value {
        self.until_policy(name, "watching", |policy| policy["status"]["watching"].is_object())
            .await
    }

    /// Waits until a task was made.
    pub(crate) async fn until_made(&self, task: &str) {
        eventually(LIMIT, "the task is made", async || {
            let args = ["get", "amt", task, "--ignore-not-found", "-o", "name"];
            let found = self.kubectl(&args).await;
            if found.is_empty() { Err("not yet") } else { Ok(()) }
        })
        .await
        .unwrap();
    }

    pub(crate) async fn edit_policy(&self, name: &str, patch: &Value) {
        self.kubectl(&["patch", "amp", name, "--type=merge", "--patch", &patch.to_string()])
            .await;
    }
}

/// Helm 4 waits for a policy by its conditions, and kubectl for the fleet.
#[tokio::test]
async fn helm_waits_until_the_audits_are_read_and_kubectl_until_they_find_nothing() {
    let mut world = World::new("helm").await;
    world.add_schedule();
    world.start_operator(&[]);
    let chart = scratch(&format!("{}-chart", world.namespace));
    fs::create_dir_all(chart.join("templates")).unwrap();
    fs::write(
        chart.join("Chart.yaml"),
        "apiVersion: v2\nname: fleet\nversion: 1.0.0\n",
    )
    .unwrap();
    let upgrade = |manifest: &str| {
        fs::write(chart.join("templates/nightly.yaml"), manifest).unwrap();
        let mut helm = Command::new(tools::HELM_4.path().unwrap());
        // Nothing of the person's who runs the tests.
        for folder in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            helm.env(folder, chart.join(folder));
        }
        helm.env("KUBECONFIG", world.cluster.kubeconfig())
            .args(["upgrade", "--install", "fleet", chart.to_str().unwrap()])
            .args(["--namespace", &world.namespace, "--wait", "--timeout", "4m"])
            .output()
            .unwrap()
    };
    let output = upgrade(MANIFEST);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    world
        .kubectl(&["wait", "amp/nightly", "--for=condition=Ready", "--timeout=0"])
        .await;

    // Found by nobody: at once, and not when the time is out.
    let output = upgrade(&MANIFEST.replace(SCHEDULE, "Nightlu"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("there is no scheduled audit Nightlu"), "{said}");

    let output = upgrade(MANIFEST);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    world.audit(SCHEDULE);
    let wait = ["wait", "amp/nightly", "--for=condition=Compliant", "--timeout=4m"];
    world.kubectl(&wait).await;
}
