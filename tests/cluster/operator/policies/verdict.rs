//! Each row of the verdict's table, on a real API server.

use std::collections::BTreeMap;

use audit_mitigation_operator::api::{AuditMitigationPolicy, AuditMitigationPolicyStatus, Phase};
use serde_json::json;
use simulator::{CheckResult, Fault, FaultKind, Operation, Outcome};
use support::{Cluster, ClusterOptions, eventually};

use super::{EXPIRING, POLL, SCHEDULE, SHARED, policy, policy_condition, says};
use crate::crd::{CRD, POLICIES, install, permissive, served, served_kind};
use crate::operator::{LIMIT, World, object, until_older_than};

type Status = AuditMitigationPolicyStatus;

fn ready(status: &Status) -> (String, String) {
    policy_condition(status, "Ready")
}

/// Stored before the rules that hold now, in a cluster whose definition changes under nobody else's feet.
#[tokio::test]
async fn a_spec_that_can_not_be_understood_stalls_the_policy_and_nothing_is_read_until_it_is_corrected() {
    let cluster: &'static Cluster = Box::leak(Box::new(Cluster::start(ClusterOptions::default()).await.unwrap()));
    install(cluster, CRD).await;
    install(cluster, &permissive(POLICIES)).await;
    served(cluster, "default").await;
    served_kind::<AuditMitigationPolicy>(cluster, "default").await;
    let mut world = World::in_cluster(cluster, "policy-invalid", &[POLL], |_| {}).await;
    world.add_schedule(SCHEDULE);
    world.add_problems(1);
    let mut unasked = policy("unasked", &json!({}));
    unasked["spec"].as_object_mut().unwrap().remove("approval");
    let text = policy("text", &json!({ "startingDeadlineSeconds": "soon" }));
    let broken = [
        ("unasked", unasked, "approval is missing"),
        ("text", text, "expected i64"),
    ];
    for (_, object, _) in &broken {
        world.apply(&object.to_string()).await;
    }
    install(cluster, POLICIES).await;
    world.start_operator();
    for (name, _, words) in &broken {
        let stalled = |status: &Status| says(status, "Stalled", ("True", "InvalidSpec"));
        let status = world.until_policy(name, "it stalls", stalled).await;
        assert_eq!(ready(&status), ("False".to_owned(), "InvalidSpec".to_owned()));
        let message = &status.conditions[0].message;
        assert!(message.contains(words) && message.contains("correct it"), "{message}");
    }
    // An audit counts that begins more than a second after the policy; nobody looks for one while no policy can be read.
    until_older_than(jiff::Timestamp::now(), 2).await;
    let audit = world.aws.run_schedule(SCHEDULE).unwrap();
    assert!(world.aws.calls().is_empty(), "{:?}", world.aws.calls());
    for (name, ..) in &broken {
        world.apply(&policy(name, &json!({})).to_string()).await;
        assert_eq!(world.noted(name, &audit).await.0, "TaskCreated", "{name}");
    }
}

#[tokio::test]
async fn a_policy_without_a_region_says_so_and_one_that_names_it_watches() {
    let mut world = World::with_schedule("policy-region", &[]).await;
    let mut command = world.operator_command();
    command.env_remove("AWS_REGION");
    world.operator = Some(world.cluster.spawn("operator", command).unwrap());
    world.apply(&policy("nightly", &json!({})).to_string()).await;
    let missing = |status: &Status| says(status, "Reconciling", ("True", "RegionMissing"));
    let status = world.until_policy("nightly", "it is told", missing).await;
    let message = &status.conditions[0].message;
    assert!(message.contains("set spec.region"), "{message}");
    assert_eq!(status.watching, None);
    assert!(world.aws.calls().is_empty(), "{:?}", world.aws.calls());
    let status = world.watch("nightly", &json!({ "region": "eu-central-1" })).await;
    assert_eq!(status.watching.unwrap().region, "eu-central-1");
}

