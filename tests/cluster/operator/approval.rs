//! Plan before act: what a task would do is shown, bounded, and waits for approval beyond its bounds.

use std::sync::Arc;

use audit_mitigation_operator::api::{AuditMitigationTaskStatus, Phase};
use serde_json::{Value, json};
use simulator::{AUDIT_OF_DEVICES, Audit, Fault, FaultKind, Operation, Redefinition};
use support::proxy::{Asked, Fate, Pause, Proxy, Side};

use super::requests::{audited, requests};
use super::{World, condition, message, spec};

const CHECK: &str = "DEVICE_CERTIFICATE_EXPIRING_CHECK";
const SHARED: &str = "DEVICE_CERTIFICATE_SHARED_CHECK";

/// 120 findings of two checks, with these bounds.
fn bounded(task_id: &str, approval: &Value) -> Value {
    json!({
        "taskId": task_id,
        "target": { "auditTaskId": AUDIT_OF_DEVICES },
        "auditCheckToActionsMapping": { CHECK: ["Quarantine"], SHARED: ["Quarantine", "Deactivate"] },
        "approval": approval,
    })
}

fn hash(status: &AuditMitigationTaskStatus) -> String {
    status.plan.as_ref().expect("a plan").hash.clone()
}

impl World {
    fn reads(&self) -> usize {
        let reads = [
            Operation::DescribeAuditTask,
            Operation::DescribeAuditFinding,
            Operation::DescribeMitigationAction,
            Operation::ListAuditFindings,
        ];
        reads.map(|operation| self.calls(operation).len()).iter().sum()
    }

    async fn approve(&self, name: &str, hash: &str) {
        self.edit(name, &json!({ "spec": { "approval": { "plan": hash } } }))
            .await;
    }

    /// Runs commands of a page in the folder of the repository, with kubectl for this world's namespace; gives what they
    /// print.
    pub(super) async fn shell(&self, commands: &str) -> String {
        let script = format!("kubectl() {{ command \"$KUBECTL\" --namespace \"$NAMESPACE\" \"$@\"; }}\n{commands}");
        let answer = tokio::process::Command::new("sh")
            .args(["-euc", &script])
            .env("KUBECTL", support::tools::kubectl().unwrap())
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .env("NAMESPACE", &self.namespace)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .await
            .unwrap();
        assert!(answer.status.success(), "{commands}\n{answer:?}");
        String::from_utf8(answer.stdout).unwrap()
    }

    /// Redefines an action, as somebody does in the console.
    fn redefine(&self) {
        let redefinition = Redefinition {
            role_arn: Some("arn:aws:iam::123456789012:role/another".to_owned()),
            ..Redefinition::default()
        };
        self.aws.redefine_action("Quarantine", redefinition).unwrap();
    }
}

#[tokio::test]
async fn within_the_bounds_a_task_starts_by_itself_and_shows_what_it_does() {
    let world = World::new("approval").await;
    world
        .create("one", &bounded("within", &json!({"requiredAbove": {"findings": 120}})))
        .await;
    let status = world.phase("one", Phase::Completed).await;
    let plan = status.plan.clone().unwrap();
    assert_eq!(plan.findings, Some(120));
    assert_eq!(plan.checks.keys().collect::<Vec<_>>(), [CHECK, SHARED]);
    assert_eq!(plan.checks[CHECK].examples.len(), 5);
    let names: Vec<&str> = plan.actions.iter().map(|action| action.name.as_str()).collect();
    assert_eq!(names, ["Deactivate", "Quarantine"]);
    assert!(
        plan.actions
            .iter()
            .all(|action| action.role_arn.is_some() && !action.parameters.is_empty()),
        "{plan:?}"
    );
    assert_eq!(
        condition(&status, "Approved"),
        ("True".to_owned(), "WithinBounds".to_owned())
    );
    assert_eq!(world.aws.starts("within"), 1);
    let described = world.kubectl(&["describe", "auditmitigationtask", "one"]).await;
    for part in [
        "Findings:",
        "120",
        "Role Arn:",
        "ADD_THINGS_TO_THING_GROUP",
        "deviceCertificateId/",
    ] {
        assert!(described.contains(part), "{part} is not in\n{described}");
    }
}

