//! A plan that waits: it is shown, and approved by the very command that the condition Ready names.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use support::Cluster;
use tokio::process::Command;

use crate::examples::RESOURCE;
use crate::scene::Scene;

/// Shows the plan of a task, once it waits for approval, and approves it.
pub(crate) async fn show_and_approve(scene: &mut Scene, namespace: &str, name: &str) -> Result<()> {
    let what = format!("{namespace}/{name} waits for approval");
    let task = scene.until(&what, async |scene: &Scene| {
        let task = task(scene.cluster(), namespace, name).await?;
        match task["status"]["phase"].as_str() {
            Some("AwaitingApproval") => Ok(task),
            phase => bail!("it is {}", phase.unwrap_or("not looked at yet")),
        }
    });
    let task = task.await?;
    println!(
        "\n{namespace}/{name} waits for approval. {}",
        lines(&task["status"]["plan"]).join("\n")
    );
    let command = command(&task).context("the condition Ready names no command")?;
    println!("approving it as its condition says:\n    {command}\n");
    // As a person would paste it, for the cluster of the demo.
    let status = Command::new("sh")
        .args(["-ec", &format!("kubectl() {{ \"$KUBECTL\" \"$@\"; }}\n{command}")])
        .env("KUBECTL", support::tools::kubectl()?)
        .env("KUBECONFIG", scene.cluster().kubeconfig())
        .status()
        .await
        .context("cannot run sh")?;
    ensure!(status.success(), "the command failed: {command}");
    Ok(())
}

/// A task, as the API server has it.
pub(crate) async fn task(cluster: &Cluster, namespace: &str, name: &str) -> Result<Value> {
    let args = ["get", RESOURCE, name, "--namespace", namespace, "--output=json"];
    serde_json::from_str(&cluster.kubectl_ok(&args).await?).context("kubectl printed no JSON")
}

/// The command in the message of the condition Ready.
fn command(task: &Value) -> Option<&str> {
    let mut conditions = task["status"]["conditions"].as_array()?.iter();
    let ready = conditions.find(|condition| condition["type"] == "Ready")?;
    let (_, command) = ready["message"].as_str()?.split_once("approve it with: ")?;
    Some(command)
}

/// What a plan says, for a terminal.
fn lines(plan: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut lines = vec![format!("Its plan is {}:", text(&plan["hash"]))];
    for (check, found) in plan["checks"].as_object().into_iter().flatten() {
        lines.push(format!(
            "    {check}: {} findings, of {} resources",
            found["findings"], found["resourcesChecked"]
        ));
    }
    for action in plan["actions"].as_array().into_iter().flatten() {
        let parameters = action["parameters"].as_object().into_iter().flatten();
        let parameters: Vec<_> = parameters
            .map(|(name, value)| format!("{name}={}", text(value)))
            .collect();
        lines.push(format!(
            "    {} ({}) as {}, {}",
            text(&action["name"]),
            text(&action["type"]),
            text(&action["roleArn"]),
            parameters.join(", ")
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_and_its_command_are_read_of_the_task() {
        let task = json!({ "status": {
            "conditions": [
                { "type": "Stalled", "message": "" },
                { "type": "Ready", "message": "it is beyond. Look at it, and approve it with: kubectl patch 'x'" },
            ],
            "plan": {
                "hash": "yar7ayjn7lrgixxi",
                "checks": { "A_CHECK": { "findings": 2, "resourcesChecked": 400 } },
                "actions": [{ "name": "A", "type": "T", "roleArn": "arn", "parameters": { "p": "1" } }],
            },
        }});
        assert_eq!(command(&task), Some("kubectl patch 'x'"));
        assert_eq!(
            lines(&task["status"]["plan"]),
            [
                "Its plan is yar7ayjn7lrgixxi:",
                "    A_CHECK: 2 findings, of 400 resources",
                "    A (T) as arn, p=1",
            ]
        );
        assert_eq!(command(&json!({})), None);
    }
}