#[tokio::test]
async fn a_schedule_that_is_missing_stalls_the_policy_and_an_edit_looks_again_at_once() {
    let mut world = World::with_schedule("policy-typo", &[]).await;
    world.start_operator();
    world
        .apply(&policy("nightly", &json!({ "scheduledAuditName": "Nihgtly" })).to_string())
        .await;
    let stalled = |status: &Status| says(status, "Stalled", ("True", "ScheduledAuditNotFound"));
    world.until_policy("nightly", "it stalls", stalled).await;
    world.until_events("nightly", &["ScheduledAuditNotFound"]).await;
    world.watch("nightly", &json!({})).await;
}

#[tokio::test]
async fn reads_that_fail_are_told_with_the_iam_action_and_nothing_is_made() {
    for operation in [
        Operation::ListAuditTasks,
        Operation::DescribeAuditTask,
        Operation::DescribeScheduledAudit,
    ] {
        let mut world = World::with_schedule("policy-denied", &[]).await;
        world.add_problems(1);
        world.start_operator();
        let fault = world.aws.inject(Fault::new(FaultKind::AccessDenied).on(operation));
        world.aws.run_schedule(SCHEDULE).unwrap();
        world.apply(&policy("nightly", &json!({})).to_string()).await;
        let denied = |status: &Status| says(status, "Reconciling", ("True", "AccessDenied"));
        let status = world.until_policy("nightly", "it is told", denied).await;
        let message = &status.conditions[0].message;
        assert!(message.contains(&format!("iot:{operation:?}")), "{message}");
        world.aws.remove_fault(fault);
        world
            .until_policy("nightly", "it watches", |status| ready(status).0 == "True")
            .await;
        assert!(world.task_names().await.is_empty());
    }
}

/// Nobody knows yet what there is to do.
#[tokio::test]
async fn before_the_reads_have_come_nothing_is_told_and_nothing_is_made() {
    for operation in [Operation::DescribeScheduledAudit, Operation::ListAuditTasks] {
        let mut world = World::with_schedule("policy-unread", &[]).await;
        world.add_problems(1);
        world.start_operator();
        let fault = world.aws.inject(Fault::new(FaultKind::Hang).on(operation));
        world.apply(&policy("nightly", &json!({})).to_string()).await;
        // An audit counts that begins more than a second after the policy.
        until_older_than(jiff::Timestamp::now(), 2).await;
        let audit = world.aws.run_schedule(SCHEDULE).unwrap();
        world.until_called(operation, 1).await;
        let status = world.policy_status("nightly").await;
        assert!(
            status.audits.is_empty() && !says(&status, "Ready", ("True", "Watching")),
            "{status:?}"
        );
        assert!(world.task_names().await.is_empty());
        world.aws.remove_fault(fault);
        assert_eq!(world.noted("nightly", &audit).await.0, "TaskCreated", "{operation:?}");
    }
}

#[tokio::test]
async fn an_audit_in_progress_is_waited_for_and_a_failed_one_is_noted() {
    let mut world = World::with_schedule("policy-progress", &[]).await;
    world.add_problems(2);
    world.start_operator();
    world.watch("nightly", &json!({})).await;
    let audit = world.aws.begin_schedule(SCHEDULE).unwrap();
    let polls = world.calls(Operation::ListAuditTasks).len();
    world.until_called(Operation::ListAuditTasks, polls + 3).await;
    assert!(world.policy_status("nightly").await.audits.is_empty());
    world.complete(&audit, "FAILED");
    let (outcome, reason, _) = world.noted("nightly", &audit).await;
    assert_eq!(outcome, "AuditFailed");
    assert!(reason.starts_with("Failed"), "{reason}");
    world.until_events("nightly", &["AuditFailed"]).await;
    let audit = world.aws.begin_schedule(SCHEDULE).unwrap();
    world.complete(&audit, "COMPLETED");
    assert_eq!(world.noted("nightly", &audit).await.0, "TaskCreated");
}

