//! Three nights of the policy among the examples: its schedule's audits, what it makes of them, and whether that helped.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use simulator::{Action, Problem, Schedule};

use crate::approval::{show_and_approve, task};
use crate::scene::Scene;

/// The resource's name for kubectl.
pub(crate) const POLICIES: &str = "auditmitigationpolicies.devicedefender.dev";

/// As in examples/policy.yaml.
const POLICY: &str = "nightly";
const NAMESPACE: &str = "default";
const SCHEDULE: &str = "AWSIoTDeviceDefenderDailyAudit";
const REVOKED: &str = "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK";
const BOUND: i64 = 50;

/// What the examples speak of: the schedule with its checks, and the action.
pub(crate) fn prepare(aws: &simulator::Server) -> Result<()> {
    let checks = [
        "DEVICE_CERTIFICATE_EXPIRING_CHECK",
        REVOKED,
        "IOT_POLICY_OVERLY_PERMISSIVE_CHECK",
    ];
    aws.add_schedule(Schedule::new(SCHEDULE, checks))?;
    let deactivate: Action = serde_json::from_value(json!({
        "actionName": "DeactivateCertificate",
        "actionId": "5d1f0c9e-2b57-4c1e-9a44-7f3a6b8e0d21",
        "actionType": "UPDATE_DEVICE_CERTIFICATE",
        "roleArn": "arn:aws:iam::123456789012:role/mitigation",
        "actionParams": { "updateDeviceCertificateParams": { "action": "DEACTIVATE" } },
    }))?;
    aws.add_action(deactivate)?;
    Ok(())
}

/// Lets three audits run, one after the other, and judges what has become of each.
pub(crate) async fn play(scene: &mut Scene) -> Result<()> {
    until_audits_count(scene).await?;

    println!("\nnight 1: 12 revoked certificates still connect. That is within the bounds of the policy\n");
    let first = night(scene, 12)?;
    until_completed(scene, &first).await?;

    println!("\nnight 2: 80 more. That is beyond its bounds\n");
    let second = night(scene, 80)?;
    let name = made(scene, &second).await?;
    ensure!(
        scene.aws().tasks_of_audit(&second).is_empty(),
        "{name} was started without approval"
    );
    show_and_approve(scene, NAMESPACE, &name).await?;
    until_completed(scene, &second).await?;

    println!("\nnight 3: the audit finds nothing more\n");
    let third = scene.aws().run_schedule(SCHEDULE)?;
    let compliant = scene.until("the policy says that the fleet is compliant", async |scene: &Scene| {
        let policy = policy(scene).await?;
        let newest = &policy["status"]["audits"][0];
        let found = condition(&policy, "Compliant");
        if newest["auditTaskId"] == *third && found["status"] == "True" {
            Ok(found["message"].as_str().unwrap_or_default().to_owned())
        } else {
            bail!("{found}")
        }
    });
    println!("\nthe policy says: {}\n", compliant.await?);
    judge(scene, &first, &second).await?;
    let table = ["get", POLICIES, POLICY, "--namespace", NAMESPACE];
    println!("{}", scene.cluster().kubectl_ok(&table).await?);
    println!("two starts in three nights: one within the bounds, one with the approval of its plan");
    Ok(())
}

/// An audit counts that begins more than a second after the policy.
async fn until_audits_count(scene: &mut Scene) -> Result<()> {
    let watches = scene.until("the policy watches", async |scene: &Scene| {
        let policy = policy(scene).await?;
        let ready = condition(&policy, "Ready");
        ensure!(ready["status"] == "True", "{ready}");
        let since = policy["status"]["watching"]["since"]
            .as_str()
            .context("not watching yet")?;
        let since: Timestamp = since.parse()?;
        let now = scene.aws().now();
        ensure!(
            now > since.checked_add(Duration::from_secs(2))?,
            "it has only begun to watch"
        );
        Ok(())
    });
    watches.await
}

