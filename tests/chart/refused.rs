//! A policy whose next task the guard for tenants refuses: both as the chart installs them, the operator with the rights
//! that it has there.

use audit_mitigation_operator::api::{AuditMitigationPolicy, Phase};
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use simulator::{Mending, Problem, Schedule};
use support::{Process, eventually};

use crate::chart;
use crate::helm::{EACH, path};
use crate::installed::{Installed, LIMIT};

const CHECK: &str = "DEVICE_CERTIFICATE_EXPIRING_CHECK";
const SCHEDULE: &str = "Nightly";

/// The values of a rule for these namespaces and actions.
fn rule(namespace: &str, action: &str) -> String {
    let of = |member: &str, value: &str| format!("tenantGuard.rules[0].{member}={value}");
    [
        of("namespaces", &format!("{{{namespace}}}")),
        of("checks", "{*}"),
        of("actions", &format!("{{{action}}}")),
        of("regions", "{default}"),
        of("wholeAudits", "true"),
    ]
    .join(",")
}

struct Refused {
    installed: Installed,
    operator: Process,
}

impl Refused {
    /// A policy that watches, under a rule that allows what it asks for.
    async fn watching() -> Self {
        let guard = format!("tenantGuard.enabled=true,{}", rule("fleet", "*"));
        let installed = Installed::new(EACH[0], &["fleet"], &guard).await;
        installed.aws.set_settings(|settings| settings.mending = Mending::Never);
        installed.aws.add_schedule(Schedule::new(SCHEDULE, [CHECK])).unwrap();
        installed.aws.add_problem(&Problem::new(CHECK)).unwrap();
        let operator = installed.start_operator().await;
        let refused = Self { installed, operator };
        let policy = serde_json::from_value(json!({
            "apiVersion": "devicedefender.dev/v1alpha1", "kind": "AuditMitigationPolicy",
            "metadata": { "name": "nightly" },
            "spec": {
                "scheduledAuditName": SCHEDULE,
                "auditCheckToActionsMapping": { CHECK: ["Quarantine"] },
                "approval": { "requiredAbove": { "percent": 100 } },
            },
        }));
        let created = refused
            .policies()
            .create(&PostParams::default(), &policy.unwrap())
            .await;
        let created = created.unwrap().metadata.creation_timestamp.unwrap().0;
        refused.until_ready("Watching").await;
        refused.installed.until_audits_count(created).await;
        refused
    }

    fn policies(&self) -> Api<AuditMitigationPolicy> {
        Api::namespaced(self.installed.client.clone(), "fleet")
    }

    /// Waits until the condition Ready of the policy has this reason, for its present spec; gives the message.
    async fn until_ready(&self, reason: &str) -> String {
        let found = eventually(LIMIT, reason, async || {
            let policy = self
                .policies()
                .get("nightly")
                .await
                .map_err(|error| error.to_string())?;
            let status = policy.status.unwrap_or_default();
            let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
            let is_it = ready.filter(|ready| ready.reason == reason);
            let is_new = status.observed_generation == policy.metadata.generation;
            match is_it {
                Some(ready) if is_new => Ok(ready.message.clone()),
                _ => Err(format!("{status:?}")),
            }
        })
        .await;
        found.unwrap_or_else(|error| panic!("{error:#}\nthe operator's log:\n{}", self.operator.log()))
    }

    /// Changes the guard's rule, and waits until that is in force: the API server says this of a task of the policy's, or
    /// nothing.
    async fn change_rule(&self, rule: &str, refusal: Option<&str>) {
        let chart = chart();
        self.installed
            .helm(&["upgrade", "amo", path(&chart), "--reuse-values", "--set", rule]);
        let spec = json!({ "auditCheckToActionsMapping": { CHECK: ["Quarantine"] }, "taskId": "fleet_probe" });
        let probe = Installed::task("probe", &spec);
        let dry_run = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        eventually(LIMIT, "the guard is in force", async || {
            let said = self.installed.tasks("fleet").create(&dry_run, &probe).await;
            match (said.map_err(|error| error.to_string()), refusal) {
                (Ok(_), None) => Ok(()),
                (Err(said), Some(refusal)) if said.contains(refusal) => Ok(()),
                (said, _) => Err(format!("{said:?}")),
            }
        })
        .await
        .unwrap();
    }

    /// An audit whose task is refused with these words, and told so; nothing is started.
    async fn refuses(&self, words: &str) -> String {
        let before = self.installed.aws.tasks().len();
        let audit = self.installed.aws.run_schedule(SCHEDULE).unwrap();
        let message = self.until_ready("TaskRefused").await;
        assert!(message.contains(&audit) && message.contains(words), "{message}");
        let name = format!("nightly-{audit}");
        assert!(self.installed.tasks("fleet").get_opt(&name).await.unwrap().is_none());
        assert_eq!(self.installed.aws.tasks().len(), before);
        audit
    }

    /// The same audit is taken up, and mitigated once.
    async fn takes_up(&self, audit: &str) {
        let name = format!("nightly-{audit}");
        self.installed
            .phase("fleet", &name, Phase::Completed, &self.operator)
            .await;
        self.until_ready("Watching").await;
        let tasks = self.installed.aws.tasks_of_audit(audit);
        assert_eq!(tasks.len(), 1, "{tasks:?}");
        assert_eq!(self.installed.aws.starts(&tasks[0].task_id), 1);
    }
}

#[tokio::test]
async fn a_task_that_the_guard_refuses_is_told_and_started_once_when_the_guard_or_the_policy_allows_it() {
    let refused = Refused::watching().await;
    // The rule goes away, and comes back.
    let words = "may start no tasks";
    refused.change_rule(&rule("nobody", "*"), Some(words)).await;
    let audit = refused.refuses(words).await;
    refused.change_rule(&rule("fleet", "*"), None).await;
    refused.takes_up(&audit).await;

    // The rule allows less, and the policy asks for less.
    let words = "may use the actions Deactivate";
    refused.change_rule(&rule("fleet", "Deactivate"), Some(words)).await;
    let audit = refused.refuses(words).await;
    let mapping: Value = json!({ "spec": { "auditCheckToActionsMapping": { CHECK: ["Deactivate"] } } });
    refused
        .policies()
        .patch("nightly", &PatchParams::default(), &Patch::Merge(mapping))
        .await
        .unwrap();
    refused.takes_up(&audit).await;
}