/// It changes no row: what the audit has found is acted on.
#[tokio::test]
async fn a_check_that_the_schedule_does_not_run_is_told_and_the_others_are_acted_on() {
    const REVOKED: &str = "REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK";
    let mut world = World::with_schedule("policy-unscheduled", &[]).await;
    world.start_operator();
    let mapping = json!({ EXPIRING: ["Deactivate"], REVOKED: ["Deactivate"] });
    world
        .watch("nightly", &json!({ "auditCheckToActionsMapping": mapping }))
        .await;
    world.until_events("nightly", &["CheckNotAudited"]).await;
    let audit = world.aws.run_schedule(SCHEDULE).unwrap();
    assert_eq!(world.noted("nightly", &audit).await.0, "Compliant");
    let status = world.policy_status("nightly").await;
    assert!(says(&status, "Compliant", ("Unknown", "CheckNotAudited")), "{status:?}");
    assert_eq!(ready(&status), ("True".to_owned(), "Watching".to_owned()));
    world.add_problems(1);
    let found = world.mitigated("nightly").await;
    let task = world.get(&format!("nightly-{found}")).await;
    let mapping = &task.spec.good().unwrap().audit_check_to_actions_mapping;
    assert_eq!(mapping.keys().collect::<Vec<_>>(), [EXPIRING]);
    // A check that failed says nothing of the fleet either.
    world.watch("nightly", &json!({})).await;
    let audit = world.aws.begin_schedule(SCHEDULE).unwrap();
    let results = BTreeMap::from([(SHARED.to_owned(), CheckResult::status("FAILED"))]);
    world.aws.complete_audit(&audit, "COMPLETED", results).unwrap();
    assert_eq!(world.noted("nightly", &audit).await.0, "Compliant");
    let failed = |status: &Status| says(status, "Compliant", ("Unknown", "CheckFailed"));
    world.until_policy("nightly", "it is told", failed).await;
}

#[tokio::test]
async fn a_suspended_policy_counts_and_makes_nothing() {
    let mut world = World::with_schedule("policy-suspended", &[]).await;
    world.add_problems(4);
    world.start_operator();
    let status = world.watch("nightly", &json!({ "suspend": true })).await;
    assert_eq!(ready(&status).1, "Suspended");
    let audit = world.aws.run_schedule(SCHEDULE).unwrap();
    let (outcome, reason, _) = world.noted("nightly", &audit).await;
    assert_eq!((&*outcome, &*reason), ("Skipped", "Suspended"));
    let status = world.policy_status("nightly").await;
    assert_eq!(status.findings, Some(4));
    assert!(says(&status, "Compliant", ("False", "FindingsLeft")));
    // Resumed: the next audit, and not this one.
    world.watch("nightly", &json!({})).await;
    let next = world.mitigated("nightly").await;
    assert_eq!(world.task_names().await, [format!("nightly-{next}")]);
}

#[tokio::test]
async fn an_audit_waits_for_the_end_of_the_last_task() {
    let mut world = World::with_schedule("policy-waits", &[]).await;
    world.add_problems(2);
    world.aws.set_outcome("*", Outcome::held());
    world.start_operator();
    world.watch("nightly", &json!({})).await;
    let first = world.aws.run_schedule(SCHEDULE).unwrap();
    let task = world.noted("nightly", &first).await.2.unwrap();
    let running = world.phase(&task, Phase::Running).await;
    let second = world.aws.run_schedule(SCHEDULE).unwrap();
    let waits = |status: &Status| status.conditions[0].message.contains("waits for its end");
    world.until_policy("nightly", "it waits", waits).await;
    // A newer one is judged in its place.
    let third = world.aws.run_schedule(SCHEDULE).unwrap();
    let names_it = |status: &Status| status.conditions[0].message.contains(&third);
    world.until_policy("nightly", "the newest waits", names_it).await;
    assert_eq!(world.task_names().await, std::slice::from_ref(&task));
    world.aws.set_outcome("*", Outcome::default());
    world.aws.finish(running.task_id.as_deref().unwrap());
    let (outcome, _, made) = world.noted("nightly", &third).await;
    assert_eq!(outcome, "TaskCreated");
    assert_eq!(world.noted("nightly", &second).await.1, "Superseded");
    world.phase(&made.unwrap(), Phase::Completed).await;
    assert!(world.aws.tasks_of_audit(&second).is_empty());
}