/// An audit finds so many certificates that were revoked meanwhile; gives its id.
fn night(scene: &Scene, certificates: u32) -> Result<String> {
    let problem = Problem::new(REVOKED)
        .count(certificates)
        .id(&format!("certificate-{certificates}"));
    scene.aws().add_problem(&problem)?;
    Ok(scene.aws().run_schedule(SCHEDULE)?)
}

/// The name of the task that the policy has made for an audit.
async fn made(scene: &mut Scene, audit: &str) -> Result<String> {
    let found = scene.until("the policy has made a task for the audit", async |scene: &Scene| {
        let policy = policy(scene).await?;
        let mut audits = policy["status"]["audits"].as_array().into_iter().flatten();
        let noted = audits
            .find(|noted| noted["auditTaskId"] == *audit)
            .context("it isn't noted yet")?;
        let name = noted["task"].as_str().with_context(|| format!("no task: {noted}"))?;
        Ok(name.to_owned())
    });
    found.await
}

/// Waits until the task of an audit has completed.
async fn until_completed(scene: &mut Scene, audit: &str) -> Result<()> {
    let name = made(scene, audit).await?;
    let what = format!("{name} has completed");
    let completed = scene.until(&what, async |scene: &Scene| {
        let task = task(scene.cluster(), NAMESPACE, &name).await?;
        let phase = &task["status"]["phase"];
        ensure!(*phase == "Completed", "it is {phase}");
        Ok(())
    });
    completed.await
}

/// Exactly two starts: one within the bounds, one under the plan that was approved.
async fn judge(scene: &mut Scene, first: &str, second: &str) -> Result<()> {
    let audits = scene.aws().audits();
    let of_schedule = audits
        .iter()
        .filter(|audit| audit.scheduled_audit_name.as_deref() == Some(SCHEDULE));
    let started: Vec<_> = of_schedule
        .flat_map(|audit| scene.aws().tasks_of_audit(&audit.task_id))
        .filter_map(|task| task.audit().map(str::to_owned))
        .collect();
    ensure!(
        started == [first, second],
        "started for the audits {started:?}, and not once for each of the two"
    );
    for audit in [first, second] {
        let name = made(scene, audit).await?;
        let task = task(scene.cluster(), NAMESPACE, &name).await?;
        ensure!(
            may_have_started(&task),
            "{name} was started without approval: {}",
            task["status"]["plan"]
        );
    }
    Ok(())
}

fn may_have_started(task: &Value) -> bool {
    let plan = &task["status"]["plan"];
    let is_approved = plan["hash"].is_string() && plan["hash"] == task["spec"]["approval"]["plan"];
    is_approved || plan["findings"].as_i64().is_some_and(|findings| findings <= BOUND)
}

async fn policy(scene: &Scene) -> Result<Value> {
    let args = ["get", POLICIES, POLICY, "--namespace", NAMESPACE, "--output=json"];
    serde_json::from_str(&scene.cluster().kubectl_ok(&args).await?).context("kubectl printed no JSON")
}

/// The condition of this type; null if there is none.
fn condition(policy: &Value, kind: &str) -> Value {
    let mut conditions = policy["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .find(|condition| condition["type"] == kind)
        .cloned()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_bound_only_the_approved_plan_may_have_started() {
        let task = |findings: Value, approved: Value| {
            json!({
                "spec": { "approval": { "plan": approved } },
                "status": { "plan": { "hash": "yar7ayjn7lrgixxi", "findings": findings } },
            })
        };
        assert!(may_have_started(&task(json!(50), Value::Null)));
        assert!(!may_have_started(&task(json!(51), Value::Null)));
        assert!(!may_have_started(&task(Value::Null, Value::Null)));
        assert!(!may_have_started(&task(json!(51), json!("rouz33x5a2gpntls"))));
        assert!(may_have_started(&task(json!(51), json!("yar7ayjn7lrgixxi"))));
        assert!(!may_have_started(&json!({})));
    }
}