#[tokio::test]
async fn beyond_a_bound_the_command_of_the_message_approves_when_it_is_pasted() {
    let world = World::new("approval").await;
    world
        .create("one", &bounded("beyond", &json!({"requiredAbove": {"findings": 119}})))
        .await;
    let status = world.phase("one", Phase::AwaitingApproval).await;
    assert_eq!(
        condition(&status, "Approved"),
        ("False".to_owned(), "ApprovalRequired".to_owned())
    );
    assert_eq!(world.aws.tasks().len(), 0);
    let message = message(&status);
    let (_, command) = message.split_once("approve it with: ").expect("a command");
    let kubectl = command.strip_prefix("kubectl ").expect("kubectl's");
    // As a shell would take it apart.
    let (plain, quoted) = kubectl.split_once(" '").expect("one argument in quotes");
    let mut args: Vec<&str> = plain.split(' ').collect();
    args.push(quoted.trim_end_matches('\''));
    world.cluster.kubectl_ok(&args).await.unwrap();
    let status = world.phase("one", Phase::Completed).await;
    assert_eq!(
        condition(&status, "Approved"),
        ("True".to_owned(), "PlanApproved".to_owned())
    );
    assert_eq!(world.aws.starts("beyond"), 1);
    world
        .until_events("one", &["ApprovalRequired", "PlanApproved", "Started", "Completed"])
        .await;
}

#[tokio::test]
async fn without_bounds_every_run_waits_and_columns_show_it() {
    let world = World::new("approval").await;
    world.create("one", &bounded("every", &json!({}))).await;
    let status = world.phase("one", Phase::AwaitingApproval).await;
    assert!(
        message(&status).contains("every run has to be approved"),
        "{}",
        message(&status)
    );
    let columns = world.kubectl(&["get", "amt", "-o", "wide"]).await;
    assert!(
        columns.contains("AwaitingApproval") && columns.contains("ApprovalRequired"),
        "{columns}"
    );
    world.edit("one", &json!({ "spec": { "cancel": true } })).await;
    let status = world.phase("one", Phase::Canceled).await;
    assert_eq!(
        condition(&status, "Ready").1,
        "CanceledBeforeStart",
        "that is how to refuse"
    );
    assert!(status.plan.is_some(), "what was refused stays to be read");
}

/// P8: between the look and the approval somebody changed the action's role, or a finding was suppressed.
#[tokio::test]
async fn a_plan_that_has_changed_needs_another_approval() {
    for change in ["redefined", "suppressed"] {
        let world = World::new("approval").await;
        world.create("one", &bounded(change, &json!({}))).await;
        let old = hash(&world.phase("one", Phase::AwaitingApproval).await);
        if change == "redefined" {
            world.redefine();
        } else {
            let first = world
                .aws
                .findings(AUDIT_OF_DEVICES)
                .into_iter()
                .find(|finding| !finding.is_suppressed)
                .unwrap();
            assert_eq!(world.aws.suppress(&first.finding_id, true), 1);
        }
        world.approve("one", &old).await;
        let changed = world
            .until("one", "the plan changed", |task| {
                let status = super::status(task);
                status
                    .conditions
                    .iter()
                    .any(|condition| condition.reason == "PlanChanged")
            })
            .await;
        let status = super::status(&changed);
        let new = hash(&status);
        assert!(new != old && message(&status).contains(&old) && message(&status).contains(&new));
        assert_eq!(
            (status.phase, world.aws.tasks().len()),
            (Some(Phase::AwaitingApproval), 0)
        );
        world.approve("one", &new).await;
        world.phase("one", Phase::Completed).await;
        assert_eq!(world.aws.starts(change), 1);
        let events = [
            "ApprovalRequired",
            "PlanChanged",
            "PlanApproved",
            "Started",
            "Completed",
        ];
        world.until_events("one", &events).await;
    }
}