#[tokio::test]
async fn a_task_that_waits_for_its_approval_is_superseded_by_a_newer_audit() {
    let mut world = World::with_schedule("policy-supersedes", &[]).await;
    world.add_problems(2);
    world.start_operator();
    world.watch("nightly", &json!({ "approval": {} })).await;
    let first = world.aws.run_schedule(SCHEDULE).unwrap();
    let old = world.noted("nightly", &first).await.2.unwrap();
    world.phase(&old, Phase::AwaitingApproval).await;
    let second = world.aws.run_schedule(SCHEDULE).unwrap();
    let new = world.noted("nightly", &second).await.2.unwrap();
    world.phase(&new, Phase::AwaitingApproval).await;
    assert_eq!(world.task_names().await, std::slice::from_ref(&new));
    assert_eq!(
        world.noted("nightly", &first).await,
        ("Skipped".to_owned(), "Superseded".to_owned(), Some(old))
    );
    // One that finds nothing supersedes as well.
    world.aws.remove_problems("*");
    let third = world.aws.run_schedule(SCHEDULE).unwrap();
    assert_eq!(world.noted("nightly", &third).await.0, "Compliant");
    world.until_gone(&new).await;
    assert!(world.calls(Operation::START).is_empty());
    let told = [
        "TaskCreated",
        "FindingsLeft",
        "TaskSuperseded",
        "TaskCreated",
        "TaskSuperseded",
        "Compliant",
    ];
    world.until_events("nightly", &told).await;
}

#[tokio::test]
async fn a_task_that_the_api_server_refuses_is_told_and_tried_again() {
    let mut world = World::with_schedule("policy-refused", &[]).await;
    world.add_problems(2);
    let name = format!("refuse-{}", world.namespace);
    for object in guard(&name, &world.namespace) {
        world.cluster.apply(&object.to_string()).await.unwrap();
    }
    refused_at_last(&world).await;
    world.start_operator();
    world.watch("nightly", &json!({})).await;
    let audit = world.aws.run_schedule(SCHEDULE).unwrap();
    let refused = |status: &Status| says(status, "Reconciling", ("True", "TaskRefused"));
    let status = world.until_policy("nightly", "it is told", refused).await;
    let message = &status.conditions[0].message;
    assert!(message.contains("not in this namespace"), "{message}");
    assert!(status.audits.is_empty());
    let guards = ["validatingadmissionpolicybinding", "validatingadmissionpolicy"];
    for guard in guards {
        world.cluster.kubectl_ok(&["delete", guard, &name]).await.unwrap();
    }
    assert_eq!(world.noted("nightly", &audit).await.0, "TaskCreated");
    world
        .until_policy("nightly", "it watches", |status| ready(status).0 == "True")
        .await;
}

/// Admission policies take a moment.
async fn refused_at_last(world: &World) {
    let args = ["--namespace", &world.namespace, "create", "--dry-run=server", "-f", "-"];
    let task = object("probe", &crate::operator::spec("probe")).to_string();
    eventually(LIMIT, "tasks are refused", async || {
        let output = world
            .cluster
            .kubectl_stdin(&args, &task)
            .await
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            Err("not yet".to_owned())
        } else {
            Ok(())
        }
    })
    .await
    .unwrap();
}

fn guard(name: &str, namespace: &str) -> [serde_json::Value; 2] {
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": name },
        "spec": {
            "matchConstraints": { "resourceRules": [{
                "apiGroups": ["devicedefender.dev"], "apiVersions": ["*"], "operations": ["CREATE"],
                "resources": ["auditmitigationtasks"],
            }] },
            "validations": [{ "expression": "false", "message": "not in this namespace" }],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": name },
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": { "namespaceSelector": {
                "matchLabels": { "kubernetes.io/metadata.name": namespace },
            } },
        },
    });
    [policy, binding]
}

#[tokio::test]
async fn a_name_that_is_taken_by_something_else_is_told() {
    let mut world = World::with_schedule("policy-taken", &[]).await;
    world.add_problems(2);
    let audit = world.aws.begin_schedule("DailyAudit").unwrap();
    assert!(!audit.is_empty());
    world.start_operator();
    world.watch("nightly", &json!({})).await;
    let audit = world.aws.begin_schedule(SCHEDULE).unwrap();
    let name = format!("nightly-{audit}");
    let mut suspended = crate::operator::spec("somebody-elses");
    suspended["suspend"] = json!(true);
    world.create(&name, &suspended).await;
    world.complete(&audit, "COMPLETED");
    let (outcome, reason, _) = world.noted("nightly", &audit).await;
    assert_eq!((&*outcome, &*reason), ("Skipped", "NameTaken"));
    world.until_events("nightly", &["AuditSkipped", "FindingsLeft"]).await;
    // A task for the same, as a backup brings it back, is the one that was meant.
    let audit = world.aws.begin_schedule(SCHEDULE).unwrap();
    suspended["target"] = json!({ "auditTaskId": audit });
    suspended["taskId"] = json!(format!("{}_nightly_{audit}", world.namespace));
    world.create(&format!("nightly-{audit}"), &suspended).await;
    world.complete(&audit, "COMPLETED");
    assert_eq!(world.noted("nightly", &audit).await.0, "TaskCreated");
}

#[tokio::test]
async fn an_audit_that_waited_too_long_is_skipped() {
    let mut world = World::with_schedule("policy-old", &[]).await;
    world.add_problems(2);
    world.aws.set_outcome("*", Outcome::held());
    world.start_operator();
    world.watch("nightly", &json!({})).await;
    let first = world.aws.run_schedule(SCHEDULE).unwrap();
    let task = world.noted("nightly", &first).await.2.unwrap();
    world.phase(&task, Phase::Running).await;
    let second = world.aws.run_schedule(SCHEDULE).unwrap();
    let waits = |status: &Status| status.conditions[0].message.contains("waits for its end");
    world.until_policy("nightly", "it waits", waits).await;
    world
        .apply(&policy("nightly", &json!({ "startingDeadlineSeconds": 60 })).to_string())
        .await;
    let (outcome, reason, _) = world.noted("nightly", &second).await;
    assert_eq!((&*outcome, &*reason), ("Skipped", "TooOld"));
}

#[tokio::test]
async fn ended_tasks_beyond_the_limit_are_deleted_and_not_made_again() {
    let mut world = World::with_schedule("policy-history", &[]).await;
    // It mends nothing, so that each audit finds it again.
    world.add_problems(1);
    world.start_operator();
    let fields = json!({
        "auditCheckToActionsMapping": { super::EXPIRING: ["Quarantine"] },
        "successfulTasksHistoryLimit": 1,
    });
    world.watch("nightly", &fields).await;
    let mut audits = Vec::new();
    for _ in 0..3 {
        audits.push(world.mitigated("nightly").await);
    }
    let last = format!("nightly-{}", audits[2]);
    eventually(LIMIT, "the older ones are gone", async || {
        match world.task_names().await {
            names if names == [last.clone()] => Ok(()),
            names => Err(format!("{names:?}")),
        }
    })
    .await
    .unwrap();
    for audit in &audits {
        assert_eq!(world.aws.tasks_of_audit(audit).len(), 1);
    }
}