#[tokio::test]
async fn a_plan_is_made_again_when_the_queue_lets_it_in_late() {
    let mut world = World::without_operator("approval", &["--max-running-tasks=1"], |_| {}).await;
    world.aws.set_outcome("first", simulator::Outcome::held());
    world.start_operator();
    world.create("first", &spec("first")).await;
    world.phase("first", Phase::Running).await;
    world
        .create("one", &bounded("late", &json!({"requiredAbove": {"findings": 120}})))
        .await;
    world.phase("one", Phase::Queued).await;
    let (shown, reads) = (hash(&world.status("one").await), world.reads());
    // Another process has made the plan: it is as old as can be.
    world.operator.take().unwrap().kill().unwrap();
    world.redefine();
    world.start_operator();
    world.phase("first", Phase::Running).await;
    assert_eq!(world.reads(), reads, "in the queue nothing is read");
    world.aws.finish("first");
    let status = world.phase("one", Phase::Completed).await;
    assert!(world.reads() > reads);
    assert_ne!(
        hash(&status),
        shown,
        "the status has the plan that it was started under"
    );
}

#[tokio::test]
async fn an_audit_in_progress_is_waited_for() {
    let world = World::new("approval").await;
    let audit = Audit {
        task_id: "unfinished".to_owned(),
        task_status: "IN_PROGRESS".to_owned(),
        checks: vec!["LOGGING_DISABLED_CHECK".to_owned()],
        ..Audit::default()
    };
    world.aws.run_audit(audit).unwrap();
    let mut manifest = spec("waits");
    manifest["target"] = json!({ "auditTaskId": "unfinished" });
    manifest["approval"] = json!({ "requiredAbove": { "findings": 5 } });
    world.create("one", &manifest).await;
    let status = world.phase("one", Phase::Pending).await;
    assert_eq!(condition(&status, "Ready").1, "AuditInProgress");
    let none = std::collections::BTreeMap::new();
    world.aws.complete_audit("unfinished", "COMPLETED", none).unwrap();
    // It has no findings, and is looked at a minute later.
    let status = world.phase("one", Phase::Completed).await;
    assert_eq!(condition(&status, "Ready").1, "NothingToDo");
    assert_eq!(
        condition(&status, "Started"),
        ("False".to_owned(), "NothingToDo".to_owned())
    );
    assert!(
        message(&status).starts_with("nothing was started: "),
        "{}",
        message(&status)
    );
    assert_eq!(world.aws.tasks().len(), 0);
}

#[tokio::test]
async fn what_is_not_there_is_found_before_anything_is_started() {
    let world = World::new("approval").await;
    let rows = [
        ("AuditNotFound", json!({"target": {"auditTaskId": "nobodys"}})),
        (
            "FindingNotFound",
            json!({"target": {"auditTaskId": null, "findingIds": ["nobodys"]}}),
        ),
        (
            "ActionNotFound",
            json!({"auditCheckToActionsMapping": {CHECK: ["nobodys"]}}),
        ),
    ];
    for (reason, patch) in rows {
        let name = reason.to_lowercase();
        world.create(&name, &bounded(&name, &json!({}))).await;
        world.phase(&name, Phase::AwaitingApproval).await;
        world.edit(&name, &json!({ "spec": patch })).await;
        let status = world.phase(&name, Phase::Rejected).await;
        assert_eq!(condition(&status, "Ready").1, reason);
        assert!(message(&status).contains("nobodys"), "{}", message(&status));
    }
    assert_eq!(world.aws.tasks().len(), 0);
}

/// P9 for the reads: each of them refused for good, or failing, is told with the IAM action, and mended by itself.
#[tokio::test]
async fn a_read_that_fails_for_good_is_told_and_starts_nothing() {
    let world = World::new("approval").await;
    let operations = [
        Operation::DescribeAuditTask,
        Operation::DescribeMitigationAction,
        Operation::ListAuditFindings,
    ];
    for operation in operations {
        let name = format!("{operation:?}").to_lowercase();
        world.aws.inject(Fault::new(FaultKind::AccessDenied).on(operation));
        world
            .create(&name, &bounded(&name, &json!({"requiredAbove": {"percent": 100}})))
            .await;
        let status = world.phase(&name, Phase::Pending).await;
        assert_eq!(condition(&status, "Ready").1, "AccessDenied");
        assert!(
            message(&status).contains(&format!("iot:{operation:?}")),
            "{}",
            message(&status)
        );
        assert_eq!(world.aws.starts(&name), 0);
        world.aws.clear_faults();
        world
            .edit(&name, &json!({ "spec": { "activeDeadlineSeconds": 3_600 } }))
            .await;
        world.phase(&name, Phase::Completed).await;
    }
}

/// To wait for approval costs no call, no write and no timer, and nothing of it is lost by a restart.
#[tokio::test]
async fn waiting_for_approval_costs_nothing() {
    let (mut world, user) = audited("approval", &[]).await;
    world.start_operator();
    world.create("one", &bounded("waits", &json!({}))).await;
    world.phase("one", Phase::AwaitingApproval).await;
    let (calls, version) = (
        world.aws.calls().len(),
        world.get("one").await.metadata.resource_version,
    );
    world.operator.take().unwrap().kill().unwrap();
    world.start_operator();
    world.create("after", &spec("after")).await;
    world.phase("after", Phase::Completed).await;
    assert_eq!(world.get("one").await.metadata.resource_version, version);
    let asked: Vec<_> = world.aws.calls().split_off(calls);
    assert!(
        asked.iter().all(|call| call.task_id.as_deref() == Some("after")),
        "{asked:?}"
    );
    let requests = requests(&mut world, &user).await;
    let writes = requests
        .iter()
        .filter(|request| request.name == "one" && request.verb == "patch")
        .count();
    assert_eq!(writes, 1, "the one status: {requests:?}");
}

#[tokio::test]
async fn what_aws_applied_otherwise_than_planned_is_told() {
    let mut world = World::without_operator("approval", &[], |_| {}).await;
    let pause = Arc::new(Pause::default());
    let held = Arc::clone(&pause);
    let is_start = |asked: &Asked| asked.to_string().starts_with("POST /audit/mitigationactions/tasks/");
    let proxy = Proxy::of_endpoint(&world.endpoint, move |asked| {
        if is_start(asked) {
            Fate::Hold(Side::Before, Arc::clone(&held))
        } else {
            Fate::Pass
        }
    })
    .await
    .unwrap();
    world.endpoint = proxy.endpoint();
    world.start_operator();
    world
        .create("one", &bounded("differs", &json!({"requiredAbove": {"findings": 120}})))
        .await;
    pause.reached().await;
    world.redefine();
    pause.end();
    let status = world.phase("one", Phase::Completed).await;
    assert!(
        message(&status).contains("Quarantine is not what status.plan shows"),
        "{}",
        message(&status)
    );
    world
        .until_events("one", &["Started", "Completed", "ActionsDiffer"])
        .await;
}

/// The commands of the page, by the shell that people paste them into.
#[tokio::test]
async fn the_first_plan_of_the_page_is_shown_and_approved() {
    let world = World::new("approval").await;
    let page = include_str!("../../../docs/approval.md");
    let blocks: Vec<&str> = page.split("```console\n").skip(1).collect();
    let [first, second] = blocks.as_slice() else {
        panic!("{blocks:?}");
    };
    let block = |rest: &&str| rest.split_once("```").unwrap().0.to_owned();
    let shown = world.shell(&block(first)).await;
    let hash = hash(&world.status("approval-every-run").await);
    let command = format!(
        r#"kubectl patch auditmitigationtask approval-every-run --namespace {} --type merge --patch '{{"spec":{{"approval":{{"plan":"{hash}"}}}}}}'"#,
        world.namespace
    );
    assert!(shown.contains(&command), "{command} is not in\n{shown}");
    assert_eq!(world.aws.tasks().len(), 0);
    let ended = world.shell(&block(second).replace("HASH", &hash)).await;
    assert!(ended.contains("Completed"), "{ended}");
    assert_eq!(world.aws.tasks().len(), 1);
}
